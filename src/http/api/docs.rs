//! The description to be read by people: one page, made of the description itself, without a script.

use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}\
h2{margin-top:2.5rem;border-bottom:1px solid #ccd;text-transform:capitalize}code,pre{font:14px ui-monospace,monospace}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #ccd}\
b.m{display:inline-block;min-width:4.5rem;color:#0a6}details{margin:.6rem 0}\
@media(prefers-color-scheme:dark){body{background:#14191f;color:#dde4ea}td,th,h2{border-color:#38424d}b.m{color:#4c9}a{color:#7ab8ff}}";

/// The page.
pub fn page(description: &utoipa::openapi::OpenApi) -> String {
    let description = serde_json::to_value(description).unwrap_or_default();
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>Perezvon \
         API</title><style>{STYLE}</style><h1>Perezvon API</h1><p>{}. Every request has <code>Authorization: Bearer \
         SECRET</code>; <code>perezvon token NAME</code> makes one. Refusals are <code>application/problem+json</code>. \
         For programs: <a href=/openapi.json>openapi.json</a>.</p>",
        text(&description["info"]["description"])
    );
    for tag in description["tags"].as_array().into_iter().flatten() {
        let _ = write!(page, "<h2>{}</h2><p>{}</p>", text(&tag["name"]), text(&tag["description"]));
        for (path, operations) in description["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    operation_of(&mut page, path, method, operation);
                }
            }
        }
    }
    schemas(&mut page, &description["components"]["schemas"]);
    page
}

fn operation_of(page: &mut String, path: &str, method: &str, operation: &Value) {
    let (method, path) = (method.to_uppercase(), escaped(path));
    let says = [&operation["summary"], &operation["description"]].map(text).join(" ");
    let _ = write!(page, "<details><summary><b class=m>{method}</b> <code>{path}</code> {says}</summary><table>");
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, says) = (text(&parameter["name"]), text(&parameter["description"]));
        let _ = write!(page, "<tr><td><code>{name}</code><td>{}<td>{says}", text(&parameter["in"]));
    }
    if let Some(body) = named(&operation["requestBody"]["content"]) {
        let _ = write!(page, "<tr><td>body<td><td>{body}");
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let body = named(&response["content"]).unwrap_or_default();
        let _ = write!(page, "<tr><td>{}<td><td>{body} {}", escaped(status), text(&response["description"]));
    }
    page.push_str("</table></details>");
}

/// The schema of a content, with a link to it.
fn named(content: &Value) -> Option<String> {
    let (_, first) = content.as_object()?.iter().next()?;
    let name = escaped(first["schema"]["$ref"].as_str()?.rsplit('/').next()?);
    Some(format!("<a href=#{name}>{name}</a>"))
}

fn schemas(page: &mut String, schemas: &Value) {
    page.push_str("<h2>What is sent</h2>");
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let name = escaped(name);
        let _ = write!(page, "<h3 id={name}>{name}</h3><p>{}</p><table>", text(&schema["description"]));
        for (field, of) in schema["properties"].as_object().into_iter().flatten() {
            let kind = match &of["type"] {
                Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
                kind => text(kind),
            };
            let _ = write!(page, "<tr><td><code>{}</code><td>{kind}<td>{}", escaped(field), text(&of["description"]));
        }
        page.push_str("</table>");
    }
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
