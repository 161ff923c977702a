//! Refusals as problems (RFC 9457): what is wrong, and what to do about it.

use crate::{
    control::request::{Refusal, RefusalKind},
    store::StoreError,
};
use axum::{
    Json,
    extract::{
        Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Content, Ref, RefOr, Response as Described, ResponseBuilder},
};

/// Why something was not done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, one word of a fixed set.
    #[schema(example = "unknown")]
    pub code: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// The same in words.
    pub title: String,
    /// What is wrong here, and what to do about it.
    pub detail: String,
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Problem").to_owned();
        Problem { code, status: status.as_u16(), title, detail: detail.into() }
    }

    /// What was sent cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// There is no such thing.
    pub fn unknown(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "unknown", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let (status, code) = match refusal.kind {
            RefusalKind::Malformed => (StatusCode::BAD_REQUEST, "malformed"),
            RefusalKind::Unknown => (StatusCode::NOT_FOUND, "unknown"),
            RefusalKind::Blocked => (StatusCode::CONFLICT, "blocked"),
            RefusalKind::Done => (StatusCode::CONFLICT, "done"),
            RefusalKind::Changed => (StatusCode::CONFLICT, "changed"),
            RefusalKind::Config => (StatusCode::CONFLICT, "config"),
            RefusalKind::Store => (StatusCode::SERVICE_UNAVAILABLE, "store"),
            RefusalKind::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        };
        Problem::new(status, code, refusal.text)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Refusal::from(error).into()
    }
}

impl From<JsonRejection> for Problem {
    fn from(why: JsonRejection) -> Problem {
        Problem::new(why.status(), "malformed", why.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(why: QueryRejection) -> Problem {
        Problem::new(why.status(), "malformed", why.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(why: PathRejection) -> Problem {
        Problem::new(why.status(), "malformed", why.body_text())
    }
}

/// Names a set of refusals, for the descriptions of operations.
macro_rules! refusals {
    ($($(#[$about:meta])* $name:ident: $($status:literal)+;)+) => {$(
        $(#[$about])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Described>> {
                [$($status),+].map(|status: &str| (status.to_owned(), described())).into()
            }
        }
    )+};
}

refusals! {
    /// The path or the query cannot be read.
    Malformed: "400";
    /// No token, or one of a lesser scope.
    Denied: "401" "403";
    /// There is no such thing.
    Unknown: "404";
    /// How things stand is against it.
    Conflict: "409";
    /// The body is too long, no JSON, or not what is asked for.
    UnreadBody: "413" "415" "422";
    /// The daemon or its store cannot answer now.
    Unavailable: "503";
}

fn described() -> RefOr<Described> {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().content("application/problem+json", problem).build().into()
}

/// There is nothing at this path.
pub async fn no_such_path(request: Request) -> Problem {
    Problem::unknown(format!("there is nothing at {}; /docs tells what there is", request.uri().path()))
}

/// It does not take this method.
pub async fn no_such_method(request: Request) -> Problem {
    let detail = format!("{} does not take {}; /docs tells what it takes", request.uri().path(), request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
}
