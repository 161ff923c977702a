//! What the widget of a web site asks: the only part of the port that is for everybody.
//!
//! | path | answers |
//! |---|---|
//! | `GET /widget.js` | the widget itself: see `pages` |
//! | `GET /widget/KEY` | how it looks, what it says, when the line is open |
//! | `POST /widget/KEY/requests` | a client asks to be called; sent again under its id, it is answered as it stands |
//! | `GET /widget/KEY/requests/ID` | how that goes; `…/events` tells it as it goes |
//! | `DELETE /widget/KEY/requests/ID` | the client does not want to be called any more |
//! | `/widget/KEY/chats…` | a conversation in writing: see `chat` |
//!
//! A browser asks these from the pages of the site's origins alone (CORS), and says no cookie. The id of a request is made by the
//! browser, of 128 random bits: who does not know it hears nothing of it.

mod ask;
mod challenge;
mod chat;
mod limits;
mod progress;
mod site;
mod whence;

use super::{
    api::{Problem, new_secret},
    session,
};
use crate::{
    chat::Chats,
    clock::Clock,
    config::{Config, Net, Site},
    control::Service,
};
use ask::Refused;
use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, RawPathParams, Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, ORIGIN, RETRY_AFTER, VARY,
        },
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use limits::{Full, Tally};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Semaphore;

/// The longest body that is read, in bytes.
const MOST_BODY: usize = 8 << 10;
/// How long a browser remembers what it may ask, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

/// What the handlers share.
#[derive(Clone)]
pub struct Widget {
    service: Service,
    clock: Clock,
    sites: Arc<[Arc<Site>]>,
    proxies: Arc<[Net]>,
    tally: Arc<Mutex<Tally>>,
    /// Chats that were begun: a visitor who writes may ask for a call as often as one who does not.
    begun: Arc<Mutex<Tally>>,
    chats: Arc<Chats>,
    seal: challenge::Seal,
    listeners: Arc<Semaphore>,
}

/// Who asks.
#[derive(Clone)]
struct Visitor {
    site: Arc<Site>,
    address: IpAddr,
}

impl Widget {
    /// For the sites of this configuration.
    pub fn of(config: &Config, service: Service, chats: Arc<Chats>, clock: Clock) -> Widget {
        Widget {
            service,
            clock,
            sites: config.sites.iter().cloned().map(Arc::new).collect(),
            proxies: config.proxies.clone().into(),
            tally: Arc::default(),
            begun: Arc::default(),
            chats,
            seal: challenge::Seal::new(&new_secret()),
            listeners: Arc::new(Semaphore::new(progress::MOST_LISTENERS)),
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chat_tally(&self) -> MutexGuard<'_, Tally> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes.
pub fn router(widget: Widget) -> Router {
    Router::new()
        .route("/widget/{key}", get(site::settings))
        .route("/widget/{key}/requests", post(ask::ask))
        .route("/widget/{key}/requests/{id}", get(progress::one).delete(progress::cancel))
        .route("/widget/{key}/requests/{id}/events", get(progress::events))
        .merge(chat::router())
        .route_layer(from_fn_with_state(widget.clone(), guard))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .with_state(widget)
}

/// Lets pages of the site's origins through, and tells the browser so.
async fn guard(State(widget): State<Widget>, params: RawPathParams, mut request: Request, next: Next) -> Response {
    let key = params.iter().find(|(name, _)| *name == "key").map_or("", |(_, key)| key);
    let Some(site) = widget.sites.iter().find(|site| *site.key == *key).cloned() else {
        let detail = "there is no site with this key: see `key` in [site.NAME] of the configuration";
        return Problem::new(StatusCode::NOT_FOUND, "site", detail).into_response();
    };
    let origin = match origin(&site, request.headers()) {
        Ok(origin) => origin.cloned(),
        Err(problem) => return problem.into_response(),
    };
    if request.method() == Method::OPTIONS {
        return open_to(preflight(), origin);
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let address = whence::address(peer, request.headers(), &widget.proxies);
    let looked = widget.tally().looked(address, widget.clock.now().mono);
    let answer = match looked {
        Err(full) => full.into_response(),
        Ok(()) => {
            request.extensions_mut().insert(Visitor { site, address });
            next.run(request).await
        }
    };
    open_to(answer, origin)
}

/// The origin of the page that asks; `None`: a page of our own, whose browser does not always say it.
fn origin<'a>(site: &Site, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Problem> {
    let said = headers.get(ORIGIN);
    let listed =
        said.and_then(|said| said.to_str().ok()).is_some_and(|said| site.origins.iter().any(|own| own == said));
    if listed || session::is_ours(headers) {
        return Ok(said);
    }
    let shown = said.and_then(|said| said.to_str().ok()).unwrap_or("a page that says no origin");
    let detail = format!("{shown} is none of the site's: add it to `origins` in [site.{}]", site.name);
    Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail))
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE")),
        (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")),
        (ACCESS_CONTROL_MAX_AGE, REMEMBERED),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn open_to(mut answer: Response, origin: Option<HeaderValue>) -> Response {
    let headers = answer.headers_mut();
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    headers.append(VARY, HeaderValue::from_static("Origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl IntoResponse for Full {
    fn into_response(self) -> Response {
        let (code, detail) = match self.what {
            "number" => ("rate-number", "this number was asked for often enough"),
            "site" => ("rate-site", "calls were asked for on this site often enough"),
            _ => ("rate-address", "calls were asked for from this address often enough"),
        };
        let again = self.again.as_seconds_up();
        let detail = format!("{detail}: there is room again in {again} s");
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
        ([(RETRY_AFTER, again)], problem).into_response()
    }
}
