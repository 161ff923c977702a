//! The pages as people meet them: a real browser, a whole daemon on the pretend switch, real time.
//! With `PEREZVON_SHOTS=FOLDER` the tests leave pictures there.
#![cfg(feature = "daemon")]
#![allow(clippy::disallowed_methods)] // waits of the test itself, in real time
#![allow(dead_code)] // each page's tests use a part of the shop and the browser

#[path = "../outside/mod.rs"]
mod outside;

#[path = "../day/mod.rs"]
mod day;

mod chat;
mod driver;
mod enter;
mod operator;
mod settings;
mod shop;
mod widget;

use driver::Browser;
use shop::Shop;

impl Browser {
    /// Opens a page of the shop as one of `shop::TOKENS`.
    pub fn enter(&self, shop: &Shop, path: &str, name: &str) {
        self.open(&shop.url(path));
        self.type_into("input[name=name]", name);
        self.type_into("input[name=secret]", &format!("secret-{name}"));
        self.click("form.sign-in button.primary");
        self.until("document.querySelector('header.top')");
    }
}
