//! The console: what happens now, a callback's why, ten thousand rows, charts that tell what the API tells.

use crate::{
    driver::{Browser, ENTER, Look, PLAIN, browser},
    shop::Shop,
};
use perezvon::{
    clock::Clock,
    engine::{
        number::Number,
        record::{
            CallRecord, CallbackId, CallbackRecord, CallbackState, ChannelId, CloseReason, KnownBy, Left, Marks,
            Origin, Queued, Write,
        },
        time::{Span, Wall},
    },
    sim::{people::Reaction, switch::Party},
    store::Store,
};
use serde_json::json;

/// So many calls there were in the last week.
const CALLS: u64 = 10_000;
const WEEK: i64 = 7 * 24 * 3600 * 1000;

fn number(n: u64) -> Number {
    format!("+7916{:07}", n % 5000).parse().unwrap()
}

/// Every call, the newest first: of ten seven are served, three are missed; of these one was reached, one was given up, one is open.
fn week(now: Wall) -> impl Iterator<Item = Vec<Write>> {
    (0..CALLS).map(move |n| {
        let at = now - Span(60_000 + n * (WEEK as u64 - 120_000) / CALLS);
        let fate = n % 10;
        let id = ChannelId::new(&format!("call-{n:05}"));
        let callback = (fate >= 7).then_some(CallbackId(CALLS - n));
        let (source, campaign) = [("yandex", "Spring"), ("google", "Brand"), ("", "")][(n % 3) as usize];
        let marks = Box::new(Marks { source: source.into(), campaign: campaign.into(), ..Marks::default() });
        let waited = Span::seconds(4 + n % 50);
        let queue = Queued {
            group: "sales".into(),
            since: at,
            rounds: 1,
            left: Some(if fate < 7 { Left::Served } else { Left::Abandoned }),
            voicemail: None,
            recording: (fate < 7).then(|| format!("/var/lib/perezvon/records/{n}.wav")),
            handed_to: None,
            no_callback: false,
        };
        let call = CallRecord {
            id: id.clone(),
            switch: "main".into(),
            line: "site".into(),
            number: Some(number(n)),
            name: if n % 4 == 0 { "Иван Петров".into() } else { String::new() },
            arrived: at,
            served: (fate < 7).then(|| at + waited),
            operator: (fate < 7).then(|| if n % 2 == 0 { "anna".into() } else { "boris".into() }),
            talk: Span::seconds(if fate < 7 { 30 + n % 200 } else { 0 }),
            waited,
            previous: None,
            marks: marks.clone(),
            ended: Some(at + waited + Span::seconds(1)),
            missed: Some(fate >= 7),
            cause: "NORMAL_CLEARING".into(),
            callback,
            known_by: KnownBy::Event,
            queue: Some(Box::new(queue)),
        };
        let state = |reason| CallbackState::Closed { at: at + Span::seconds(600), reason };
        let callback = callback.map(|id_of| CallbackRecord {
            id: id_of,
            number: number(n),
            name: String::new(),
            line: "site".into(),
            origin: Origin::Missed { call: id },
            marks,
            opened: at,
            last_miss: at,
            misses: 1,
            state: match fate {
                7 => state(CloseReason::Talked),
                8 => state(CloseReason::Cancelled { by: "olga".into() }),
                _ => state(CloseReason::AttemptsSpent),
            },
            due: at + Span::seconds(60),
            expires: at + Span::minutes(24 * 60),
            attempts: u32::from(fate == 7),
            spent: u32::from(fate == 7),
            setbacks: 0,
            last: None,
            wanted: false,
        });
        callback.map(Write::Callback).into_iter().chain([Write::Call(call)]).collect()
    })
}

async fn filled() -> Shop {
    Shop::open_with("", async |store: &dyn Store| {
        let writes: Vec<Write> = week(Clock::system().now().wall).flatten().collect();
        for some in writes.chunks(2000) {
            store.commit(some).await.unwrap();
        }
    })
    .await
}

/// How many rows of the list are in the page, and how many it says that it has loaded.
const ROWS: &str = "document.querySelectorAll('.window tbody tr:not(.gap)').length";

