//! The sections about this machine: switches, store, listeners, log, voices. The rest is in [`super::rules`].

use super::{
    Cdr, Config, Log, Net, Outbound, Secret, Switch, Token, Voice, Voices, pages,
    reader::{Node, Table},
    rules, site, token,
};
use crate::{
    engine::{Name, rules::Language},
    esl,
    voice::{Names, Recipe},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The port of a FreeSWITCH event socket.
const ESL_PORT: u16 = 8021;
/// The password that every FreeSWITCH is delivered with.
const DEFAULT_PASSWORD: &str = "ClueCon";
const DEFAULT_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
/// What an admin most likely means.
const DEFAULT_OUTBOUND: &str = "127.0.0.1:8084";
const DEFAULT_STORE: &str = "sqlite:/var/lib/perezvon/perezvon.db";
const DEFAULT_SOCKET: &str = "/run/perezvon/perezvon.sock";
/// The longest password file, in bytes.
const MOST_PASSWORD: usize = 1024;

/// Reads everything. `None` when a part is missing without which there is no configuration; its fault is noted.
pub fn read(root: &Table<'_>, folder: &Path) -> Option<Config> {
    let switches = switches(root, folder);
    let store = store(root);
    let socket = socket(root);
    let log = log(root);
    let names: Vec<Name> = switches.iter().map(|switch| switch.name.clone()).collect();
    let (rules, language) = rules::read(root, names, folder);
    let operators: Vec<&str> = rules.operators.keys().map(|name| &**name).collect();
    let (listen, tokens, proxies) = http(root, &operators);
    let sites = site::read(root, rules.lines.keys(), &rules.country);
    let pages = pages::read(root);
    let outbound = outbound(root);
    let cdr = cdr(root, listen);
    let voice = voices(root, language);
    root.close();
    let rules = Arc::new(rules);
    Some(Config { switches, store, listen, tokens, proxies, sites, pages, outbound, cdr, socket, log, voice, rules })
}

fn switches(root: &Table<'_>, folder: &Path) -> Vec<Switch> {
    let tables = root.named_tables("switch");
    if tables.is_empty() {
        root.fault("there is no switch", "add [switch.main] with its `password`");
    }
    tables.into_iter().map(|(name, table)| switch(name, &table, folder)).collect()
}

fn switch(name: Name, table: &Table<'_>, folder: &Path) -> Switch {
    let address =
        table.get("address").and_then(|node| address(&node)).unwrap_or_else(|| format!("127.0.0.1:{ESL_PORT}"));
    let user = table.get("user").and_then(|node| user(&node));
    let (written, file) = (table.get("password"), table.get("password_file"));
    let password = match (&written, &file) {
        (Some(node), None) => node.line_of_text().map(str::to_owned),
        (None, Some(node)) => password_file(node, folder),
        (Some(node), Some(_)) => {
            node.fault("`password` and `password_file` are both there", "keep one");
            None
        }
        (None, None) => {
            table.missing("password", "it is the one in the switch's event_socket.conf.xml, or of the user there");
            None
        }
    };
    let carried = password.as_deref().map_or(Ok(()), |password| esl::text::Secret::new(password).map(drop));
    if let (Err(why), Some(node)) = (carried, written.as_ref().or(file.as_ref())) {
        node.fault(format!("no command can carry this password: {why}"), "set another in the switch's configuration");
    }
    let known = password.as_deref() == Some(DEFAULT_PASSWORD) && !is_loopback(&address);
    if let Some(node) = written.or(file).filter(|_| known) {
        let what = format!("everybody knows the password \"{DEFAULT_PASSWORD}\", and {address} is not this machine");
        node.fault(what, "set another in the switch's event_socket.conf.xml");
    }
    table.close();
    Switch { name, address, user, password: Secret::new(password.unwrap_or_default()) }
}

fn address(node: &Node<'_>) -> Option<String> {
    let text = node.line_of_text()?.trim();
    let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, ESL_PORT).to_string());
    let address =
        bare.unwrap_or_else(|_| if text.contains(':') { text.to_owned() } else { format!("{text}:{ESL_PORT}") });
    let well_formed = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !well_formed {
        node.fault(format!("\"{text}\" is no address"), format!("write \"127.0.0.1:{ESL_PORT}\" or \"host:port\""));
    }
    well_formed.then_some(address)
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn user(node: &Node<'_>) -> Option<String> {
    let text = node.line_of_text()?;
    if text.contains('@') && esl::command::UserName::new(text).is_ok() {
        return Some(text.to_owned());
    }
    node.fault(format!("\"{text}\" is no user of the switch's directory"), "write \"perezvon@default\"");
    None
}

