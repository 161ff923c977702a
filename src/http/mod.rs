//! The HTTP listener: metrics, health, the intake of call detail records, and the API.
//!
//! | path | answers |
//! |---|---|
//! | `GET /metrics` | Prometheus' text |
//! | `GET /healthz` | 200 while the daemon's loop answers |
//! | `GET /readyz` | 200 while it can call somebody back: the store takes writes and a switch is there; else 503 with why |
//! | `/api/v1/…`, `/openapi.json`, `/docs` | the API: see `api` |
//! | `/`, `/operator`, `/console` | the pages: see `pages`; `/session` signs in to them |
//! | `/widget.js`, `/widget/…` | the widget of web sites: see `widget` |
//! | `POST /cdr/json` | 204 when what the record told is on the disk; mod_json_cdr keeps the record on any other answer |

mod api;
mod cdr;
mod pages;
mod session;
mod widget;

pub use api::{Api, Events, Once, fingerprint, new_secret};
pub use cdr::MOST_POSTS;
pub use pages::{SHOP_KEY, shop};
pub use widget::Widget;

use crate::{clock::Clock, control::Service, metrics};
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The longest body that is read, in bytes.
pub const MOST_BODY: usize = 4 << 20;

/// The longest body that the API reads, in bytes.
pub const MOST_ASKED: usize = 64 << 10;

/// What the handlers share.
#[derive(Clone)]
pub struct Http {
    /// The daemon.
    pub service: Service,
    /// The metrics.
    pub metrics: PrometheusHandle,
    /// The time, for what is due.
    pub clock: Clock,
    /// `user:password` of those who may post call records; `None`: whoever reaches the port.
    pub credentials: Option<Arc<str>>,
    /// The places of [`MOST_POSTS`].
    pub posts: Arc<Semaphore>,
}

/// The routes.
pub fn router(http: Http, api: Api, widget: Widget) -> Router {
    let own = Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/cdr/json", post(cdr::take))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .with_state(http);
    own.merge(pages::router())
        .merge(session::router(api.tokens.clone()))
        .merge(widget::router(widget))
        .merge(api::router(api).layer(DefaultBodyLimit::max(MOST_ASKED)))
}

async fn scrape(State(http): State<Http>) -> Response {
    if let Ok(status) = http.service.status().await {
        metrics::status(&status, http.clock.now().wall);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], http.metrics.render()).into_response()
}

async fn alive(State(http): State<Http>) -> Response {
    match http.service.status().await {
        Ok(_) => "alive\n".into_response(),
        Err(refusal) => unavailable(&refusal.text),
    }
}

async fn ready(State(http): State<Http>) -> Response {
    let status = match http.service.status().await {
        Ok(status) => status,
        Err(refusal) => return unavailable(&refusal.text),
    };
    if !status.store_works {
        return unavailable("the store takes no writes");
    }
    match status.switches.iter().any(|switch| switch.up && switch.settled) {
        true => "ready\n".into_response(),
        false => unavailable("no switch is connected"),
    }
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}
