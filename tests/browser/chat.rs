//! A chat between two browsers: a visitor on a shop's page, an operator on theirs.

use crate::{
    driver::{ENTER, Look, PLAIN, browser},
    widget::Site,
};
use perezvon::{
    chat::OFFER_AFTER,
    engine::{
        number::Number,
        paper::{Paper, PaperKind},
        time::Span,
    },
    http::SHOP_KEY,
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

const CHAT: &str = "language = \"en\"\nchat = true\n";

/// A picture of one point.
const PICTURE: &str = "Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='), (c) => c.charCodeAt(0))";

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_and_an_operator_write_to_each_other() {
    let (Some(visitor), Some(operator)) = (browser(PLAIN), browser(PLAIN)) else { return };
    let site = Site::open("", CHAT).await;
    operator.enter(&site.shop, "/operator", "anna");
    visitor.open(&site.page);
    visitor.until_inside("this.querySelector('.b')");
    visitor.run("perezvon.open()");
    visitor.until_said("Write to us instead");
    visitor.inside("[...this.querySelectorAll('button')].find((b) => b.textContent === 'Write to us instead').click()");
    visitor.until_inside("this.activeElement && this.activeElement.tagName === 'TEXTAREA'");
    visitor.press("Is the kettle in stock? https://shop.example/kettle <b>now</b>");
    visitor.press(ENTER);
    visitor.until_said("Is the kettle in stock?");

    operator.click(".chat-line");
    operator.until_seen("Is the kettle in stock?");
    operator.until_seen("<b>now</b>");
    operator.until("document.querySelector('.said a[href=\"https://shop.example/kettle\"][rel~=noopener]')");
    operator.until_seen(&site.page);
    operator.until_seen("127.0.0.1");
    operator.type_into(".answer textarea", "Yes");
    visitor.until_said("anna is typing…");
    operator.press(", three of them");
    operator.press(ENTER);
    visitor.until_said("Yes, three of them");
    operator.until_seen("seen");
    visitor.shot("chat-visitor");
    operator.shot("chat-operator");

    // What is said while the visitor is on another page is there when they come back, and is counted.
    visitor.open("about:blank");
    operator.type_into(".answer textarea", "Shall I put one aside?");
    operator.press(ENTER);
    operator.until_seen("Shall I put one aside?");
    visitor.open(&site.page);
    visitor.until_inside("this.querySelector('.b') && this.querySelector('.b').dataset.n === '1'");
    visitor.run("perezvon.open()");
    visitor.until_said("Shall I put one aside?");

    let show = format!(
        "const input = this.querySelector('#pic'); const files = new DataTransfer(); \
         files.items.add(new File([{PICTURE}], 'a.png')); input.files = files.files; input.onchange();"
    );
    visitor.inside(&show);
    operator.until("document.querySelector('.said .visitor img')?.naturalWidth === 1");
    operator.click(".answer .danger");
    operator.accept();
    operator.until_seen("The visitor is blocked.");
    visitor.until_said("This talk is over.");
    visitor.assert_quiet(&[]);
    operator.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_answered_is_offered_a_callback_that_belongs_to_the_chat() {
    let Some(visitor) = browser(Look { width: 390, ..PLAIN }) else { return };
    let site = Site::open("", CHAT).await;
    visitor.open(&site.page);
    visitor.until_inside("this.querySelector('.b')");
    visitor.run("perezvon.open()");
    visitor.until_said("Write to us instead");
    visitor.inside("[...this.querySelectorAll('button')].find((b) => b.textContent === 'Write to us instead').click()");
    visitor.until_inside("this.activeElement && this.activeElement.tagName === 'TEXTAREA'");
    visitor.press("Hello?");
    visitor.press(ENTER);
    let chats = || async { site.shop.papers(PaperKind::Chat).await };
    site.shop.until("the chat is kept", async || chats().await.iter().any(|chat| body(chat)["last"] == 1)).await;
    let offered = "this.querySelector('.p').innerText.includes('Sorry for the wait')";
    visitor.until_inside_within(offered, Duration::from_millis((OFFER_AFTER + Span::seconds(20)).0));
    visitor.shot("chat-offer");
    visitor.inside("[...this.querySelectorAll('.cl button')].pop().click()");
    visitor.until_inside("this.activeElement && this.activeElement.type === 'tel'");
    visitor.press("9161234567");
    visitor.press(ENTER);
    let number: Number = "+79161234567".parse().unwrap();
    let belongs = async || {
        let chats = chats().await;
        chats.len() == 1 && chats[0].about == number.to_string() && body(&chats[0])["callback"] == 1
    };
    site.shop.until("the callback belongs to the chat", belongs).await;
    visitor.assert_quiet(&[]);
}

/// What is no chat of a visitor's is none, whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_its_visitors_and_takes_no_more_than_it_may() {
    let site = Site::open("", CHAT).await;
    let begin = site.ask("POST", "/chats", Some(json!({ "name": "Olga", "page": "https://shop.example/a" })));
    let (200..=201, begun) = begin else { panic!("{begin:?}") };
    let (chat, key) = (begun["chat"].as_str().unwrap(), begun["key"].as_str().unwrap());
    let at = |path: &str, key: &str| format!("/chats/{chat}{path}?k={key}");
    let say =
        |text: &str, key: &str| site.ask("POST", &at("/messages", key), Some(json!({ "text": text, "id": "" }))).0;
    assert_eq!(say("hello", key), 201);
    assert_eq!(say("hello", "another"), 404);
    assert_eq!(say(" ", key), 400);
    assert_eq!(say(&"x".repeat(4001), key), 400);
    assert_eq!(site.ask("GET", &at("", "another"), None).0, 404);
    let (status, told) = site.ask("GET", &at("", key), None);
    assert_eq!((status, &told["messages"][0]["text"]), (200, &json!("hello")));
    assert_eq!(site.ask("POST", &at("/pictures", key), Some(json!("<svg onload=alert(1)>"))).0, 415);
    assert_eq!(site.ask("DELETE", &at("", key), None).0, 204);
    assert_eq!(say("still there?", key), 409);
    let no_chat = Site::open("", "language = \"en\"\n").await;
    assert_eq!(no_chat.ask("POST", "/chats", Some(json!({}))).0, 404);
}

impl Site {
    /// What a browser on the site's page is answered: the status and the JSON.
    fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let origin = self.page.trim_end_matches("/shop");
        let mut stream = TcpStream::connect(self.shop.address).unwrap();
        write!(
            stream,
            "{method} /widget/{SHOP_KEY}{path} HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }
}

fn body(paper: &Paper) -> Value {
    serde_json::from_str(&paper.body).unwrap()
}