fn password_file(node: &Node<'_>, folder: &Path) -> Option<String> {
    let file = folder.join(node.line_of_text()?);
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() || text.trim().len() > MOST_PASSWORD || text.trim().contains('\n') => {
            node.fault(format!("{} has no password in it", file.display()), "it is one line, the password alone");
            None
        }
        Ok(text) => Some(text.trim().to_owned()),
        Err(error) => {
            node.fault(
                format!("{} cannot be read: {error}", file.display()),
                "its owner is the user of the daemon, its mode 0600",
            );
            None
        }
    }
}

fn store(root: &Table<'_>) -> String {
    let Some(table) = root.inner("store") else { return DEFAULT_STORE.to_owned() };
    let url = table.get("url").and_then(|node| {
        let url = node.line_of_text()?;
        if url.strip_prefix("sqlite:").is_none_or(|file| file.is_empty() || file.starts_with("//")) {
            node.fault(format!("\"{url}\" is no store of this version"), format!("write \"{DEFAULT_STORE}\""));
        }
        Some(url.to_owned())
    });
    table.close();
    url.unwrap_or_else(|| DEFAULT_STORE.to_owned())
}

fn http(root: &Table<'_>, operators: &[&str]) -> (Option<SocketAddr>, Vec<Token>, Vec<Net>) {
    let default = Some(SocketAddr::from(DEFAULT_LISTEN));
    let Some(table) = root.inner("http") else { return (default, Vec::new(), Vec::new()) };
    let tokens = token::read(&table, operators);
    let proxies = table.get("trusted_proxy").map(|node| node.one_or_more()).unwrap_or_default();
    let proxies = proxies.iter().filter_map(net).collect();
    let listen = match table.get("listen") {
        None => default,
        Some(node) => match node.text() {
            Some("off") | None => None,
            Some(text) => {
                let address = text.trim().parse().ok();
                if address.is_none() {
                    node.fault(format!("\"{text}\" is no address to listen on"), "write \"127.0.0.1:8080\" or \"off\"");
                }
                address
            }
        },
    };
    table.close();
    (listen, tokens, proxies)
}

/// Whoever may connect there could give us calls that do not exist: only this machine may, unless the admin names others.
fn outbound(root: &Table<'_>) -> Option<Outbound> {
    let table = root.inner("outbound")?;
    let written = table.get("listen");
    let listen = written.as_ref().and_then(Node::text).map(|text| (text, text.trim().parse::<SocketAddr>().ok()));
    let allow = table.get("allow").map(|node| node.one_or_more().iter().filter_map(net).collect::<Vec<_>>());
    match (&written, listen) {
        (None, _) => table.missing("listen", format!("write \"{DEFAULT_OUTBOUND}\", as in the dialplan's `socket`")),
        (Some(node), Some((text, None))) => {
            node.fault(format!("\"{text}\" is no address to listen on"), format!("write \"{DEFAULT_OUTBOUND}\""))
        }
        (Some(node), Some((_, Some(address)))) if !address.ip().is_loopback() && allow.is_none() => node.fault(
            format!("{address} can be reached by others, and whoever connects could give us calls"),
            "add `allow = [\"10.0.0.5\"]` to [outbound], with the addresses of your switches",
        ),
        _ => {}
    }
    table.close();
    let listen = listen.and_then(|(_, address)| address)?;
    Some(Outbound { listen, allow: allow.unwrap_or_else(|| Net::LOOPBACK.to_vec()) })
}

fn net(node: &Node<'_>) -> Option<Net> {
    let text = node.line_of_text()?;
    let net = Net::parse(text);
    if net.is_none() {
        node.fault(format!("\"{text}\" is no range of addresses"), "write \"10.0.0.0/8\" or one address");
    }
    net
}

