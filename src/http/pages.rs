//! The pages that browsers get, as they lie in `web/`: in the binary, without a build step and without anybody else's server.

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

/// What a page of ours may load and do: what is ours, and nothing that stands in the page itself.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal $kind:ident $file:literal;)*) => {
        &[$(File { path: $path, kind: $kind, bytes: include_bytes!(concat!("../../web/", $file)) }),*]
    };
}

struct File {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const FILES: &[File] = files! {
    "/" HTML "index.html";
    "/web/index.js" SCRIPT "index.js";
    "/operator" HTML "operator.html";
    "/web/operator.js" SCRIPT "operator.js";
    "/web/operator.css" STYLE "operator.css";
    "/web/client.js" SCRIPT "client.js";
    "/web/common.js" SCRIPT "common.js";
    "/web/chat.js" SCRIPT "chat.js";
    "/web/chat.css" STYLE "chat.css";
    "/web/style.css" STYLE "style.css";
    "/web/icon.svg" SVG "icon.svg";
    "/web/vendor/htm-preact.js" SCRIPT "vendor/htm-preact.js";
    "/web/vendor/uplot.js" SCRIPT "vendor/uplot.js";
    "/web/vendor/uplot.css" STYLE "vendor/uplot.css";
};

/// The routes.
pub fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag = tag(file.bytes);
        router.route(file.path, get(move |request: Request| async move { serve(file, &tag, &request) }))
    })
}

fn tag(bytes: &[u8]) -> HeaderValue {
    let digest: String = Sha256::digest(bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn serve(file: &'static File, tag: &HeaderValue, request: &Request) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(file.kind)),
        (ETAG, tag.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    match request.headers().get(IF_NONE_MATCH) {
        Some(known) if known == tag => (StatusCode::NOT_MODIFIED, headers).into_response(),
        _ => (headers, file.bytes).into_response(),
    }
}
