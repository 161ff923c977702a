//! A client asks to be called. Whatever is not right is refused with its reason, and nothing is dialled.

use super::{
    Visitor, Widget,
    challenge::{NotDone, Work},
    limits::Full,
    progress::paper_id,
    site::DAYS,
};
use crate::{
    config::Site,
    control::request::Refusal,
    engine::{
        effect::Notice,
        input::{Input, Request, Wish},
        number::Number,
        paper::{Paper, PaperKind},
        record::Marks,
        time::{Span, Wall},
    },
    http::api::Problem,
};
use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

/// Hexadecimal digits of a request's id.
const ID_LENGTH: usize = 32;
/// The longest number as it is typed, in characters.
const LONGEST_NUMBER: usize = 40;
/// The longest address of a page that is kept, in characters.
const LONGEST_PAGE: usize = 1000;

/// What the widget sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Of 128 random bits, in hexadecimal.
    id: String,
    number: String,
    /// When to call, in milliseconds since 1970 UTC; now when it is left out.
    #[serde(default)]
    due: Option<i64>,
    #[serde(default)]
    consent: bool,
    #[serde(default)]
    work: Option<Work>,
    #[serde(default)]
    whence: Whence,
}

/// Where the visitor came from, as the page says: hostile.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Whence {
    /// The address of the page.
    page: String,
    /// Its title.
    title: String,
    /// The page before the site.
    referrer: String,
    /// The site's own id of the visitor.
    client: String,
    utm: Utm,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Utm {
    source: String,
    medium: String,
    campaign: String,
    term: String,
    content: String,
}

impl Whence {
    /// What goes with the callback: the operator is told the page's title, or where there is none its address.
    fn marks(&self) -> Marks {
        let Utm { source, medium, campaign, term, content } = &self.utm;
        let page = if self.title.trim().is_empty() { &self.page } else { &self.title };
        let tags: Vec<&str> = [term, content].into_iter().map(String::as_str).filter(|tag| !tag.is_empty()).collect();
        let marks = Marks {
            channel: medium.clone(),
            source: source.clone(),
            campaign: campaign.clone(),
            page: page.trim().to_owned(),
            tags: tags.join(", "),
        };
        marks.cleaned()
    }
}

/// Why nobody is called.
pub struct Refused(Response);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused(problem.into_response())
    }
}

impl From<Full> for Refused {
    fn from(full: Full) -> Refused {
        Refused(full.into_response())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0
    }
}

/// Asks for a call. What was asked under this id before is told as it stands, and not asked again.
pub async fn ask(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    body: Result<Json<Asked>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(asked) = body.map_err(Problem::from)?;
    let is_id = asked.id.len() == ID_LENGTH && asked.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(Problem::malformed(format!("`id` has {ID_LENGTH} hexadecimal digits")).into());
    }
    let site = &*visitor.site;
    let (status, paper) = match widget.paper(&site.name, &asked.id).await? {
        Some(paper) => (StatusCode::OK, paper),
        None => {
            let now = widget.clock.now();
            widget.tally().asked(&site.name, &site.limits, visitor.address, now.mono)?;
            let number = widget.allowed(&asked, site, now.wall)?;
            widget.tally().called(&site.name, &site.limits, number, now.mono)?;
            widget.wish(&asked, site, number, paper(&asked, &visitor, number, now.wall)).await?;
            let lost = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store", "the request was not kept");
            (StatusCode::CREATED, widget.paper(&site.name, &asked.id).await?.ok_or_else(lost)?)
        }
    };
    let (_, progress) = widget.progress(&paper).await?;
    Ok((status, Json(progress.told(widget.clock.now().wall))).into_response())
}

impl Widget {
    /// The number that is to be called, if everything else is as it must be.
    fn allowed(&self, asked: &Asked, site: &Site, now: Wall) -> Result<Number, Problem> {
        let refuse = |code, detail: &str| Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail));
        let rules = self.service.handle().rules();
        let number = Some(&asked.number).filter(|text| text.len() <= LONGEST_NUMBER);
        let Some(number) = number.and_then(|text| Number::parse(text, &rules.country).ok()) else {
            return refuse("number", "this is no telephone number");
        };
        if number.country_of_ordinary().is_none() {
            return refuse("number-kind", "there is no such number, or calls to it cost more than usual");
        }
        if !site.allow.iter().any(|allowed| allowed.has(number)) {
            return refuse("number-country", "numbers of this country are not called from this site");
        }
        if rules.lines.values().any(|line| line.numbers.contains(&number)) {
            return refuse("number-own", "this is our own number");
        }
        if site.look.consent.is_some() && !asked.consent {
            return refuse("consent", "the visitor has not agreed");
        }
        if asked.due.is_some_and(|due| due > (now + Span(DAYS as u64 * 86_400_000)).0) {
            return refuse("time", "that is too far ahead");
        }
        self.worked(asked, site, now)?;
        Ok(number)
    }

    fn worked(&self, asked: &Asked, site: &Site, now: Wall) -> Result<(), Problem> {
        let Some(bits) = site.challenge else { return Ok(()) };
        let done = asked.work.as_ref().ok_or(NotDone::TooLittle);
        let judged = done.and_then(|done| self.seal.judge(&site.key, done, &asked.id, bits, now));
        judged.map_err(|why| {
            let detail = match why {
                NotDone::Forged => "the challenge is none of ours: ask for the settings anew",
                NotDone::Expired => "the challenge is too old: ask for the settings anew",
                NotDone::TooLittle => "the work of the challenge is not done",
            };
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "challenge", detail)
        })
    }

    async fn wish(&self, asked: &Asked, site: &Site, number: Number, paper: Paper) -> Result<(), Problem> {
        let request = Request {
            number,
            line: site.line.clone(),
            site: site.name.to_string(),
            marks: asked.whence.marks(),
            due: asked.due.map(Wall),
            paper,
        };
        self.outlook(site).await?; // there is such a line
        let step = self.service.handle().step(Input::Wish(Wish::Request(Box::new(request)))).await;
        let notices = step.map_err(Refusal::from)?.map_err(Refusal::from)?;
        match notices.iter().any(|notice| matches!(notice, Notice::Blocked(block) if block.number == number)) {
            true => Err(Problem::new(StatusCode::FORBIDDEN, "blocked", "this number is never called")),
            false => Ok(()),
        }
    }
}

/// What is kept of a request beside the callback.
fn paper(asked: &Asked, visitor: &Visitor, number: Number, now: Wall) -> Paper {
    let Whence { page, title, referrer, client, utm } = &asked.whence;
    let site = &*visitor.site;
    let kept = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST_PAGE).collect::<String>();
    let [page, title, referrer, client] = [page, title, referrer, client].map(|text| kept(text));
    let [source, medium, campaign, term, content] =
        [&utm.source, &utm.medium, &utm.campaign, &utm.term, &utm.content].map(|text| kept(text));
    let consent = site.look.consent.as_ref().map(|text| json!({ "text": text, "at": now.timestamp().to_string() }));
    let body = json!({
        "site": site.name, "line": site.line, "page": page, "title": title, "referrer": referrer, "client": client,
        "utm": { "source": source, "medium": medium, "campaign": campaign, "term": term, "content": content },
        "address": visitor.address.to_string(), "consent": consent,
        "due": asked.due.map(|due| Wall(due).timestamp().to_string()),
    });
    let id = paper_id(&site.name, &asked.id);
    Paper { kind: PaperKind::Request, id, about: number.to_string(), at: now, body: body.to_string() }
}
