//! The HTTP API, `/api/v1`: what the command line does, for programs and pages, over the same requests of the same daemon.
//!
//! Every call needs a bearer token with the scope that its description names; every answer is JSON, every refusal is a
//! problem (RFC 9457). Times are RFC 3339 in UTC, spans are milliseconds, numbers are E.164.

mod blocked;
mod callbacks;
mod calls;
mod chats;
mod clients;
mod desk;
mod docs;
mod events;
mod me;
mod once;
mod people;
mod problem;
mod reports;
mod settings;
mod tokens;
mod wire;

pub use chats::{MOST_PICTURE_BODY, MessageOf, NewMessage, inert};
pub use events::Events;
pub use once::Once;
pub(super) use problem::Problem;
pub use tokens::{fingerprint, new_secret, token_of};

use crate::{
    chat::Chats,
    clock::Clock,
    config::{Pages, Token},
    control::Service,
};
use axum::{Json, Router, extract::DefaultBodyLimit, routing::get};
use std::sync::Arc;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    /// The daemon.
    pub service: Service,
    /// Who may ask.
    pub tokens: Arc<[Token]>,
    /// What was asked under an `Idempotency-Key`.
    pub once: Arc<Once>,
    /// What happened lately.
    pub events: Arc<Events>,
    /// Chats with visitors.
    pub chats: Arc<Chats>,
    /// The time.
    pub clock: Clock,
    /// What the pages show beside what the daemon knows.
    pub pages: Arc<Pages>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Perezvon", description = "Calls, callbacks, the queue, operators and reports of a daemon beside FreeSWITCH"),
    modifiers(&Bearer),
    components(schemas(problem::Problem)),
    tags(
        (name = "callbacks", description = "The jobs of reaching clients"),
        (name = "calls", description = "The journal of clients' calls"),
        (name = "chats", description = "Conversations in writing with visitors of web sites"),
        (name = "people", description = "Operators, groups, and who waits"),
        (name = "clients", description = "What is known of a client, and what operators say of them"),
        (name = "numbers", description = "Numbers that are never dialled"),
        (name = "settings", description = "What people edit over the file, in versions"),
        (name = "reports", description = "Totals, and what happens as it happens"),
    )
)]
struct Description;

/// How callers say who they are.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

fn described() -> (Router<Api>, utoipa::openapi::OpenApi) {
    let api = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(callbacks::list, callbacks::make))
        .routes(routes!(callbacks::one))
        .routes(routes!(callbacks::cancel))
        .routes(routes!(callbacks::explain))
        .routes(routes!(callbacks::reschedule))
        .routes(routes!(callbacks::dial))
        .routes(routes!(calls::list))
        .routes(routes!(chats::list))
        .routes(routes!(chats::one, chats::change))
        .routes(routes!(chats::say))
        .merge(pictures())
        .routes(routes!(chats::picture))
        .routes(routes!(chats::typing))
        .routes(routes!(me::me))
        .routes(routes!(people::operators))
        .routes(routes!(people::operator, people::set_operator))
        .routes(routes!(desk::now))
        .routes(routes!(desk::wrap_up))
        .routes(routes!(desk::by_hand))
        .routes(routes!(desk::talks))
        .routes(routes!(desk::pages))
        .routes(routes!(clients::client))
        .routes(routes!(clients::note))
        .routes(routes!(clients::forget))
        .routes(routes!(people::groups))
        .routes(routes!(people::status))
        .routes(routes!(people::pause, people::resume))
        .routes(routes!(blocked::list))
        .routes(routes!(blocked::block, blocked::unblock))
        .routes(routes!(reports::report))
        .routes(routes!(settings::current))
        .routes(routes!(settings::versions, settings::save))
        .routes(routes!(settings::version))
        .routes(routes!(settings::check))
        .routes(routes!(settings::trial))
        .routes(routes!(settings::roll_back))
        .routes(routes!(settings::spoken))
        .routes(routes!(settings::sound))
        .routes(routes!(events::stream));
    api.split_for_parts()
}

fn pictures() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(chats::show)).layer(DefaultBodyLimit::max(chats::MOST_PICTURE_BODY))
}

/// The routes, with their description at `/openapi.json` and, to be read, at `/docs`.
pub fn router(api: Api) -> Router {
    tokio::spawn(chats::tell(api.chats.listen(), api.events.clone()));
    let (router, description) = described();
    let page = docs::page(&description);
    let description = Arc::new(description);
    let told = move || {
        let description = description.clone();
        async move { Json((*description).clone()) }
    };
    router
        .route("/openapi.json", get(told))
        .route("/docs", get(move || async move { axum::response::Html(page) }))
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .with_state(api)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_its_scope_and_its_refusals() {
        let (_, description) = described();
        let description = serde_json::to_value(&description).unwrap();
        let paths = description["paths"].as_object().unwrap();
        assert!(paths.len() >= 12, "{paths:?}");
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().unwrap() {
                let about = format!("{method} {path}");
                assert!(operation["security"].is_array(), "{about} has no security");
                let says = format!("{}{}", operation["summary"], operation["description"]);
                assert!(says.contains("Scope `"), "{about}: {says}");
                for status in ["401", "403"] {
                    assert!(operation["responses"][status].is_object(), "{about} does not tell of {status}");
                }
            }
        }
    }
}
