//! Signing in and out, in both languages, light and dark.

use crate::{
    driver::{ENTER, Look, PLAIN, TAB, browser},
    shop::Shop,
};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_and_out_in_their_language() {
    let Some(browser) = browser(PLAIN) else { return };
    let shop = Shop::open("").await;
    browser.open(&shop.url("/"));
    browser.type_into("input[name=name]", "anna");
    browser.press(TAB);
    browser.press("wrong");
    browser.press(ENTER);
    browser.until_seen("There is no such name with such a key.");
    browser.shot("sign-in");
    browser.click("button[lang=ru]");
    browser.until_seen("Вход");
    browser.enter(&shop, "/", "anna");
    browser.until_seen("Страница оператора");
    assert_eq!(browser.run("return document.cookie"), "", "no script reads the cookie");
    browser.open(&shop.url("/"));
    browser.until_seen("Страница оператора");
    browser.run("document.querySelector('header.top button:last-child').click()");
    browser.until_seen("Вход");
    browser.assert_quiet(&["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_is_looked_at() {
    let shop = Shop::open("").await;
    for look in [PLAIN, Look { dark: true, width: 390, language: "ru" }] {
        let Some(browser) = browser(look) else { return };
        browser.enter(&shop, "/", "boss");
        browser.shot(&format!("first-{}-{}", look.language, look.width));
        let wide = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(wide <= look.width.into(), "{wide} wide on a screen of {}", look.width);
    }
}