fn count(browser: &Browser, expression: &str) -> u64 {
    browser.run(&format!("return Number({expression})")).as_f64().unwrap() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_seen_without_a_reload_and_a_callback_says_why() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open("").await;
    for user in ["1001", "1002"] {
        shop.habit(Party::User(user.into()), Reaction::Ignores, Span::seconds(60));
    }
    browser.enter(&shop, "/console", "boss");
    browser.until_seen("Nobody waits.");
    browser.run("window.same = true");
    shop.call("+79161234567", "Ivan", Span::seconds(8));
    browser.until("document.querySelector('.halves .card table .client')?.textContent.includes('+7 916 123-45-67')");
    browser.until_seen("ringing");
    browser.shot("console-waits");
    browser.until_seen("Nobody waits.");
    browser.until("document.querySelector('a[href^=\"#callbacks/\"]')");
    browser.shot("console-callback");
    browser.click(".pause");
    browser.until_seen("Callbacks are paused");
    browser.click("a[href^=\"#callbacks/\"]");
    browser.until_seen("Missed call: the client was not served");
    browser.until_seen("callbacks are paused");
    browser.shot("console-why");
    browser.click(".notice button.primary");
    browser.until("!document.querySelector('.notice.warned')");
    browser.run("window.confirm = () => true");
    browser.click(".detail button.danger");
    browser.until_seen("Closed: cancelled");
    browser.until_seen("Closed by boss");
    browser.run("history.back()");
    browser.until_seen("Operators");
    browser.click(".tabs a[href='#journal']");
    browser.until_seen("+7 916 123-45-67");
    shop.call("+79161234568", "", Span::seconds(1));
    browser.until_seen("+7 916 123-45-68");
    assert_eq!(browser.run("return window.same"), json!(true), "it is the same page all the time");
    browser.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_rows_are_filtered_scrolled_to_the_last_and_drawn() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = filled().await;
    browser.enter(&shop, "/console#journal", "boss");
    ten_thousand_rows_are_filtered_and_scrolled(&browser);
    charts_are_drawn_and_tell_what_the_api_tells(&browser, &shop).await;
    browser.assert_quiet(&["401", "400"]);
    drop(browser);
    the_console_is_looked_at(&shop);
}

fn ten_thousand_rows_are_filtered_and_scrolled(browser: &Browser) {
    browser.until(&format!("{ROWS} > 10"));
    browser.shot("console-journal");
    browser.run(
        "window.most = 0; window.goes = setInterval(() => { const pane = document.querySelector('.window'); \
         pane.scrollTop = pane.scrollHeight; \
         most = Math.max(most, document.querySelectorAll('.window tr').length); }, 30)",
    );
    browser.until("document.querySelector('.count').textContent.replace(/\\D/g, '') == '10000' && document.querySelector('.count').textContent.includes('Shown')");
    browser.until("document.querySelector('.window tbody').textContent.includes('+7 916 000-49-99')");
    let (rows, most) = (count(browser, ROWS), count(browser, "window.most"));
    assert!((10..=80).contains(&rows) && most <= 90, "{rows} rows in the page, {most} at most");
    browser.run("clearInterval(window.goes)");

    browser.run("location.hash = '#journal?status=recovered&operator=anna'");
    browser.until_seen("There are no such calls.");
    browser.run("location.hash = '#journal?status=recovered&number=%2B79160000027'");
    browser.until(&format!("{ROWS} == 2"));
    let shown = browser.text(".window tbody");
    assert!(shown.matches("+7 916 000-00-27").count() == 2 && shown.contains("redial"), "{shown}");
    browser.run("location.hash = '#journal?status=recovered&source=yandex&number=%2B79160000027'");
    browser.until(&format!("{ROWS} == 1"));
    browser.click(".window tbody td a");
    browser.until_seen("Closed: talked");
    browser.shot("console-journal-row");
    browser.run("location.hash = '#journal?number=abc'");
    browser.until_seen("is no number");
}