fn cdr(root: &Table<'_>, listen: Option<SocketAddr>) -> Cdr {
    let table = root.inner("cdr");
    let path = |node: Node<'_>| node.line_of_text().map(PathBuf::from);
    let credentials = |node: Node<'_>| {
        let text = node.line_of_text()?;
        if text.split_once(':').is_none_or(|(user, password)| user.is_empty() || password.is_empty()) {
            node.fault("these are no credentials", "write \"user:password\", the same as `cred` in json_cdr.conf.xml");
            return None;
        }
        Some(Secret::new(text))
    };
    let mut cdr = Cdr::default();
    if let Some(table) = &table {
        let found = table.get("credentials");
        cdr.folder = table.get("folder").and_then(path);
        let given = found.is_some();
        cdr.credentials = found.and_then(credentials);
        table.close();
        if given {
            return cdr;
        }
    }
    if let Some(address) = listen.filter(|address| !address.ip().is_loopback()) {
        let listen = root.get("http").and_then(|http| http.table()?.get("listen"));
        let what = format!("{address} can be reached by others, and call records there would be anybody's to forge");
        let cure = "add `credentials = \"user:password\"` to [cdr], and `cred` to json_cdr.conf.xml";
        listen.inspect(|node| node.fault(what, cure));
    }
    cdr
}

fn socket(root: &Table<'_>) -> PathBuf {
    let table = root.inner("control");
    let socket = table.as_ref().and_then(|table| {
        let socket = table.get("socket").and_then(|node| node.line_of_text());
        table.close();
        socket
    });
    socket.unwrap_or(DEFAULT_SOCKET).into()
}

fn log(root: &Table<'_>) -> Log {
    let mut log = Log { level: "info".to_owned(), json: false, whole_numbers: false };
    let Some(table) = root.inner("log") else { return log };
    let level = table.get("level").and_then(|node| Some((node.line_of_text()?, node)));
    if let Some((level, node)) = level {
        if tracing_subscriber::EnvFilter::try_new(level).is_err() {
            node.fault(format!("\"{level}\" is no level"), "write \"info\", \"debug\" or \"info,perezvon::esl=trace\"");
        }
        log.level = level.to_owned();
    }
    let format = table.get("format").and_then(|node| node.word(&[("human", false), ("json", true)]));
    let numbers = table.get("numbers").and_then(|node| node.word(&[("masked", false), ("whole", true)]));
    log.json = format.unwrap_or(false);
    log.whole_numbers = numbers.unwrap_or(false);
    table.close();
    log
}

fn voices(root: &Table<'_>, language: Language) -> Voices {
    let mut voices = Voices::default();
    let Some(table) = root.inner("voice") else { return voices };
    let folders = ["cache", "share"].map(|key| table.get(key).and_then(|node| folder(&node)));
    let [cache, share] = folders;
    voices.cache = cache.map_or(voices.cache, PathBuf::from);
    voices.share = share;
    // Without a language it is the voice of the default one.
    let own = match language {
        Language::Ru => &mut voices.ru,
        Language::En => &mut voices.en,
    };
    voice(&table, own);
    let letters = [("as-given", Names::AsGiven), ("transliterate", Names::Transliterate)];
    voices.names = table.get("names").and_then(|node| node.word(&letters)).unwrap_or_default();
    for (key, of) in [("ru", &mut voices.ru), ("en", &mut voices.en)] {
        if let Some(inner) = table.inner(key) {
            voice(&inner, of);
            inner.close();
        }
    }
    table.close();
    voices
}

/// A folder whose files the switch may be told to play: none of its own signs is in the name.
fn folder(node: &Node<'_>) -> Option<String> {
    let text = node.line_of_text()?;
    let plain = text.starts_with('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_-.".contains(c));
    if !plain {
        node.fault(
            format!("\"{text}\" cannot be a folder of sounds"),
            "it begins with / and has letters, digits, / _ - . alone",
        );
    }
    plain.then(|| text.to_owned())
}

fn voice(table: &Table<'_>, voice: &mut Voice) {
    let plain = |node: Node<'_>| {
        let text = node.line_of_text()?;
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:+".contains(c));
        if !plain {
            node.fault(
                format!("\"{text}\" cannot be the name of an engine or a voice"),
                "letters, digits, _ - . : + alone",
            );
        }
        plain.then(|| text.to_owned())
    };
    if let Some(engine) = table.get("engine").and_then(plain) {
        voice.engine = engine;
    }
    if let Some(name) = table.get("voice").and_then(plain) {
        voice.voice = name;
    }
    if let Some(node) = table.get("command") {
        let recipe = node.line_of_text().map(Recipe::parse);
        voice.command =
            recipe.and_then(|recipe| recipe.map_err(|why| node.fault(format!("`command`: {why}"), "")).ok());
    }
}
