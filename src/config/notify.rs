//! Who is told what happens (`[webhook.NAME]`, `[bitrix24]`, `[amocrm]`, `[telegram]`), and who is asked who calls (`[crm]`).

use super::{
    Secret, Url,
    reader::{Node, Table, one_of},
    sections,
};
use crate::{
    engine::{
        Name,
        rules::{Language, Rules},
        time::Span,
    },
    wire,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{collections::BTreeMap, ops::RangeInclusive, path::Path};

/// What a secret of a webhook begins with (Standard Webhooks).
const SECRET_PREFIX: &str = "whsec_";
/// How long its key may be, in bytes (Standard Webhooks).
const KEY_LENGTH: RangeInclusive<usize> = 24..=64;
/// How long a CRM may take to say who calls, when nobody says otherwise, and at most.
const DEFAULT_WITHIN: Span = Span::seconds(1);
const WITHIN: RangeInclusive<Span> = Span(100)..=Span::seconds(5);
const TELEGRAM: &str = "https://api.telegram.org";
/// Of what a chat can be told: what is for programs is left out.
pub const CHAT_EVENTS: [&str; 12] = [
    "call.arrived",
    "call.served",
    "call.missed",
    "call.ended",
    "queue.entered",
    "callback.opened",
    "callback.joined",
    "attempt.talking",
    "attempt.ended",
    "callback.closed",
    "callback.reopened",
    "alarm",
];
/// … and of what it is, when nobody says otherwise.
const TELEGRAM_EVENTS: [&str; 3] = ["call.missed", "callback.closed", "alarm"];

/// Everybody who is told or asked; changes need a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// Who gets events as they happen, signed.
    pub webhooks: Vec<Webhook>,
    /// The Bitrix24 in which calls are registered.
    pub bitrix24: Option<Bitrix24>,
    /// The amoCRM in which calls are noted.
    pub amocrm: Option<Amocrm>,
    /// The chat that is told.
    pub telegram: Option<Telegram>,
    /// Who is asked who calls.
    pub crm: Option<Crm>,
}

/// One webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub name: Name,
    /// Where events are posted.
    pub url: Url,
    /// `whsec_…`.
    pub secret: Secret,
    /// Which events.
    pub events: Vec<&'static str>,
    /// It may be in a private network.
    pub allow_private: bool,
}

impl Webhook {
    /// The key that signs.
    pub fn key(&self) -> Vec<u8> {
        key(self.secret.reveal()).unwrap_or_default()
    }
}

/// A Bitrix24.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitrix24 {
    /// Its incoming webhook, `https://example.bitrix24.ru/rest/1/…/`.
    pub url: Url,
    /// The user to whom calls belong that no operator had.
    pub user: u32,
    /// Users of operators; the others are known by the number of their phone.
    pub users: BTreeMap<Name, u32>,
    /// A lead is made of a number that it does not know.
    pub create_leads: bool,
    /// What the events that it posts to us must carry; `None`: none is taken in.
    pub token: Option<Secret>,
    /// The line on which callbacks of its forms are made; `None`: the only one.
    pub line: Option<Name>,
    /// It may be in a private network.
    pub allow_private: bool,
}

/// An amoCRM (Kommo).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amocrm {
    /// `https://example.amocrm.ru`.
    pub url: Url,
    /// A long-lived token of an integration.
    pub token: Secret,
    /// Users of operators; the others are told by name.
    pub users: BTreeMap<Name, u32>,
    /// The pipeline where calls of unknown numbers go; `None`: the main one.
    pub pipeline: Option<u32>,
    /// It may be in a private network.
    pub allow_private: bool,
}

/// A Telegram chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    /// The server of the Bot API.
    pub api: Url,
    /// The token of the bot.
    pub token: Secret,
    /// The chat, as Telegram numbers it, or `@name` of a channel.
    pub chat: String,
    /// In which language it is told.
    pub language: Language,
    /// Of which events.
    pub events: Vec<&'static str>,
    /// It may be in a private network.
    pub allow_private: bool,
}

/// Who is asked who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crm {
    /// The address, with `{number}` in it.
    pub lookup: Url,
    /// What the header `Authorization: Bearer` carries.
    pub token: Option<Secret>,
    /// Where in the JSON that it answers the name is (RFC 6901).
    pub name: String,
    /// How long it may take.
    pub within: Span,
    /// It may be in a private network.
    pub allow_private: bool,
}

/// Reads all of it. `rules`: whom it may name.
pub(super) fn read(root: &Table<'_>, folder: &Path, rules: &Rules, language: Language) -> Notify {
    let reads = Reads { folder, rules };
    Notify {
        webhooks: root.named_tables("webhook").into_iter().filter_map(|(name, t)| reads.webhook(name, &t)).collect(),
        bitrix24: root.inner("bitrix24").and_then(|table| reads.bitrix24(&table)),
        amocrm: root.inner("amocrm").and_then(|table| reads.amocrm(&table)),
        telegram: root.inner("telegram").and_then(|table| reads.telegram(&table, language)),
        crm: root.inner("crm").and_then(|table| reads.crm(&table)),
    }
}

