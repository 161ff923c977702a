//! The settings as people edit them.

use crate::{
    day,
    driver::{Browser, Look, PLAIN, browser},
    shop::Shop,
};
use perezvon::clock::Clock;
use serde_json::json;
use std::fs;

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// The selector of a field's editor.
fn field(path: &str) -> String {
    format!("[data-path=\"{path}\"] input")
}

impl Browser {
    /// Clicks the button of the settings that says this.
    fn press_button(&self, says: &str) {
        let says = json!(says);
        let found = format!(
            "[...document.querySelectorAll('.settings button')].find((one) => one.innerText.trim() === {says} && !one.disabled)"
        );
        self.until(&found);
        self.run(&format!("{found}.click()"));
    }

    /// Types another value into a field of the settings.
    fn retype(&self, path: &str, text: &str) {
        let css = field(path);
        self.until(&format!("document.querySelector('{}')", css.replace('\'', "\\'")));
        self.run(&format!(
            "const at = document.querySelector({}); at.value = ''; at.dispatchEvent(new Event('input', {{ bubbles: true }}))",
            json!(css)
        ));
        self.type_into(&css, text);
    }

    fn is_no_wider(&self, look: Look, what: &str) {
        let wide = self.run("return document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(wide <= look.width.into(), "{what} is {wide} wide on a screen of {}", look.width);
    }
}

fn attempts(shop: &Shop) -> u32 {
    shop.service.handle().rules().lines["site"].redial.attempts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_edited_tried_on_the_journal_saved_obeyed_and_gone_back_to() {
    let Some(browser) = browser(PLAIN) else { return };
    let yesterday = Clock::system().now().wall.0 - 24 * HOUR;
    let shop = Shop::open_with("[line.redial]\ntrack = \"5m\"\n", async |store| {
        store.commit(&day::journal(yesterday)).await.unwrap()
    })
    .await;
    browser.enter(&shop, "/settings", "boss");
    browser.press_button("Calling back");
    let path = "line.site.redial.attempts";
    browser.until(&format!("document.querySelector('[data-path=\"{path}\"]').innerText.includes('by default: 5')"));
    browser.type_into(&field(path), "0");
    browser.until_seen("`attempts` is 0; it may be 1 to 100");
    browser.shot("settings-faulty");
    browser.retype(path, "1");
    browser.until("!document.querySelector('.settings .wrong')");
    browser.press_button("Review and save");
    browser.until_seen("Line site · Calling back · Attempts: nothing → 1");
    browser.press_button("Try on the last");
    browser.until_seen("What the client did is known");
    let row = browser.run(
        "return [...document.querySelectorAll('.trial tr')].find((row) => row.innerText.startsWith('dials')).innerText",
    );
    assert_eq!(row.as_str().unwrap().split_whitespace().skip(3).collect::<Vec<_>>(), ["2", "2", "1", "−1"], "{row}");
    browser.type_into(".settings form textarea", "one try is enough");
    browser.shot("settings-review");
    assert_eq!(attempts(&shop), 5, "nothing is saved yet");
    browser.press_button("Save");
    browser.until_seen("Version 1 is in force.");
    assert_eq!(attempts(&shop), 1, "it is obeyed at once");

    browser.press_button("History");
    browser.until_seen("one try is enough");
    browser.press_button("1");
    browser.until_seen("Line site · Calling back · Attempts: nothing → 1");
    browser.shot("settings-history");
    browser.press_button("Go back to the file alone");
    browser.until_seen("Version 2 is in force.");
    assert_eq!(attempts(&shop), 5);
    browser.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_edits_are_lost_when_somebody_else_saves() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open("").await;
    browser.enter(&shop, "/settings", "boss");
    browser.press_button("Calling back");
    browser.retype("line.site.redial.attempts", "7");
    browser.until_seen("Changes: 1");
    let theirs = perezvon::control::settings::Wanted {
        text: "[defaults.redial]\ntrack = \"9s\"\n".to_owned(),
        based_on: 0,
        comment: String::new(),
        by: "olga".to_owned(),
        restores: None,
    };
    shop.service.save_settings(theirs).await.unwrap();
    browser.press_button("Review and save");
    browser.press_button("Save");
    browser.until_seen("olga saved version 1");
    browser.press_button("Carry my changes over to the new version");
    browser.until_seen("Attempts: nothing → 7");
    browser.press_button("Save");
    browser.until_seen("Version 2 is in force.");
    let rules = shop.service.handle().rules();
    assert_eq!((attempts(&shop), rules.lines["site"].redial.track.0), (7, 9000), "both hold");
    browser.assert_quiet(&["401", "409"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_hours_and_words_have_editors_of_their_own() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open("").await;
    // Renders by writing the text down, and some bytes of silence.
    browser.enter(&shop, "/settings", "boss");
    browser.press_button("Groups");
    browser.until("document.querySelectorAll('.member').length === 2");
    browser.click(".member:nth-child(2) button[title=up]");
    browser.until("document.querySelector('.member').innerText.includes('boris')");
    browser.press_button("Hours");
    browser.type_into(".settings aside input", "main");
    browser.press_button("Add");
    browser.until("document.querySelectorAll('.week .open').length === 5");
    browser.click(".week button:nth-of-type(6)");
    browser.until("document.querySelectorAll('.week .open').length === 6");
    browser.shot("settings-week");
    browser.press_button("Operators");
    browser.press_button("boris");
    browser.retype("operator.boris.wrap_up", "1m");
    browser.press_button("Lines");
    browser.press_button("Calling back");
    let words = "[data-path=\"line.site.redial.announce_operator\"]";
    browser.type_into(&format!("{words} textarea"), "{{ name }} on {{ line }}");
    browser.click(&format!("{words} button"));
    browser.until_seen("It says: Ivan on site");
    browser.press_button("TOML");
    browser.until("document.querySelector('textarea.toml').value.includes('hours = \"mon-sat 09:00-18:00\"')");
    browser.shot("settings-toml");
    browser.press_button("Review and save");
    browser.press_button("Save");
    browser.until_seen("Version 1 is in force.");
    let rules = shop.service.handle().rules();
    let members: Vec<&str> = rules.groups["sales"].operators.iter().map(|member| &*member.name).collect();
    assert_eq!((members, rules.operators["boris"].wrap_up.0), (vec!["boris", "anna"], 60_000));
    assert_eq!(&*rules.lines["site"].redial.announce_operator.missed, "{{ name }} on {{ line }}");
    browser.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_are_looked_at() {
    let shop = Shop::open("").await;
    let text =
        "[[line]]\nname = \"site\"\n[line.redial]\nattempts = 3\n[calendar.main]\nhours = \"mon-fri 09:00-20:00\"\n";
    let wanted = perezvon::control::settings::Wanted {
        text: text.to_owned(),
        based_on: 0,
        comment: "spring".to_owned(),
        by: "olga".to_owned(),
        restores: None,
    };
    shop.service.save_settings(wanted).await.unwrap();
    let looks = [
        PLAIN,
        Look { dark: true, width: 1280, language: "ru" },
        Look { dark: true, width: 390, language: "en" },
        Look { dark: false, width: 390, language: "ru" },
    ];
    for look in looks {
        let Some(browser) = browser(look) else { return };
        browser.enter(&shop, "/settings", "boss");
        let name = |of: &str| format!("settings-{of}-{}-{}", look.language, look.width);
        browser.click(".settings .sides nav button:nth-child(2)");
        browser.until("document.querySelector('[data-path=\"line.site.redial.attempts\"].changed')");
        browser.shot(&name("redial"));
        for n in 2..=8 {
            browser.click(&format!(".settings > nav.tabs button:nth-child({n})"));
            browser.until(&format!("document.querySelector('.settings > nav.tabs button:nth-child({n})[aria-pressed=true]') && document.querySelector('.settings .card, .settings .empty')"));
            browser.is_no_wider(look, &format!("tab {n}"));
            browser.shot(&name(&n.to_string()));
        }
        browser.assert_quiet(&["401"]);
    }
    assert!(
        fs::read_to_string(shop.folder.path().join("perezvon.toml")).unwrap().contains("track = \"3s\""),
        "the file is never written"
    );
}
