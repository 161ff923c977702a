//! The settings as people edit them.

use crate::{
    driver::{Look, PLAIN, browser},
    shop::Shop,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_are_looked_at() {
    let shop = Shop::open("").await;
    for look in [PLAIN, Look { dark: true, width: 390, language: "ru" }] {
        let Some(browser) = browser(look) else { return };
        browser.enter(&shop, "/settings", "boss");
        browser.until("document.querySelector('.settings .field')");
        browser.shot(&format!("settings-line-{}", look.width));
        for n in 2..=8 {
            browser.click(&format!(".settings nav.tabs button:nth-child({n})"));
            browser.until("document.querySelector('.settings .card, .settings .empty')");
            let wide = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= look.width.into(), "tab {n} is {wide} wide on a screen of {}", look.width);
            browser.shot(&format!("settings-{n}-{}", look.width));
        }
        browser.assert_quiet(&[]);
    }
}
