//! The operators' page: who calls, the moment that the phone answers; what the operator says of it.

use crate::{
    driver::{Browser, ENTER, Look, PLAIN, browser},
    shop::{SITE, Shop},
};
use perezvon::{
    engine::{record::CallbackId, time::Span},
    sim::{people::Reaction, switch::Party},
};
use serde_json::Value;

const IVAN: &str = "+79161234567";

/// `[pages]` of an admin, and marks of the line.
const MORE: &str = "campaign = \"Spring\"\nsource = \"yandex\"\n[[pages.links]]\nname = \"CRM\"\n\
    url = \"https://crm.example/?phone={number}&name={name}\"\n[pages]\naway = [\"lunch\", \"training\"]\n";

/// Everybody answers at once and talks until somebody hangs up.
fn prompt(shop: &Shop) {
    let party = |user: &str| Party::User(user.into());
    shop.habit(party("1001"), Reaction::Answers(Span(400)), Span::minutes(10));
    shop.habit(party("1002"), Reaction::Answers(Span::minutes(5)), Span::minutes(10));
    shop.habit(Party::Number(IVAN.trim_start_matches('+').into()), Reaction::Answers(Span(1500)), Span::minutes(10));
}

fn hang_up(shop: &Shop, who: Party) {
    shop.streets.with(|town, now| town.hang_up(&who, now));
}

/// Ivan calls, nobody takes it, he hangs up.
async fn is_missed(shop: &Shop) {
    let away = async |why| {
        for name in ["anna", "boris"] {
            shop.service.operator(name, false, why).await.unwrap()
        }
    };
    away("").await;
    shop.call(IVAN, "Иван Петров", Span(300));
    shop.until("it is missed", async || !shop.service.status().await.unwrap().callbacks.is_empty()).await;
    shop.service.operator("anna", true, "").await.unwrap();
}

async fn story(shop: &Shop, id: u64) -> perezvon::store::CallbackStory {
    shop.service.callback(CallbackId(id)).await.unwrap()
}

