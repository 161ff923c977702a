//! The pages that browsers get, as they lie in `web/`: in the binary, without a build step and without anybody else's server.

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
            REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::map_response,
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
const JSON: &str = "application/json";
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
    "/settings" HTML "settings.html";
    "/web/settings-page.js" SCRIPT "settings-page.js";
    "/web/settings.js" SCRIPT "settings.js";
    "/web/settings-draft.js" SCRIPT "settings-draft.js";
    "/web/settings-forms.js" SCRIPT "settings-forms.js";
    "/web/settings-words.js" SCRIPT "settings-words.js";
    "/web/settings.css" STYLE "settings.css";
    "/web/icon.svg" SVG "icon.svg";
    "/web/vendor/htm-preact.js" SCRIPT "vendor/htm-preact.js";
    "/web/vendor/uplot.js" SCRIPT "vendor/uplot.js";
    "/web/vendor/uplot.css" STYLE "vendor/uplot.css";
};

/// The widget of web sites, which any page may load, and what it loads itself.
const WIDGET: &[File] = files! {
    "/widget.js" SCRIPT "widget.js";
    "/widget-work.js" SCRIPT "widget-work.js";
    "/widget-chat.js" SCRIPT "widget-chat.js";
    "/widget.css" STYLE "widget.css";
    "/widget.ru.json" JSON "widget.ru.json";
    "/widget.en.json" JSON "widget.en.json";
};

/// A shop that does not exist, to see the widget on.
const SHOP: &[File] = files! {
    "/shop" HTML "shop/index.html";
    "/shop/shop.css" STYLE "shop/shop.css";
    "/shop/kettle.svg" SVG "shop/kettle.svg";
};

/// The key of [`shop`]'s site.
pub const SHOP_KEY: &str = "shop-demo";

/// The routes.
pub fn router() -> Router {
    routes(FILES).merge(routes(WIDGET).layer(map_response(for_all)))
}

/// A shop to see the widget on, at `/shop`; of a demonstration, not of a daemon. Its site has the key [`SHOP_KEY`].
pub fn shop() -> Router {
    routes(SHOP)
}

fn routes(files: &'static [File]) -> Router {
    files.iter().fold(Router::new(), |router, file| {
        let tag = tag(file.bytes);
        router.route(file.path, get(move |request: Request| async move { serve(file, &tag, &request) }))
    })
}

/// Pages of every site may load it, those too that ask whether they may.
async fn for_all(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    answer
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes of the widget: sites load it on each of their pages.
    const MOST_WIDGET: usize = 20 << 10;
    /// The most bytes of everything that it may load.
    const MOST_LOADED: usize = 50 << 10;

    #[test]
    fn the_widget_is_small_and_the_shop_knows_its_key() {
        let widget = WIDGET[0].bytes.len();
        assert!(widget < MOST_WIDGET, "{widget} bytes");
        assert!(WIDGET.iter().map(|file| file.bytes.len()).sum::<usize>() < MOST_LOADED);
        let page = std::str::from_utf8(SHOP[0].bytes).unwrap();
        assert!(page.contains(&format!("data-site=\"{SHOP_KEY}\"")), "{page}");
    }
}
