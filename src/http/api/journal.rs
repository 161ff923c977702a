//! The journal, the newest first: calls and callbacks that were asked for, with what became of each; as JSON page by page, or
//! all of it as CSV.

use super::{
    Api,
    callbacks::{limit, moment, one_of},
    calls::{Format, cursor, harmless, place},
    problem::{Denied, Malformed, Problem, Unavailable},
    tokens::Reader,
    wire::{self, Call, Callback},
};
use crate::{
    control::Service,
    engine::rules::{Line, Rules},
    report::csv::quoted,
    store::{JournalQuery, JournalRow, Mark, RowStatus},
};
use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many rows are read at once for a CSV.
const PAGE: usize = 1000;

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// That came from this time on.
    #[param(format = DateTime)]
    since: Option<String>,
    /// That came before this time.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Of this client: E.164, or as people of the country write a number.
    #[param(pattern = r"^\+[1-9][0-9]{7,14}$")]
    number: Option<String>,
    /// Of this line.
    line: Option<String>,
    /// For the operators of this group.
    group: Option<String>,
    /// In which this operator had a part, in the call or in its callback.
    operator: Option<String>,
    /// Of this marketing source: what came with the call, else what its line has.
    source: Option<String>,
    /// Of this campaign, likewise.
    campaign: Option<String>,
    /// What became of it, any of these with commas between: live, served, unserved, pending, recovered, lost.
    #[param(
        pattern = r"^(live|served|unserved|pending|recovered|lost)(,(live|served|unserved|pending|recovered|lost)){0,5}$"
    )]
    status: Option<String>,
    /// Only those that belong to an earlier miss: the client called again, or was dialled. `false`: only the others.
    redial: Option<bool>,
    /// How many, 1 to 1000; a CSV has them all.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    #[param(pattern = r"^(c\.-?[0-9]{1,15}\.[0-9A-Za-z-]{1,64}|b\.-?[0-9]{1,15}\.[0-9]{1,15})$")]
    before: Option<String>,
    /// json, csv.
    #[param(inline)]
    format: Option<Format>,
}

/// A row of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Row {
    /// Its key.
    id: String,
    /// When the call came, or the callback was asked for.
    #[schema(format = DateTime)]
    at: String,
    /// What became of it: live, served, unserved, pending, recovered, lost.
    status: String,
    /// How it belongs to an earlier miss: `again` (the client called again), `dialled` (we dialled the client); null: it does not.
    redial: Option<String>,
    /// The operator who last talked with the client in the callback.
    reached_by: Option<String>,
    /// The client's call; null: the callback was asked for otherwise.
    call: Option<Call>,
    /// The callback that it opened, joined or cancelled.
    callback: Option<Callback>,
}

impl Row {
    fn of(row: &JournalRow, rules: &Rules) -> Option<Row> {
        let place = row.place()?;
        let mut call: Option<Call> = row.call.as_ref().map(Into::into);
        if let Some(call) = &mut call
            && let Some(line) = rules.lines.get(call.line.as_str())
        {
            let own = [(&mut call.whence.channel, &line.channel), (&mut call.whence.source, &line.source)];
            let marks = own.into_iter().chain([(&mut call.whence.campaign, &line.campaign)]);
            marks.filter(|(mark, _)| mark.is_empty()).for_each(|(mark, own)| mark.clone_from(own));
        }
        Some(Row {
            id: cursor(&place),
            at: wire::moment(place.at),
            status: row.status().as_str().to_owned(),
            redial: row.redial().map(|redial| redial.as_str().to_owned()),
            reached_by: row.reached_by.as_ref().map(ToString::to_string),
            call,
            callback: row.callback.as_ref().map(Into::into),
        })
    }
}

/// A page of the journal, the newest row first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rows {
    /// The rows.
    rows: Vec<Row>,
    /// What to say as `before` for the next page; null: there is none.
    next: Option<String>,
}

