//! The widget of a web site: a shop on an origin of its own, with styles that mean no good to it.

use crate::{
    driver::{Browser, ENTER, ESCAPE, Look, PLAIN, SPACE, TAB, browser},
    shop::{Shop, local},
};
use axum::{
    Router,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    routing::get,
};
use perezvon::{
    engine::{
        paper::PaperKind,
        record::{CallbackRecord, CallbackState, CloseReason, Origin},
        time::Span,
    },
    http::SHOP_KEY,
    sim::{people::Reaction, switch::Party},
    store::{CallbackFilter, PaperQuery},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CLIENT: &str = "+79161234567";
const PATIENCE: Duration = Duration::from_secs(20);

/// The shop, where its pages are, and the daemon that calls.
pub struct Site {
    pub shop: Shop,
    pub page: String,
}

impl Site {
    /// `line` goes into the line's table, `site` into the site's.
    pub async fn open(line: &str, site: &str) -> Site {
        let listener = tokio::net::TcpListener::bind(local()).await.unwrap();
        let page = format!("http://{}", listener.local_addr().unwrap());
        let table = format!("[site.shop]\nkey = \"{SHOP_KEY}\"\norigins = [\"{page}\"]\n{site}");
        let shop = Shop::open(&format!("{line}\n{table}")).await;
        let own = shop.url("");
        // What a site with a policy must allow, and no more.
        let pictures = if site.contains("chat = true") { format!(" blob: {own}") } else { String::new() };
        let policy = format!(
            "default-src 'self'; img-src 'self' data:{pictures}; script-src 'self' {own}; connect-src 'self' {own}"
        );
        let html = include_str!("../../web/shop/index.html")
            .replace("src=\"/widget.js\"", &format!("src=\"{own}/widget.js\""))
            .replace("/web/icon.svg", "data:image/svg+xml,");
        let served =
            move || async move { ([(CONTENT_TYPE, "text/html".to_owned()), (CONTENT_SECURITY_POLICY, policy)], html) };
        let css = || async { ([(CONTENT_TYPE, "text/css")], include_str!("../../web/shop/shop.css")) };
        let picture = || async { ([(CONTENT_TYPE, "image/svg+xml")], include_str!("../../web/shop/kettle.svg")) };
        let stall = Router::new()
            .route("/shop", get(served))
            .route("/shop/shop.css", get(css))
            .route("/shop/kettle.svg", get(picture));
        tokio::spawn(async move { axum::serve(listener, stall).await });
        Site { shop, page: format!("{page}/shop") }
    }

    async fn callbacks(&self) -> Vec<CallbackRecord> {
        self.shop.store.callbacks(&CallbackFilter::default()).await.unwrap()
    }
}

/// What stands in the widget's closed shadow root, where no script of a page comes.
impl Browser {
    /// What this function says there, its `this` the root.
    pub fn inside(&self, body: &str) -> Value {
        let document = self.chrome("DOM.getDocument", json!({ "depth": 3, "pierce": true }));
        let children = document["root"]["children"].as_array().into_iter().flatten();
        let nodes = children.flat_map(|html| html["children"].as_array().into_iter().flatten());
        let host = nodes.clone().find(|node| node["nodeName"] == "PEREZVON-WIDGET");
        let Some(root) = host.and_then(|host| host["shadowRoots"][0]["backendNodeId"].as_u64()) else {
            return Value::Null;
        };
        let object = self.chrome("DOM.resolveNode", json!({ "backendNodeId": root }))["object"]["objectId"].clone();
        let asked = json!({ "objectId": object, "functionDeclaration": format!("function() {{ {body} }}"), "returnByValue": true });
        self.chrome("Runtime.callFunctionOn", asked)["result"]["value"].clone()
    }

    pub fn until_inside(&self, what: &str) {
        self.until_inside_within(what, PATIENCE);
    }

    pub fn until_inside_within(&self, what: &str, patience: Duration) {
        let begun = Instant::now();
        while self.inside(&format!("return !!({what})")) != json!(true) {
            if begun.elapsed() > patience {
                self.shot("failed");
                panic!("never came: {what}\n{}", self.inside("return this.textContent"));
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    pub fn until_said(&self, words: &str) {
        self.until_inside(&format!("this.querySelector('.p').innerText.includes({})", json!(words)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_looked_at() {
    let looks = [
        Look { language: "ru", dark: false, width: 1280 },
        Look { language: "en", dark: true, width: 1280 },
        Look { language: "ru", dark: true, width: 390 },
        Look { language: "en", dark: false, width: 390 },
    ];
    for look in looks {
        let Some(browser) = browser(look) else { return };
        let consent =
            "consent = \"Согласен на обработку персональных данных\"\npolicy = \"https://shop.example/privacy\"\n";
        let site = Site::open("", &format!("language = \"{}\"\n{consent}", look.language)).await;
        browser.open(&site.page);
        browser.until_inside("this.querySelector('.b')");
        let name = |what: &str| {
            format!("widget-{}-{}-{}-{what}", look.language, look.width, if look.dark { "dark" } else { "light" })
        };
        browser.shot(&name("closed"));
        browser.run("perezvon.open()");
        browser.until_inside("this.activeElement && this.activeElement.type === 'tel'");
        browser.press("9161234567");
        browser.until_inside("this.querySelector('.p').getAnimations().length === 0");
        browser.shot(&name("form"));
        let wide = browser.inside("return this.querySelector('.p').getBoundingClientRect().right").as_f64().unwrap();
        assert!(wide <= f64::from(look.width), "{wide} on a screen of {}", look.width);
    }
}

const BACKSPACE: &str = "\u{e003}";

#[tokio::test(flavor = "multi_thread")]
async fn by_keyboard_alone_a_visitor_asks_sees_how_it_goes_and_talks() {
    let Some(browser) = browser(PLAIN) else { return };
    let site = Site::open("", "language = \"en\"\nchallenge = 12\nconsent = \"I agree to be called\"\n").await;
    for party in [Party::User("1001".into()), Party::Number("79161234567".into())] {
        site.shop.habit(party, Reaction::Answers(Span::seconds(3)), Span::seconds(600));
    }
    browser.open(&format!("{}?utm_source=yandex&utm_medium=cpc&utm_campaign=winter", site.page));
    browser.until_inside("this.querySelector('.b')");
    let tab_until = |what: &str| {
        for _ in 0..12 {
            browser.press(TAB);
            if browser.inside(&format!("return !!({what})")) == json!(true) {
                return;
            }
        }
        panic!("the keyboard never came to {what}");
    };
    tab_until("this.activeElement && this.activeElement.matches('.b')");
    browser.press(ENTER);
    browser.until_inside("this.activeElement && this.activeElement.type === 'tel'");
    let shown = || browser.inside("return this.querySelector('[type=tel]').value");
    browser.press("8916");
    assert_eq!(shown(), json!("+7 (916"));
    browser.press("1239");
    browser.press(BACKSPACE);
    browser.press("456");
    assert_eq!(shown(), json!("+7 (916) 123-45-6"));
    browser.press(ENTER);
    browser.until_said("Check the number");
    assert_eq!(
        browser.inside("return this.activeElement.getAttribute('aria-invalid')"),
        json!("true"),
        "it is led back to the number"
    );
    browser.press("7");
    assert_eq!(shown(), json!("+7 (916) 123-45-67"));
    browser.press(ENTER);
    browser.until_said("please tick it");
    browser.press(SPACE);
    tab_until("this.activeElement && this.activeElement.matches('.g')");
    browser.press(ENTER);

    browser.until_said("Calling our manager");
    let left = browser.inside("return this.querySelector('.r b').textContent");
    let seconds: u64 =
        left.as_str().and_then(|text| text.strip_prefix("0:")?.parse().ok()).unwrap_or_else(|| panic!("{left}"));
    assert!((20..=30).contains(&seconds), "anna's phone rings for 20 s, and the announcement takes 10: {seconds}");
    browser.shot("widget-operator");
    browser.until_said("Calling you");
    browser.shot("widget-client");
    browser.until_said("You are connected");
    browser.shot("widget-talking");
    let heard = browser.inside("return this.querySelector('[aria-live]').textContent");
    assert!(heard.as_str().unwrap().contains("You are connected"), "a screen reader is told: {heard}");

    let callback = site.callbacks().await.pop().unwrap();
    assert_eq!(
        (callback.origin, callback.number.to_string()),
        (Origin::Web { site: "shop".into() }, CLIENT.to_owned())
    );
    let marks = &*callback.marks;
    assert_eq!((&*marks.channel, &*marks.source, &*marks.campaign), ("cpc", "yandex", "winter"));
    assert!(marks.page.contains("Чайник"), "{}", marks.page);
    let query = PaperQuery { kind: Some(PaperKind::Request), about: Some(CLIENT.to_owned()), ..PaperQuery::default() };
    let paper = site.shop.store.papers(&query).await.unwrap().pop().unwrap();
    let body: Value = serde_json::from_str(&paper.body).unwrap();
    assert_eq!(body["consent"]["text"], "I agree to be called");
    assert!(body["page"].as_str().unwrap().starts_with(&site.page) && body["address"] == "127.0.0.1", "{body}");

    site.shop.streets.with(|town, now| town.hang_up(&Party::Number("79161234567".into()), now));
    browser.until_said("Thank you for the talk");
    browser.shot("widget-over");
    browser.press(ESCAPE);
    browser.until_inside("this.querySelector('.p').hidden && this.activeElement.matches('.b')");
    browser.assert_quiet(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_line_is_shut_a_time_is_chosen_and_nobody_is_dialled_before() {
    let Some(browser) = browser(Look { language: "ru", width: 390, ..PLAIN }) else { return };
    let hour = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Europe/Moscow").unwrap()).hour();
    let opens = (hour + 3) % 24;
    let calendar = format!("[calendar.later]\nhours = \"mon-sun {opens:02}:15-{opens:02}:59\"\n");
    let site = Site::open("calendar = \"later\"", &format!("language = \"ru\"\n{calendar}")).await;
    browser.open(&site.page);
    browser.until_inside("this.querySelector('.b')");
    browser.run("perezvon.open()");
    browser.until_said("Сейчас мы не работаем");
    browser.press("9161234567");
    browser.until_inside("this.querySelector('.p').getAnimations().length === 0");
    browser.shot("widget-shut");
    let first = browser.inside("return this.querySelector('select:last-of-type, .t label:last-child select').value");
    browser.press(ENTER);
    browser.until_said("Позвоним");
    browser.until_said("Заявка записана");
    browser.shot("widget-later");
    let callback = site.callbacks().await.pop().unwrap();
    let at = jiff::Timestamp::from_millisecond(callback.due.0)
        .unwrap()
        .to_zoned(jiff::tz::TimeZone::get("Europe/Moscow").unwrap());
    assert_eq!((at.hour(), at.minute(), at.second()), (opens, 15, 0), "{first}");
    assert!(callback.attempts == 0 && callback.state == CallbackState::Waiting);
    // A page later it is still known, and may be called off.
    browser.open(&site.page);
    browser.until_inside("this.querySelector('.b span').textContent.includes('Позвоним')");
    browser.run("perezvon.open()");
    browser.until_said("Не звоните");
    browser.press(TAB);
    browser.press(TAB);
    browser.press(ENTER);
    browser.until_said("Хорошо, не позвоним");
    let callback = site.callbacks().await.pop().unwrap();
    assert!(matches!(callback.state, CallbackState::Closed { reason: CloseReason::Cancelled { .. }, .. }));
    browser.assert_quiet(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_comes_the_visitor_is_told_so_and_when_it_is_tried_again() {
    let Some(browser) = browser(PLAIN) else { return };
    let site = Site::open("", "language = \"en\"\n").await;
    for user in ["1001", "1002"] {
        site.shop.habit(Party::User(user.into()), Reaction::Refuses(603), Span::seconds(1));
    }
    site.shop.service.block("+79161234568", true, "the test").await.unwrap();
    browser.open(&site.page);
    browser.until_inside("this.querySelector('.b')");
    browser.run("perezvon.open()");
    browser.until_said("your phone will ring within 30 s");
    browser.press("9161234568");
    browser.press(ENTER);
    browser.until_said("We do not call this number");
    assert!(site.callbacks().await.is_empty(), "nobody is dialled");
    browser.press(BACKSPACE);
    browser.press("7");
    browser.press(ENTER);
    browser.until_said("Nobody could answer");
    browser.until_said("We will call within a minute");
    browser.shot("widget-nobody");
    browser.assert_quiet(&["422", "403"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_does_not_reach_it_and_it_leaves_nothing_behind() {
    let Some(browser) = browser(PLAIN) else { return };
    let site = Site::open("", "language = \"en\"\ncolor = \"#ffd400\"\nposition = \"left\"\n").await;
    browser.open(&site.page);
    browser.until_inside("this.querySelector('.b')");
    assert_eq!(browser.run("return document.querySelector('perezvon-widget').shadowRoot"), Value::Null, "it is closed");
    browser.run("perezvon.open()");
    browser.until_inside("this.activeElement && this.activeElement.type === 'tel'");
    // The page's styles make everything lime and magenta, turned and in 40 px; and hide this very element.
    let styled = browser.inside(
        "const of = (css) => getComputedStyle(this.querySelector(css)); const p = this.querySelector('.p').getBoundingClientRect(); \
         return [of('.p').backgroundColor, of('h2').color, of('h2').fontSize, of('.g').backgroundColor, of('.g').color, of('input').transform, \
         of('.w').visibility, p.width, p.bottom <= innerHeight && p.left < 100]",
    );
    let wanted = json!([
        "rgb(255, 255, 255)",
        "rgb(29, 35, 41)",
        "21px",
        "rgb(255, 212, 0)",
        "rgb(17, 17, 17)",
        "none",
        "visible",
        360,
        true
    ]);
    assert_eq!(styled, wanted);
    assert_eq!(
        browser.run("return getComputedStyle(document.querySelector('.cards div')).fontSize"),
        json!("17px"),
        "nor it the site"
    );
    browser.shot("widget-colour");
    assert_eq!(browser.run("return [document.cookie, localStorage.length]"), json!(["", 0]));
    let kept = browser.chrome("Network.getAllCookies", json!({}));
    assert_eq!(kept["cookies"], json!([]), "no cookie is set, of no origin");
    // What a screen reader finds.
    let tree = browser.chrome("Accessibility.getFullAXTree", json!({}));
    let named = |role: &str, name: &str| {
        let is = |node: &Value| node["role"]["value"] == role && node["name"]["value"] == name;
        assert!(tree["nodes"].as_array().unwrap().iter().any(is), "no {role} \"{name}\"");
    };
    named("dialog", "We will call you");
    named("textbox", "Your phone");
    named("group", "When to call");
    named("radio", "Now");
    named("radio", "At another time");
    named("button", "Close");
    named("button", "Call me");
    browser.assert_quiet(&[]);
}
