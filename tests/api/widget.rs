//! What the widget of a web site may ask, and what is refused with its reason: then nobody is called.

use super::{Daemon, OPERATE, READ};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};

const SHOP: &str = "Origin: https://shop.example\r\n";

/// The sites: one as it comes, and one with everything that guards it.
pub const SITES: &str = "[site.shop]\nkey = \"shop-key\"\norigins = [\"https://shop.example\"]\n\
    limits = { number = \"2 per 1h\", address = \"4 per 1h\" }\n\
    [site.strict]\nkey = \"strict-key\"\norigins = \"https://shop.example\"\nchallenge = 8\nconsent = \"I agree\"\n\
    allow = [\"RU\", \"+37529\"]\nlimits = { site = \"1 per 1h\" }\n";

fn id(n: u32) -> String {
    format!("{n:032x}")
}

impl Daemon {
    /// From a page, and from this address behind our proxy: the status, the head, the JSON.
    fn page(&self, what: &str, origin: &str, from: &str, body: Option<&Value>) -> (u16, String, Value) {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let more = format!("{origin}X-Forwarded-For: {from}\r\nContent-Type: application/json\r\n");
        let (status, head, body) = self.exchange(what, &more, &body);
        (status, head, serde_json::from_str(&body).unwrap_or_default())
    }

    fn wanted(&self, key: &str, from: &str, body: &Value) -> (u16, Value) {
        let (status, _, said) = self.page(&format!("POST /widget/{key}/requests"), SHOP, from, Some(body));
        (status, said)
    }

    fn callbacks(&self) -> Vec<Value> {
        self.ask(READ, "GET /api/v1/callbacks", None).1["callbacks"].as_array().unwrap().clone()
    }
}

