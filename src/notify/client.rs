//! Requests to other people's servers: the name is resolved, every address that it has is judged, and the very address that was judged is
//! connected to. Whoever answers for the name cannot turn a request into the daemon's own network (DNS rebinding), and no redirect is
//! followed, since it could.

use super::address::is_public;
use crate::config::Url;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, ClientConfig, RootCertStore, pki_types::ServerName},
};

/// How long a request may take, all in all.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection may take to come about, over all addresses.
const CONNECT: Duration = Duration::from_secs(5);
/// What of an answer is read, in bytes.
const MOST_ANSWER: usize = 64 << 10;
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// What forbids connections to other machines more often than anything.
fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied { " (see the service's IPAddressAllow)" } else { "" }
}

/// What is asked of a server.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Where.
    pub link: &'a Url,
    /// It may be in a private network.
    pub allow_private: bool,
    /// What is posted, JSON; `None`: it is only read.
    pub body: Option<String>,
    /// What `Authorization: Bearer` carries.
    pub token: Option<&'a str>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// How long all of it may take.
    pub within: Duration,
}

impl<'a> Ask<'a> {
    /// This is posted there.
    pub fn post(link: &'a Url, allow_private: bool, body: String) -> Ask<'a> {
        Ask { link, allow_private, body: Some(body), token: None, headers: Vec::new(), within: PATIENCE }
    }
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long it asks to be left alone, in seconds.
    pub retry_after: Option<u64>,
    /// Its beginning.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum Unanswered {
    /// The name is none, or nobody answers for it.
    #[error("its name is not known: {0}")]
    Unresolved(io::Error),
    /// It leads into a network where it has no business.
    #[error("{0} is no address of the internet; `allow_private = true` allows it")]
    Private(IpAddr),
    /// It cannot be connected to.
    #[error("it cannot be connected to: {0}{hint}", hint = hint(.0))]
    Unreachable(io::Error),
    /// What it says is no HTTP, or it hung up.
    #[error("it hung up: {0}")]
    Broken(#[from] hyper::Error),
    /// It took too long.
    #[error("it did not answer in time")]
    Late,
    /// What was to be sent is no request.
    #[error("this cannot be sent: {0}")]
    Unsendable(String),
    /// There are no certificates to know servers by.
    #[error("no certificates of authorities are on this machine: install ca-certificates")]
    NoRoots,
}

/// Asks servers; a copy is the same.
#[derive(Clone, Default)]
pub struct Client {
    /// Made when it is first needed; `None`: there is nothing to know servers by.
    tls: Arc<OnceLock<Option<TlsConnector>>>,
}

impl Client {
    /// By the authorities that the machine trusts (`SSL_CERT_FILE` names others).
    fn tls(&self) -> Option<&TlsConnector> {
        self.tls.get_or_init(Client::connector).as_ref()
    }

    fn connector() -> Option<TlsConnector> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.ok().filter(|_| !roots.is_empty())?;
        Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into())
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// There is none.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Unanswered> {
        let within = ask.within;
        timeout(within, self.ask_at_length(ask)).await.unwrap_or(Err(Unanswered::Late))
    }

    async fn ask_at_length(&self, ask: Ask<'_>) -> Result<Answer, Unanswered> {
        let request = request(&ask)?;
        let stream = timeout(CONNECT, connect(ask.link, ask.allow_private)).await.unwrap_or(Err(Unanswered::Late))?;
        if !ask.link.tls {
            return exchange(stream, request).await;
        }
        let tls = self.tls().ok_or(Unanswered::NoRoots)?;
        let name = ServerName::try_from(ask.link.host.clone());
        let name = name.map_err(|error| Unanswered::Unsendable(error.to_string()))?;
        exchange(tls.connect(name, stream).await.map_err(Unanswered::Unreachable)?, request).await
    }
}

fn request(ask: &Ask<'_>) -> Result<Request<Full<Bytes>>, Unanswered> {
    let method = if ask.body.is_some() { Method::POST } else { Method::GET };
    let agent = concat!("perezvon/", env!("CARGO_PKG_VERSION"));
    let request = Request::builder().method(method).uri(&ask.link.path).header(HOST, ask.link.authority());
    let mut request = request.header(USER_AGENT, agent).header("accept", "application/json");
    if ask.body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    if let Some(token) = ask.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    for (name, value) in &ask.headers {
        request = request.header(*name, value);
    }
    let body = Full::new(Bytes::from(ask.body.clone().unwrap_or_default()));
    request.body(body).map_err(|error| Unanswered::Unsendable(error.to_string()))
}

async fn connect(link: &Url, allow_private: bool) -> Result<TcpStream, Unanswered> {
    let found = lookup_host((link.host.as_str(), link.port)).await.map_err(Unanswered::Unresolved)?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in judged(found.collect(), allow_private)? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(Unanswered::Unreachable(last))
}

/// The addresses, when all of them may be connected to: a name that has both kinds is up to something.
fn judged(mut addresses: Vec<SocketAddr>, allow_private: bool) -> Result<Vec<SocketAddr>, Unanswered> {
    match addresses.iter().find(|address| !allow_private && !is_public(address.ip())) {
        Some(address) => Err(Unanswered::Private(address.ip())),
        None => {
            addresses.truncate(MOST_ADDRESSES);
            Ok(addresses)
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, Unanswered>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asked = async move {
        let mut answer = sender.send_request(request).await?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = BytesMut::new();
        while let Some(frame) = answer.frame().await {
            if let Some(data) = frame?.data_ref() {
                body.extend_from_slice(&data[..data.len().min(MOST_ANSWER - body.len())]);
            }
            if body.len() == MOST_ANSWER {
                break;
            }
        }
        Ok(Answer { status: answer.status().as_u16(), retry_after, body: body.freeze() })
    };
    tokio::pin!(asked);
    tokio::pin!(connection);
    // The connection is driven by hand, and gone with the answer: nothing of it is left behind. It may end first, in whatever way: what
    // it had read by then is the answer, or there is none.
    tokio::select! {
        answer = &mut asked => answer,
        _ = &mut connection => asked.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_private_address_spoils_all_of_a_name() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let public = addresses(&["93.184.216.34:443", "[2a00:1450::1]:443"]);
        assert_eq!(judged(public.clone(), false).unwrap(), public);
        let mixed = addresses(&["93.184.216.34:443", "10.0.0.1:443"]);
        assert!(matches!(judged(mixed.clone(), false), Err(Unanswered::Private(ip)) if ip.to_string() == "10.0.0.1"));
        assert_eq!(judged(mixed.clone(), true).unwrap(), mixed);
    }
}