struct Reads<'a> {
    folder: &'a Path,
    rules: &'a Rules,
}

impl Reads<'_> {
    fn webhook(&self, name: Name, table: &Table<'_>) -> Option<Webhook> {
        let allow_private = flag(table, "allow_private", false);
        let url = link(table, "url", allow_private, "write \"https://crm.example.org/perezvon\"");
        let secret = self.secret(table, ["secret", "secret_file"], "`perezvon webhook secret` makes one", |text| {
            let right = key(text).is_some_and(|key| KEY_LENGTH.contains(&key.len()));
            right.then_some(()).ok_or("this is no secret of a webhook; `perezvon webhook secret` makes one")
        });
        let events = table.get("events").map_or_else(|| wire::EVENTS.to_vec(), |node| events(&node, &wire::EVENTS));
        table.close();
        Some(Webhook { name, url: url?, secret: secret?, events, allow_private })
    }

    fn bitrix24(&self, table: &Table<'_>) -> Option<Bitrix24> {
        let allow_private = flag(table, "allow_private", false);
        let example = "write the address of its incoming webhook, \"https://example.bitrix24.ru/rest/1/…/\"";
        let (text, node) = sections::secret(table, ["url", "url_file"], self.folder, example);
        let url = text.zip(node).and_then(|(text, node)| checked_link(&text, &node, allow_private, example));
        let user = table.get("user");
        if user.is_none() {
            table.missing("user", "the number of the user to whom calls belong that no operator had: `user = 1`");
        }
        let user = user.and_then(|node| node.count(1..=u32::MAX));
        let users = self.users(table);
        let create_leads = flag(table, "create_leads", true);
        let token = self.token(table, |_| Ok(()));
        let line = table.get("line").and_then(|node| self.line(&node));
        if token.is_some() && table.get("line").is_none() && self.rules.lines.len() > 1 {
            table.missing("line", "the line on which clients are called back who ask for it in a form of Bitrix24");
        }
        table.close();
        Some(Bitrix24 { url: url?, user: user?, users, create_leads, token, line, allow_private })
    }

    fn amocrm(&self, table: &Table<'_>) -> Option<Amocrm> {
        let allow_private = flag(table, "allow_private", false);
        let url = link(table, "url", allow_private, "write \"https://example.amocrm.ru\"");
        let cure = "it is the long-lived token of an integration of yours";
        let token = self.secret(table, ["token", "token_file"], cure, header);
        let users = self.users(table);
        let pipeline = table.get("pipeline").and_then(|node| node.count(1..=u32::MAX));
        table.close();
        Some(Amocrm { url: url?, token: token?, users, pipeline, allow_private })
    }

    fn telegram(&self, table: &Table<'_>, language: Language) -> Option<Telegram> {
        let allow_private = flag(table, "allow_private", false);
        let token = self.secret(table, ["token", "token_file"], "it is what @BotFather gave you", |text| {
            let plain = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
            let right = text.contains(':') && text.chars().all(plain);
            right.then_some(()).ok_or("this is no token of a bot: @BotFather gives one, \"123456:ABC…\"")
        });
        let chat = match table.get("chat") {
            Some(node) => chat(&node),
            None => {
                table.missing("chat", "the number of the chat, \"-1001234567890\", or \"@channel\"");
                None
            }
        };
        let language = table.get("language").and_then(|node| node.word(&LANGUAGES)).unwrap_or(language);
        let events = table.get("events").map_or_else(|| TELEGRAM_EVENTS.to_vec(), |node| events(&node, &CHAT_EVENTS));
        let api = match table.get("api") {
            Some(node) => node.line_of_text().and_then(|text| checked_link(text, &node, allow_private, TELEGRAM)),
            None => Url::parse(TELEGRAM).ok(),
        };
        table.close();
        Some(Telegram { api: api?, token: token?, chat: chat?, language, events, allow_private })
    }

    fn crm(&self, table: &Table<'_>) -> Option<Crm> {
        let allow_private = flag(table, "allow_private", false);
        let example = "write \"https://crm.example.org/clients?phone={number}\"";
        let lookup = match table.get("lookup") {
            None => {
                table.missing("lookup", example);
                None
            }
            Some(node) => node.line_of_text().and_then(|text| {
                if text.matches("{number}").count() != 1 {
                    node.fault("`lookup` has no place for the number", example);
                    return None;
                }
                // Braces have no place in an address; the number's own place is kept by a word that has.
                checked_link(&text.replace("{number}", Crm::NUMBER), &node, allow_private, example)
            }),
        };
        let token = self.token(table, header);
        let name = table.get("name").and_then(|node| {
            let text = node.line_of_text()?;
            if !text.starts_with('/') {
                node.fault(format!("\"{text}\" is no place in a JSON answer"), "write \"/result/0/NAME\"");
            }
            Some(text.to_owned())
        });
        let within = table.get("within").and_then(|node| node.span(WITHIN)).unwrap_or(DEFAULT_WITHIN);
        table.close();
        let name = name.unwrap_or_else(|| "/name".to_owned());
        Some(Crm { lookup: lookup?, token, name, within, allow_private })
    }

    fn secret(
        &self,
        table: &Table<'_>,
        keys: [&'static str; 2],
        cure: &str,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<Secret> {
        let (text, node) = sections::secret(table, keys, self.folder, cure);
        let text = text?;
        match check(&text) {
            Ok(()) => Some(Secret::new(text)),
            Err(why) => {
                node.inspect(|node| node.fault(why, ""));
                None
            }
        }
    }

    /// One that may be left out.
    fn token(&self, table: &Table<'_>, check: impl Fn(&str) -> Result<(), &'static str>) -> Option<Secret> {
        table.get("token").or_else(|| table.get("token_file"))?;
        self.secret(table, ["token", "token_file"], "", check)
    }

    /// `users = { anna = 12 }`.
    fn users(&self, table: &Table<'_>) -> BTreeMap<Name, u32> {
        let Some(users) = table.inner("users") else { return BTreeMap::new() };
        let known: Vec<&str> = self.rules.operators.keys().map(|name| &**name).collect();
        let user = |node: Node<'_>| {
            if !known.contains(&node.key()) {
                node.fault(format!("there is no operator \"{}\"", node.key()), one_of(node.key(), &known));
            }
            Some((node.key().into(), node.count(1..=u32::MAX)?))
        };
        users.values().into_iter().filter_map(user).collect()
    }

    fn line(&self, node: &Node<'_>) -> Option<Name> {
        let name = node.name()?;
        if !self.rules.lines.contains_key(&name) {
            let known: Vec<&str> = self.rules.lines.keys().map(|name| &**name).collect();
            node.fault(format!("there is no line \"{name}\""), one_of(&name, &known));
        }
        Some(name)
    }
}

