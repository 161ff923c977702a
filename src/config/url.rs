//! Addresses of other people's servers: `https://host[:port]/path?query`.

use std::fmt;

/// The longest address, in bytes.
const MOST_URL: usize = 2048;

/// Where something is sent. How it is shown leaves the path out: it may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// By TLS.
    pub tls: bool,
    /// A name, or an address; of IPv6 without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path and the query; begins with `/`.
    pub path: String,
}

impl Url {
    /// Reads an address. Names in other letters than Latin ones are written as DNS has them (`xn--…`).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Url, &'static str> {
        let tls = text.starts_with("https://");
        if !tls && !text.starts_with("http://") {
            return Err("it begins with https:// or http://");
        }
        if text.len() > MOST_URL {
            return Err("it is too long");
        }
        if text.contains('#') {
            return Err("nothing is sent of what follows #");
        }
        let uri: hyper::Uri =
            text.parse().map_err(|_| "it is none: letters other than Latin ones are written as %D0%9F")?;
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("a user and a password have no place in it");
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = match authority.as_str().rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((_, port)) => port.parse().ok().filter(|port| *port > 0).ok_or("its port is none")?,
            None if tls => 443,
            None => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        if host.is_empty() { Err("it names no host") } else { Ok(Url { tls, host, port, path }) }
    }

    /// The same server, with this after the path; one slash between the two.
    #[must_use]
    pub fn join(&self, rest: &str) -> Url {
        let path = format!("{}/{}", self.path.trim_end_matches('/'), rest.trim_start_matches('/'));
        Url { path, ..self.clone() }
    }

    /// `host`, or `host:port` when it is not the usual one: what the header `Host` says.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_shown_without_its_secrets() {
        let link = Url::parse("https://example.bitrix24.ru/rest/1/secret/").unwrap();
        assert_eq!((link.tls, link.host.as_str(), link.port), (true, "example.bitrix24.ru", 443));
        assert_eq!(format!("{link} {link:?}"), "https://example.bitrix24.ru https://example.bitrix24.ru/***");
        assert_eq!(link.join("telephony.externalCall.register").path, "/rest/1/secret/telephony.externalCall.register");
        let link = Url::parse("http://[::1]:8080?x=1").unwrap();
        assert_eq!((link.host.as_str(), link.port, link.path.as_str()), ("::1", 8080, "/?x=1"));
        assert_eq!(link.authority(), "[::1]:8080");
        assert_eq!(Url::parse("https://[2001:db8::1]/").unwrap().port, 443);
        for wrong in [
            "example.org",
            "ftp://example.org",
            "https://",
            "https://user:word@example.org/",
            "https://example.org/#a",
            "https://example.org:0/",
            "https://example.org:99999/",
            "https://exa mple.org/",
            "https://пример.рф/",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }
}