fn json(browser: &Browser, script: &str) -> Value {
    browser.run(&format!("return ({script})"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_on_the_page_when_the_operators_phone_answers_and_before_their_own_rings() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open(MORE).await;
    prompt(&shop);
    browser.enter(&shop, "/operator", "anna");
    browser.until_seen("Free, calls may come");
    browser.shot("operator-quiet");
    // When what is on the page: the page's own clock, beside the server's time of each event.
    browser.run(
        "window.seen = {}; window.told = {};
         new MutationObserver(() => {
             const moment = document.querySelector('.client')?.className.split(' ').pop();
             if (!(moment in seen) && document.querySelector('.number')) seen[moment] = Date.now();
         }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
         const events = new EventSource('/api/v1/events');
         events.addEventListener('operator.call', (event) => {
             const { at, data } = JSON.parse(event.data);
             told[data.moment] ??= Date.parse(at);
         });
         events.addEventListener('attempt.dialling', (event) => { told.dialling ??= Date.parse(JSON.parse(event.data).at); });",
    );
    is_missed(&shop).await;
    browser.until("document.querySelector('.client.answered, .client.talks')");
    let card = browser.text(".client");
    for shown in ["Иван Петров", "+7 916 123-45-67", "Missed call", "Spring", "yandex", "site", "CRM"] {
        assert!(card.contains(shown), "{shown}: {card}");
    }
    browser.until("document.querySelector('.client.talks')");
    browser.shot("operator-talks");
    let times = json(&browser, "({ told, seen })");
    let of = |kind: &str, moment: &str| times[kind][moment].as_i64().unwrap_or_else(|| panic!("{moment}: {times}"));
    let late = of("seen", "answered") - of("told", "answered");
    println!(
        "from the switch's answer to the picture: {late} ms; from the ring: {} ms",
        of("seen", "rings") - of("told", "rings")
    );
    assert!(of("told", "answered") <= of("told", "dialling"), "the operator's page is told first: {times}");
    assert!(of("seen", "answered") <= of("seen", "talks"), "and shows it before they talk: {times}");
    assert_eq!(
        json(&browser, "document.querySelector('.client a.button').href"),
        "https://crm.example/?phone=79161234567&name=%D0%98%D0%B2%D0%B0%D0%BD%20%D0%9F%D0%B5%D1%82%D1%80%D0%BE%D0%B2"
    );
    assert!(json(&browser, "document.title").as_str().unwrap().contains("Иван Петров"));
    browser.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_the_queue_is_shown_and_the_operator_is_ready_away_and_after_a_talk() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open(MORE).await;
    prompt(&shop);
    browser.enter(&shop, "/operator", "anna");
    browser.until_seen("Free, calls may come");
    browser
        .run("[...document.querySelectorAll('button[name=away]')].find((b) => b.textContent === 'training').click()");
    browser.until_seen("training, since");
    let view = async |name: &str| {
        let status = shop.service.status().await.unwrap();
        status.operators.into_iter().find(|view| &*view.name == name).unwrap()
    };
    assert_eq!((view("anna").await.ready, &*view("anna").await.why), (false, "training"));
    browser.click("button[name=other]");
    browser.type_into("dialog input[name=why]", "dentist");
    browser.press(ENTER);
    browser.until_seen("dentist, since");
    browser.click("button[name=ready]");
    browser.until_seen("Free, calls may come");
    shop.call(IVAN, "Ivan", Span::minutes(1));
    browser.until("document.querySelector('.client.talks')");
    assert!(browser.text(".client").contains("+7 916 123-45-67"));
    hang_up(&shop, Party::User("1001".into()));
    browser.until_seen("The talk is over");
    browser.until_seen("After the talk,");
    let before = view("anna").await.pause.unwrap();
    browser.click("button[name=longer-5]");
    browser.until("document.querySelector('.doing').textContent.includes('5:')");
    assert!(view("anna").await.pause.unwrap() > before + Span::minutes(4));
    browser.shot("operator-after-the-talk");
    browser.click("button[name=ready]");
    browser.until_seen("Free, calls may come");
    assert_eq!(view("anna").await.pause, None);
    browser.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_talk_is_done_and_kept() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open(MORE).await;
    prompt(&shop);
    browser.enter(&shop, "/operator", "anna");
    is_missed(&shop).await;
    browser.until("document.querySelector('.client.talks')");
    hang_up(&shop, Party::User("1001".into()));
    browser.until_seen("The talk is over");
    shop.until("it is closed", async || !story(&shop, 1).await.callback.is_open()).await;
    // A machine: it is tried again.
    browser.type_into("textarea[name=note]", "only a beep");
    browser.click("button[data-means=machine]");
    browser.until_seen("only a beep");
    browser.until_seen("Answering machine");
    let told = story(&shop, 1).await;
    assert_eq!(told.attempts[0].outcome.map(|outcome| outcome.as_str()), Some("machine"));
    assert!(told.callback.is_open() && told.callback.due > told.attempts[0].ended.unwrap() + Span::minutes(20));
    // At a time of their own.
    browser.click("button[data-means=call-again]");
    browser.shot("operator-call-again");
    browser.run("[...document.querySelectorAll('dialog button')].find((b) => b.textContent === 'In 3 hours').click()");
    browser.until_seen("to be called");
    let due = story(&shop, 1).await.callback.due;
    assert!(due > told.callback.due + Span::minutes(120), "{due:?}");
    // A note and a tag.
    browser.type_into("textarea[name=note]", "likes tea");
    browser.click("button[name=keep]");
    browser.until("document.querySelector('.notes').textContent.includes('likes tea')");
    browser.type_into(".tags input", "vip");
    browser.press(ENTER);
    browser.until("document.querySelector('.tags .badge')?.textContent.includes('vip')");
    browser.shot("operator-notes");
    // Never again: the callback is closed.
    browser.click("button[data-means=do-not-call]");
    browser.click("dialog button[name=block]");
    browser.until_seen("Never called: anna");
    let told = story(&shop, 1).await;
    assert!(!told.callback.is_open(), "{told:?}");
    // After a reload it is all there, and a click takes the block back.
    browser.open(&shop.url("/operator"));
    browser.type_into(".find input", IVAN);
    browser.press(ENTER);
    browser.until_seen("likes tea");
    browser.until_seen("Never called: anna");
    browser.run(
        "[...document.querySelectorAll('.say button')].find((b) => b.textContent === 'Allow calls again').click()",
    );
    browser.until("!document.body.innerText.includes('Never called')");
    assert!(shop.store.blocked().await.unwrap().is_empty());
    browser.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_list_is_called_by_one_click_and_the_page_outlives_a_lost_connection() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open("[line.redial]\nmode = \"by-hand\"\n").await;
    prompt(&shop);
    browser.enter(&shop, "/operator", "anna");
    is_missed(&shop).await;
    browser.until("document.querySelector('.by-hand button[name=dial]')");
    browser.shot("operator-by-hand");
    assert_eq!(story(&shop, 1).await.attempts.len(), 0, "nobody has said so");
    browser.click(".by-hand button[name=dial]");
    browser.until("document.querySelector('.client.talks')");
    let told = story(&shop, 1).await;
    assert_eq!(told.attempts[0].operator.as_deref(), Some("anna"));
    browser.until("!document.querySelector('.by-hand button[name=dial]')");
    // The connection is lost, and meanwhile the talk ends: the page finds it out by itself.
    let network = |on: bool| {
        let offline = serde_json::json!({
            "offline": !on, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        browser.chrome("Network.emulateNetworkConditions", offline);
    };
    network(false);
    hang_up(&shop, Party::User("1001".into()));
    shop.until("it is closed", async || !story(&shop, 1).await.callback.is_open()).await;
    network(true);
    browser.until_seen("The talk is over");
    browser.until("document.querySelector('.mine .list').textContent.includes('Иван')");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_page_is_looked_at_in_both_languages_light_and_dark_wide_and_narrow() {
    let shop = Shop::open(MORE).await;
    prompt(&shop);
    let _ = SITE;
    let looks = [
        Look { language: "ru", dark: false, width: 1280 },
        Look { language: "ru", dark: true, width: 390 },
        Look { language: "en", dark: true, width: 1280 },
    ];
    let Some(first) = browser(looks[0]) else { return };
    first.enter(&shop, "/operator", "anna");
    is_missed(&shop).await;
    first.until("document.querySelector('.client.talks')");
    drop(first);
    for look in looks {
        let Some(browser) = browser(look) else { return };
        browser.enter(&shop, "/operator", "anna");
        browser.until("document.querySelector('.client.talks .events')");
        let theme = if look.dark { "dark" } else { "light" };
        browser.shot(&format!("operator-{}-{theme}-{}", look.language, look.width));
        let wide = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(wide <= look.width.into(), "{wide} wide on a screen of {}", look.width);
        browser.assert_quiet(&["401"]);
    }
}