#[test]
fn each_refusal_of_the_widget_has_its_reason_and_calls_nobody() {
    let daemon = Daemon::start();
    assert_eq!(daemon.ask(OPERATE, "PUT /api/v1/blocked/+79160000000", None).0, 204);
    let good = json!({ "id": id(1), "number": "+79161234567" });
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let number = |number: &str| with("number", json!(number));
    let far = jiff::Timestamp::now().as_millisecond() + 8 * 86_400_000;
    let cases = [
        ("no-such-key", SHOP, good.clone(), 404, "site"),
        ("shop-key", "Origin: https://evil.example\r\n", good.clone(), 403, "origin"),
        ("shop-key", "Origin: https://shop.example.evil.example\r\n", good.clone(), 403, "origin"),
        ("shop-key", "Origin: null\r\n", good.clone(), 403, "origin"),
        ("shop-key", "", good.clone(), 403, "origin"),
        ("shop-key", SHOP, with("id", json!("1")), 400, "malformed"),
        ("shop-key", SHOP, with("surprise", json!(1)), 422, "malformed"),
        ("shop-key", SHOP, json!({ "id": id(1), "number": "x".repeat(9000) }), 413, "malformed"),
        ("shop-key", SHOP, number("1234"), 422, "number"),
        ("shop-key", SHOP, number("${system(id)}"), 422, "number"),
        ("shop-key", SHOP, number("+78091234567"), 422, "number-kind"),
        ("shop-key", SHOP, number("+4930123456"), 422, "number-country"),
        ("strict-key", SHOP, number("+375331234567"), 422, "number-country"),
        ("shop-key", SHOP, number("+74951112233"), 422, "number-own"),
        ("shop-key", SHOP, number("+79160000000"), 403, "blocked"),
        ("shop-key", SHOP, with("due", json!(far)), 422, "time"),
        ("strict-key", SHOP, good.clone(), 422, "consent"),
        ("strict-key", SHOP, with("consent", json!(true)), 422, "challenge"),
        (
            "strict-key",
            SHOP,
            json!({ "id": id(1), "number": "+79161234567", "consent": true,
            "work": { "challenge": "1.2", "nonce": "3" } }),
            422,
            "challenge",
        ),
    ];
    for (n, (key, origin, body, status, code)) in cases.iter().enumerate() {
        let what = format!("POST /widget/{key}/requests");
        let (got, head, said) = daemon.page(&what, origin, &format!("198.51.100.{n}"), Some(body));
        assert_eq!((got, said["code"].as_str()), (*status, Some(*code)), "{body}: {said}");
        assert!(said["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{said}");
        let told = head.contains("access-control-allow-origin: https://shop.example");
        assert_eq!(told, *origin == SHOP && *status != 404, "{code}: a page that may ask can read why not\n{head}");
    }
    assert_eq!(daemon.callbacks(), Vec::<Value>::new(), "nothing is dialled");
}

#[test]
fn who_asks_too_often_is_told_when_to_ask_again() {
    let daemon = Daemon::start();
    let body = |n: u32, number: u32| json!({ "id": id(n), "number": format!("+7916123456{number}") });
    let asked = |n, number, from: &str| {
        let (status, head, said) = daemon.page("POST /widget/shop-key/requests", SHOP, from, Some(&body(n, number)));
        let again = head.lines().find_map(|line| line.strip_prefix("retry-after: ")).map(|s| s.parse::<u64>().unwrap());
        assert!((status == 429) == again.is_some_and(|again| (3500..=3600).contains(&again)), "{status} {head}");
        said["code"].as_str().unwrap_or("taken").to_owned()
    };
    assert_eq!((asked(1, 1, "198.51.100.1"), asked(2, 1, "198.51.100.2")), ("taken".into(), "taken".into()));
    assert_eq!(asked(3, 1, "198.51.100.3"), "rate-number", "from wherever");
    for n in 4..8 {
        assert_eq!(asked(n, n, "203.0.113.9"), "taken");
    }
    assert_eq!(asked(8, 8, "203.0.113.9"), "rate-address");
    assert_eq!(asked(8, 8, "203.0.113.10"), "taken");
    assert_eq!(asked(1, 1, "203.0.113.9"), "taken", "what was taken is told again, and counts no more");
    assert_eq!(daemon.callbacks().len(), 6, "a number has one open callback");
}

#[test]
fn a_request_is_made_once_told_as_it_goes_and_called_off() {
    let daemon = Daemon::start();
    let whence = json!({
        "page": "https://shop.example/kettle?x=1", "title": "Kettle\u{7}", "referrer": "https://search.example/", "client": "42",
        "utm": { "source": "yandex", "medium": "cpc", "term": "kettle" },
    });
    let body = json!({ "id": id(7), "number": "8 (916) 123-45-67", "whence": whence });
    let (status, head, said) = daemon.page("POST /widget/shop-key/requests", SHOP, "198.51.100.1", Some(&body));
    assert_eq!((status, said["state"].as_str()), (201, Some("waiting")), "no switch is there: {said}");
    assert!(
        head.contains("access-control-allow-origin: https://shop.example") && !head.contains("set-cookie"),
        "{head}"
    );
    assert_eq!(daemon.wanted("shop-key", "198.51.100.1", &body).0, 200, "sent again");
    let made = daemon.callbacks();
    assert_eq!(made.len(), 1);
    assert_eq!((made[0]["origin"].as_str(), made[0]["origin_of"].as_str()), (Some("web"), Some("shop")));
    assert_eq!(
        made[0]["whence"],
        json!({ "channel": "cpc", "source": "yandex", "campaign": "", "page": "Kettle", "tags": "kettle" })
    );

    let path = format!("/widget/shop-key/requests/{}", id(7));
    let (status, _, told) = daemon.page(&format!("GET {path}"), SHOP, "198.51.100.1", None);
    assert_eq!((status, told["state"].as_str()), (200, Some("waiting")));
    let other = format!("GET /widget/strict-key/requests/{}", id(7));
    assert_eq!(daemon.page(&other, SHOP, "198.51.100.1", None).0, 404, "another site's");
    assert_eq!(daemon.page(&format!("GET {path}"), "", "198.51.100.1", None).0, 403, "a page of nobody");
    let (status, head, _) = daemon.page(&format!("OPTIONS {path}"), SHOP, "198.51.100.1", None);
    assert!(status == 204 && head.contains("access-control-allow-methods: get, post, put, delete"), "{head}");

    let mut stream = BufReader::new(daemon.connect());
    write!(stream.get_mut(), "GET {path}/events HTTP/1.1\r\nHost: x\r\n{SHOP}\r\n").unwrap();
    let mut next = || {
        let mut line = String::new();
        while !line.starts_with("data: ") {
            line.clear();
            assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended");
        }
        serde_json::from_str::<Value>(&line["data: ".len()..]).unwrap()
    };
    assert_eq!(next()["state"], "waiting");
    let (status, _, told) = daemon.page(&format!("DELETE {path}"), SHOP, "198.51.100.1", None);
    assert_eq!((status, told["state"].as_str(), told["why"].as_str()), (200, Some("over"), Some("cancelled")));
    assert_eq!(next()["why"], "cancelled");
    let closed = &daemon.callbacks()[0];
    assert_eq!((closed["state"].as_str(), closed["reason"].as_str()), (Some("closed"), Some("cancelled")));
}

#[test]
fn no_visitor_takes_off_what_others_asked_for() {
    let daemon = Daemon::start();
    let (status, _) = daemon.ask(OPERATE, "POST /api/v1/callbacks", Some(json!({ "number": "+79161234567" })));
    assert_eq!(status, 201);
    let body = json!({ "id": id(1), "number": "+79161234567" });
    assert_eq!(daemon.wanted("shop-key", "198.51.100.1", &body).0, 201);
    let path = format!("DELETE /widget/shop-key/requests/{}", id(1));
    let (status, _, said) = daemon.page(&path, SHOP, "198.51.100.1", None);
    assert_eq!((status, said["code"].as_str()), (409, Some("not-yours")));
    assert_eq!(daemon.callbacks()[0]["state"], "waiting");
}

#[test]
fn the_settings_of_a_site_say_when_it_calls_and_what_is_to_be_worked_on() {
    let daemon = Daemon::start();
    let (status, _, plain) = daemon.page("GET /widget/shop-key", SHOP, "198.51.100.1", None);
    assert_eq!((status, &plain["challenge"], plain["code"].as_str()), (200, &Value::Null, Some("7")));
    assert_eq!(plain["rings_within"], Value::Null, "no switch is there, so nothing is promised");
    let now = plain["now"].as_i64().unwrap();
    assert_eq!(
        (&plain["opens"], plain["hours"][0][0].as_i64()),
        (&json!(now), Some(now)),
        "a line without a calendar is open"
    );

    let (_, _, strict) = daemon.page("GET /widget/strict-key", SHOP, "198.51.100.1", None);
    let (challenge, bits) = (strict["challenge"][0].as_str().unwrap(), &strict["challenge"][1]);
    assert_eq!((bits, strict["consent"].as_str()), (&json!(8), Some("I agree")));
    let enough = |n: &u32| Sha256::digest(format!("{challenge}:{}:{n}", id(1)))[0] == 0;
    let nonce = (0u32..).find(enough).unwrap().to_string();
    let body = |n, number: &str| json!({ "id": id(n), "number": number, "consent": true, "work": { "challenge": challenge, "nonce": nonce } });
    assert_eq!(daemon.wanted("strict-key", "198.51.100.2", &body(1, "+375291234567")).0, 201);
    // The same work is good for no other request, but by chance: one in 256.
    let other = (2..40).find(|n| Sha256::digest(format!("{challenge}:{}:{nonce}", id(*n)))[0] != 0).unwrap();
    assert_eq!(daemon.wanted("strict-key", "198.51.100.2", &body(other, "+79161234567")).1["code"], "challenge");
    let nonce = (0u32..).find(|n| Sha256::digest(format!("{challenge}:{}:{n}", id(2)))[0] == 0).unwrap().to_string();
    let more = json!({ "id": id(2), "number": "+79161234567", "consent": true, "work": { "challenge": challenge, "nonce": nonce } });
    assert_eq!(daemon.wanted("strict-key", "198.51.100.2", &more).1["code"], "rate-site");
    assert_eq!(daemon.callbacks().len(), 1);
}

#[test]
fn every_page_may_load_the_widget_and_a_browser_keeps_it() {
    let daemon = Daemon::start();
    let (status, head, body) = daemon.exchange("GET /widget.js", "", "");
    assert!(
        status == 200 && head.contains("access-control-allow-origin: *") && head.contains("text/javascript"),
        "{head}"
    );
    assert!(body.len() < 20 << 10 && !body.contains("document.cookie ="), "{} bytes", body.len());
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert_eq!(daemon.exchange("GET /widget.js", &format!("If-None-Match: {tag}\r\n"), "").0, 304);
    for more in ["/widget.css", "/widget-work.js", "/widget.ru.json", "/widget.en.json"] {
        let (status, head, _) = daemon.exchange(&format!("GET {more}"), "", "");
        assert!(status == 200 && head.contains("access-control-allow-origin: *"), "{more}: {head}");
    }
    assert_eq!(daemon.exchange("GET /shop", "", "").0, 404, "the shop is the demonstration's");
}

/// Each language says everything that the other does.
#[test]
fn the_widget_speaks_both_languages_whole() {
    fn keys(words: &Value) -> Vec<String> {
        let of = |(key, value): (&String, &Value)| match value {
            Value::Object(_) => keys(value).into_iter().map(|inner| format!("{key}.{inner}")).collect(),
            Value::Array(parts) => vec![format!("{key}[{}]", parts.len())],
            _ => vec![key.clone()],
        };
        words.as_object().unwrap().iter().flat_map(of).collect()
    }
    let read = |text: &str| keys(&serde_json::from_str(text).unwrap());
    let russian = read(include_str!("../../web/widget.ru.json"));
    assert_eq!(russian, read(include_str!("../../web/widget.en.json")));
    assert!(russian.len() > 40, "{russian:?}");
}