impl Crm {
    /// What stands in [`Crm::lookup`] where the number is to be.
    pub const NUMBER: &'static str = "%7Bnumber%7D";
}

const LANGUAGES: [(&str, Language); 2] = [("ru", Language::Ru), ("en", Language::En)];

fn key(secret: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()
}

/// What a header of HTTP can carry.
fn header(text: &str) -> Result<(), &'static str> {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic())
        .then_some(())
        .ok_or("this is no token: it has other signs than letters")
}

fn flag(table: &Table<'_>, key: &'static str, otherwise: bool) -> bool {
    table.get(key).and_then(|node| node.flag()).unwrap_or(otherwise)
}

fn link(table: &Table<'_>, key: &'static str, allow_private: bool, example: &str) -> Option<Url> {
    let Some(node) = table.get(key) else {
        table.missing(key, example);
        return None;
    };
    checked_link(node.line_of_text()?, &node, allow_private, example)
}

fn checked_link(text: &str, node: &Node<'_>, allow_private: bool, example: &str) -> Option<Url> {
    match Url::parse(text.trim()) {
        Err(why) => {
            node.fault(format!("this is no address of a server: {why}"), example);
            None
        }
        Ok(link) if !link.tls && !allow_private => {
            node.fault(
                "by http:// anybody on the way reads clients' numbers",
                "write https://, or `allow_private = true` when it is in a network of your own",
            );
            None
        }
        Ok(link) => Some(link),
    }
}

fn chat(node: &Node<'_>) -> Option<String> {
    let text = node.line_of_text()?.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let named =
        text.strip_prefix('@').is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()));
    if !number && !named {
        node.fault(format!("\"{text}\" is no chat"), "write \"-1001234567890\" or \"@channel\"");
    }
    (number || named).then(|| text.to_owned())
}

/// Names of events; `callback.*`: all that begin so.
fn events(node: &Node<'_>, known: &[&'static str]) -> Vec<&'static str> {
    let mut wanted = Vec::new();
    for item in node.one_or_more() {
        let Some(text) = item.line_of_text() else { continue };
        let is_meant = |event: &&&'static str| match text.strip_suffix('*') {
            Some(start) => event.starts_with(start),
            None => **event == text,
        };
        let found: Vec<&'static str> = known.iter().filter(is_meant).copied().collect();
        if found.is_empty() {
            item.fault(format!("there is no event \"{text}\" here"), one_of(text, known));
        }
        wanted.extend(found);
    }
    wanted
}