/// The journal, the newest first: calls, and callbacks that were asked for, with what became of each. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/journal", tag = "calls", params(Which), security(("token" = [])),
    responses(
        (status = 200, content((Rows = "application/json"), (String = "text/csv"))),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn list(
    _: Reader,
    State(api): State<Api>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(which) = which?;
    let format = which.format.unwrap_or_default();
    let mut query = which.query(&api.service)?;
    let rules = api.service.handle().rules();
    match format {
        Format::Json => {
            let (rows, next) = page(&api.service, &mut query).await?;
            let rows = rows.iter().filter_map(|row| Row::of(row, &rules)).collect();
            Ok(Json(Rows { rows, next }).into_response())
        }
        Format::Csv => {
            query.limit = Some(PAGE);
            let headers = [
                (CONTENT_TYPE, "text/csv; charset=utf-8"),
                (CONTENT_DISPOSITION, "attachment; filename=\"journal.csv\""),
            ];
            Ok((headers, everything(api.service, query)).into_response())
        }
    }
}

impl Which {
    fn query(self, service: &Service) -> Result<JournalQuery, Problem> {
        let rules = service.handle().rules();
        let mark = |word: Option<String>, own: fn(&Line) -> &str| {
            word.map(|word| {
                let lines = rules.lines.values().filter(|line| own(line) == word);
                Mark { lines: lines.map(|line| line.name.clone()).collect(), word }
            })
        };
        Ok(JournalQuery {
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            number: self.number.map(|text| service.number(&text)).transpose()?,
            line: self.line.map(Into::into),
            group: mark(self.group, |line| &line.group),
            operator: self.operator.map(Into::into),
            source: mark(self.source, |line| &line.source),
            campaign: mark(self.campaign, |line| &line.campaign),
            status: statuses(self.status)?,
            redial: self.redial,
            limit: Some(limit(self.limit)?),
            after: None,
            before: self.before.as_deref().map(place).transpose()?,
        })
    }
}

fn statuses(words: Option<String>) -> Result<Vec<RowStatus>, Problem> {
    let known = RowStatus::ALL.map(|(name, _)| name);
    let words = words.iter().flat_map(|words| words.split(','));
    words
        .map(|word| {
            one_of("status", Some(word.to_owned()), &known)?;
            Ok(RowStatus::ALL.into_iter().find(|(name, _)| *name == word).map_or(RowStatus::Live, |(_, status)| status))
        })
        .collect()
}

/// The newest rows that are asked for, the newest first, and where the next page begins; the query moves on to it.
async fn page(service: &Service, query: &mut JournalQuery) -> Result<(Vec<JournalRow>, Option<String>), Problem> {
    let mut rows = service.journal(query).await?;
    rows.reverse();
    query.before = rows.last().and_then(JournalRow::place).filter(|_| rows.len() == query.limit());
    let next = query.before.as_ref().map(cursor);
    Ok((rows, next))
}

/// All rows, read page by page while they are sent. A store that cannot be read any more ends the answer short of its end.
fn everything(service: Service, query: JournalQuery) -> Body {
    let rules = service.handle().rules();
    // The mark in front tells table calculators that this is UTF-8.
    let head = format!("\u{feff}{}\r\n", HEAD.join(","));
    let begun = Some((head, query));
    Body::from_stream(stream::try_unfold(begun, move |left| {
        let (service, rules) = (service.clone(), rules.clone());
        async move {
            let Some((mut text, mut query)) = left else { return Ok(None) };
            let (rows, next) = page(&service, &mut query).await.map_err(|problem| problem.detail)?;
            rows.iter().filter_map(|row| Row::of(row, &rules)).for_each(|row| text.push_str(&line(&row)));
            Ok::<_, String>(Some((text, next.map(|_| (String::new(), query)))))
        }
    }))
}

const HEAD: [&str; 24] = [
    "id",
    "at",
    "kind",
    "status",
    "redial",
    "line",
    "group",
    "number",
    "name",
    "operator",
    "reached_by",
    "served",
    "talk_ms",
    "waited_ms",
    "ended",
    "cause",
    "left",
    "callback",
    "reason",
    "attempts",
    "source",
    "campaign",
    "page",
    "tags",
];

fn line(row: &Row) -> String {
    let (call, callback) = (row.call.as_ref(), row.callback.as_ref());
    let queue = call.and_then(|call| call.queue.as_ref());
    let of = |text: Option<&String>| text.cloned().unwrap_or_default();
    let said = |text: Option<&String>| harmless(&of(text));
    let whence = call.map(|call| &call.whence).or(callback.map(|callback| &callback.whence));
    let fields = [
        row.id.clone(),
        row.at.clone(),
        if call.is_some() { "call" } else { "request" }.to_owned(),
        row.status.clone(),
        of(row.redial.as_ref()),
        of(call.map(|call| &call.line).or(callback.map(|callback| &callback.line))),
        of(queue.map(|queue| &queue.group)),
        of(call.map_or(callback.map(|callback| &callback.number), |call| call.number.as_ref())),
        said(call.map(|call| &call.name).or(callback.map(|callback| &callback.name))),
        of(call.and_then(|call| call.operator.as_ref())),
        of(row.reached_by.as_ref()),
        of(call.and_then(|call| call.served.as_ref())),
        call.map_or_else(String::new, |call| call.talk_ms.to_string()),
        call.map_or_else(String::new, |call| call.waited_ms.to_string()),
        of(call.and_then(|call| call.ended.as_ref())),
        of(call.map(|call| &call.cause)),
        of(queue.and_then(|queue| queue.left.as_ref())),
        callback.map_or_else(String::new, |callback| callback.id.to_string()),
        of(callback.and_then(|callback| callback.reason.as_ref())),
        callback.map_or_else(String::new, |callback| callback.attempts.to_string()),
        said(whence.map(|whence| &whence.source)),
        said(whence.map(|whence| &whence.campaign)),
        said(whence.map(|whence| &whence.page)),
        said(whence.map(|whence| &whence.tags)),
    ];
    fields.map(|field| quoted(&field)).join(",") + "\r\n"
}
