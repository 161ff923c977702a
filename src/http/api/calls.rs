//! The journal of clients' calls, as JSON page by page or as CSV.

use super::{
    Api,
    callbacks::{limit, moment},
    problem::{Denied, Malformed, Problem, Unavailable},
    tokens::Reader,
    wire::Call,
};
use crate::{
    engine::{
        record::{CallbackId, ChannelId},
        time::Wall,
    },
    report::csv::quoted,
    store::{JournalQuery, JournalRow, Place, Subject},
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which calls.
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
    /// The newest ones in place of the oldest.
    newest: Option<bool>,
    /// How many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    #[param(pattern = r"^(c\.-?[0-9]{1,15}\.[0-9A-Za-z-]{1,64}|b\.-?[0-9]{1,15}\.[0-9]{1,15})$")]
    after: Option<String>,
    /// json, csv.
    #[param(inline)]
    format: Option<Format>,
}

/// How they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A page of JSON.
    #[default]
    Json,
    /// The same page as comma-separated values with a head line.
    Csv,
}

/// A page of calls, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Calls {
    /// The calls.
    calls: Vec<Call>,
    /// What to say as `after` for the next page; null: there is none.
    next: Option<String>,
}

/// Clients' calls, the oldest first. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/calls", tag = "calls", params(Which), security(("token" = [])),
    responses(
        (status = 200, content((Calls = "application/json"), (String = "text/csv"))),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn list(
    _: Reader,
    State(api): State<Api>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(which) = which?;
    let limit = limit(which.limit)?;
    let since = which.since.as_deref().map(moment).transpose()?;
    let after = match (&which.after, which.newest) {
        (Some(text), _) => Some(place(text)?),
        (None, Some(true)) => None,
        (None, _) => Some(Place::before(since.unwrap_or(Wall(i64::MIN)))),
    };
    let query = JournalQuery {
        since,
        until: which.until.as_deref().map(moment).transpose()?,
        number: which.number.map(|text| api.service.number(&text)).transpose()?,
        line: which.line.map(Into::into),
        limit: Some(limit),
        after,
        ..JournalQuery::default()
    };
    let rows = api.service.journal(&query).await?;
    let more = rows.len() == limit && which.newest != Some(true);
    let next = rows.last().and_then(JournalRow::place).filter(|_| more).map(|place| cursor(&place));
    let calls: Vec<Call> = rows.iter().filter_map(|row| row.call.as_ref()).map(Into::into).collect();
    Ok(match which.format.unwrap_or_default() {
        Format::Json => Json(Calls { calls, next }).into_response(),
        Format::Csv => ([(CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&calls)).into_response(),
    })
}

/// A place as text: its kind, its time, its id.
pub fn cursor(place: &Place) -> String {
    match &place.of {
        Subject::Call(id) => format!("c.{}.{id}", place.at.0),
        Subject::Callback(id) => format!("b.{}.{id}", place.at.0),
    }
}

pub fn place(text: &str) -> Result<Place, Problem> {
    let mut parts = text.splitn(3, '.');
    let (kind, at, id) = (parts.next(), parts.next(), parts.next());
    let at = at.and_then(|at| at.parse().ok()).map(Wall);
    let of = match (kind, id) {
        (Some("c"), Some(id)) => Some(Subject::Call(ChannelId::new(id))),
        (Some("b"), Some(id)) => id.parse().ok().map(|id| Subject::Callback(CallbackId(id))),
        _ => None,
    };
    let told = || Problem::malformed("`after` is the `next` of the page before, as it is");
    at.zip(of).map(|(at, of)| Place { at, of }).ok_or_else(told)
}

const HEAD: [&str; 14] = [
    "id",
    "arrived",
    "line",
    "number",
    "name",
    "served",
    "operator",
    "talk_ms",
    "waited_ms",
    "ended",
    "missed",
    "cause",
    "callback",
    "left",
];

fn csv(calls: &[Call]) -> String {
    let mut text = HEAD.join(",");
    text.push_str("\r\n");
    for call in calls {
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        let left = call.queue.as_ref().and_then(|queue| queue.left.clone());
        let fields = [
            call.id.clone(),
            call.arrived.clone(),
            call.line.clone(),
            of(&call.number),
            harmless(&call.name),
            of(&call.served),
            of(&call.operator),
            call.talk_ms.to_string(),
            call.waited_ms.to_string(),
            of(&call.ended),
            call.missed.map_or_else(String::new, |missed| missed.to_string()),
            call.cause.clone(),
            call.callback.map_or_else(String::new, |id| id.to_string()),
            left.unwrap_or_default(),
        ];
        text.push_str(&fields.map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A caller's name is the caller's: a table calculator would run what begins like a formula.
pub fn harmless(name: &str) -> String {
    match name.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{name}"),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for place in [
            Place { at: Wall(5), of: Subject::Call(ChannelId::new("a.b.c")) },
            Place { at: Wall(-5), of: Subject::Callback(CallbackId(7)) },
        ] {
            assert_eq!(super::place(&cursor(&place)).ok(), Some(place));
        }
        for wrong in ["", "c", "c.x.1", "b.1.x", "d.1.1"] {
            assert_eq!(super::place(wrong).err().map(|problem| problem.status), Some(400), "{wrong}");
        }
    }

    #[test]
    fn no_name_is_a_formula_or_breaks_its_column() {
        assert_eq!(harmless("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(quoted("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(quoted(&harmless("Анна")), "Анна");
    }
}
