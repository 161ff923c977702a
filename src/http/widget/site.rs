//! What the widget of a site looks like and says, and when its line is open.

use super::{Visitor, Widget};
use crate::{
    config::{Allowed, Site},
    control::request::Refusal,
    engine::{
        explain::Outlook,
        rules::{Language, Line, Rules},
        time::{Span, Wall},
    },
    http::api::Problem,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// How many days ahead a time may be chosen.
pub const DAYS: i32 = 7;

/// What the widget needs to know. Times are milliseconds since 1970 UTC.
#[derive(Serialize)]
struct Settings<'a> {
    /// The time here: the visitor's clock may be wrong.
    now: i64,
    language: Option<Language>,
    theme: &'a str,
    position: &'a str,
    color: Option<&'a str>,
    title: Option<&'a str>,
    text: Option<&'a str>,
    consent: Option<&'a str>,
    policy: Option<&'a str>,
    /// The code of the country whose numbers the field begins with: `7`.
    code: String,
    /// The first moment at which the line may call; null: there is none.
    opens: Option<i64>,
    /// When it may call in the next days.
    hours: Vec<(i64, i64)>,
    /// Within how many milliseconds the visitor's phone would ring; null: nobody is free, or it is shut.
    rings_within: Option<u64>,
    /// Visitors may write, too.
    chat: bool,
    /// What is to be worked on before a call is asked for, and how many bits of it.
    challenge: Option<(String, u32)>,
}

impl Widget {
    /// What a visitor may be told who thinks of asking for a call.
    pub async fn outlook(&self, site: &Site) -> Result<Outlook, Problem> {
        let gone =
            || Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "line", "the line of this site is gone");
        self.service.handle().outlook(site.line.clone()).await.map_err(Refusal::from)?.ok_or_else(gone)
    }
}

/// How the widget looks, what it says, when the line is open.
pub async fn settings(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let site = &*visitor.site;
    let outlook = widget.outlook(site).await?;
    let (now, rules) = (widget.clock.now().wall, widget.service.handle().rules());
    let look = &site.look;
    let settings = Settings {
        now: now.0,
        language: site.language,
        theme: look.theme,
        position: look.position,
        color: look.color.as_deref(),
        title: look.title.as_deref(),
        text: look.text.as_deref(),
        consent: look.consent.as_deref(),
        policy: look.policy.as_deref(),
        code: code(site, &rules),
        opens: outlook.opens.map(|at| at.0),
        hours: rules.lines.get(&site.line).map(|line| hours(line, now)).unwrap_or_default(),
        rings_within: outlook.rings_within.map(|span| span.0),
        chat: site.chat,
        challenge: site.challenge.map(|bits| (widget.seal.issue(&site.key, now), bits)),
    };
    Ok(Json(settings).into_response())
}

/// The country code of the first numbers that may be asked for.
fn code(site: &Site, rules: &Rules) -> String {
    let country = match site.allow.first() {
        Some(Allowed::Country(country)) => country,
        Some(Allowed::Beginning(digits)) => return digits.clone(),
        None => &rules.country,
    };
    let id = country.parse::<phonenumber::country::Id>().ok();
    let known = id.and_then(|id| phonenumber::metadata::DATABASE.by_id(id.as_ref()));
    known.map(|country| country.country_code().to_string()).unwrap_or_default()
}

fn hours(line: &Line, now: Wall) -> Vec<(i64, i64)> {
    let always = || vec![(now, now + Span(DAYS as u64 * 86_400_000))];
    let spans = line.calendar.as_ref().map_or_else(always, |calendar| calendar.openings(now, DAYS));
    spans.into_iter().map(|(from, to)| (from.0, to.0)).collect()
}