async fn charts_are_drawn_and_tell_what_the_api_tells(browser: &Browser, shop: &Shop) {
    browser.run("location.hash = '#report?period=30&by=source'");
    browser.until("document.querySelector('.chart canvas')");
    browser.shot("console-report");
    let drawn = "[...document.querySelectorAll('.chart canvas')].map((one) => new Set(new Uint32Array(one.getContext('2d')\
         .getImageData(0, 0, one.width, one.height).data.buffer)).size)";
    let colours = browser.run(&format!("return {drawn}"));
    let colours = colours.as_array().unwrap();
    assert!(colours.len() == 3 && colours.iter().all(|n| n.as_u64() > Some(3)), "{colours:?}");
    let told = shop.service.report(None, None, None, jiff::tz::TimeZone::UTC).await.unwrap().total;
    for (key, wanted) in [("calls", told.calls), ("missed", told.missed), ("recovered", told.recovered)] {
        assert_eq!(
            count(browser, &format!("document.querySelector('[data-total={key}]').textContent")),
            wanted,
            "{key}"
        );
        let column = ["calls", "missed", "recovered"].iter().position(|one| *one == key).unwrap() + 1;
        let sum = format!(
            "[...document.querySelector('.chart details table').tBodies[0].rows].reduce((sum, row) => sum + Number(row.cells[{column}].textContent.replace(/\\D/g, '')), 0)"
        );
        assert_eq!(count(browser, &sum), wanted, "the table behind the chart: {key}");
    }
    let yandex = "[...document.querySelectorAll('.totals tbody tr')].find((row) => row.cells[0].textContent == 'yandex').cells[1].textContent";
    assert_eq!(count(browser, yandex), CALLS.div_ceil(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_put_on_the_list_found_and_taken_off_by_keyboard() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open("").await;
    browser.enter(&shop, "/console#blocked", "anna");
    browser.until_seen("The list is empty.");
    browser.type_into("input[name=number]", "8 916 123-45-67");
    browser.type_into("input[name=reason]", "asked twice not to be called");
    browser.press(ENTER);
    browser.until("document.querySelector('table.blocked')?.textContent.includes('asked twice')");
    assert_eq!(shop.store.blocked().await.unwrap().len(), 1);
    browser.type_into("input[type=search]", "999");
    browser.until_seen("Nothing is found.");
    browser.run("document.querySelector('input[type=search]').value = ''");
    browser.type_into("input[type=search]", "twice");
    browser.type_into("input[name=number]", "12");
    browser.press(ENTER);
    browser.until_seen("is no number");
    browser.shot("console-blocked");
    browser.run("window.confirm = () => true");
    browser.click("table.blocked button.danger");
    browser.until_seen("The list is empty.");
    assert!(shop.store.blocked().await.unwrap().is_empty());
    browser.assert_quiet(&["401", "400"]);
}

/// Wide and narrow, light and dark, in both languages; nothing is wider than the screen.
fn the_console_is_looked_at(shop: &Shop) {
    let looks =
        [PLAIN, Look { dark: true, width: 1280, language: "ru" }, Look { dark: true, width: 390, language: "ru" }];
    for look in looks.into_iter().chain([Look { dark: false, width: 390, language: "en" }]) {
        let Some(browser) = browser(look) else { return };
        browser.enter(shop, "/console", "boss");
        for view in ["now", "callbacks", "callbacks/9993", "journal", "report?period=30", "blocked"] {
            browser.run(&format!("location.hash = '#{view}'"));
            browser.until("document.querySelector('main .card, main .window tbody tr:not(.gap)')");
            if view.contains("9993") {
                browser.until("document.querySelector('.story li')");
            }
            if view.contains("report") {
                browser.until("document.querySelector('.chart canvas')");
            }
            let name = view.split(['/', '?']).collect::<Vec<_>>().join("-");
            browser.shot(&format!("console-{name}-{}-{}", look.language, look.width));
            let wide = count(&browser, "document.documentElement.scrollWidth");
            assert!(wide <= look.width.into(), "{view}: {wide} wide on a screen of {}", look.width);
        }
        browser.assert_quiet(&["401"]);
    }
}
