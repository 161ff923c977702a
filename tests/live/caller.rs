//! Somebody who calls over SIP, lets it ring, or waits where a queue answered, and gives up: as much of RFC 3261 as that takes, with a name of any kind.

use std::{
    net::{SocketAddr, UdpSocket},
    thread::sleep,
    time::{Duration, Instant},
};

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

struct Call {
    socket: UdpSocket,
    switch: SocketAddr,
    own: SocketAddr,
    number: String,
    name: String,
    did: String,
    id: String,
}

impl Call {
    /// The first request and what belongs to it has number 1, the end of an answered call 2.
    fn request(&self, method: &str, to_tag: &str, body: &str) -> String {
        let n = if method == "BYE" { 2 } else { 1 };
        let Call { switch, own, number, name, did, id, .. } = self;
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:{did}@{switch} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{id}n{n};rport\r\nMax-Forwards: 70\r\n\
             From: \"{name}\" <sip:{number}@{own}>;tag={id}\r\nTo: <sip:{did}@{switch}>{to_tag}\r\nCall-ID: {id}\r\n\
             CSeq: {n} {method}\r\nContact: <sip:{number}@{own}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn send(&self, text: &str) -> Result<(), String> {
        self.socket.send_to(text.as_bytes(), self.switch).map(drop).map_err(|error| error.to_string())
    }

    /// The next answer whose status is at least this one.
    fn answer(&self, least: u16, wanted: &str) -> Result<(u16, String), String> {
        #[allow(clippy::disallowed_methods)] // a test against the real world
        let until = Instant::now() + Duration::from_secs(10);
        let mut buffer = [0; 65536];
        #[allow(clippy::disallowed_methods)]
        while Instant::now() < until {
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else { continue };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
            if let Some(status) = status.filter(|status| *status >= least && text.contains(wanted)) {
                return Ok((status, text));
            }
        }
        Err(format!("no answer of at least {least} to {wanted}"))
    }
}

/// Calls `did` as `number`, named `name`, lets it ring (or waits, if it is answered) for `patience` and gives up.
///
/// # Errors
/// What the switch did instead of ringing.
pub fn call(switch: SocketAddr, number: &str, name: &str, did: &str, patience: Duration) -> Result<(), String> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(Duration::from_millis(100))).map_err(|error| error.to_string())?;
    let own = socket.local_addr().map_err(|error| error.to_string())?;
    let id = format!("{number}p{}p{}", std::process::id(), own.port());
    let call = Call { socket, switch, own, number: number.into(), name: name.into(), did: did.into(), id };
    call.send(&call.request("INVITE", "", SDP))?;
    let (status, answer) = call.answer(180, "INVITE")?;
    let tag = |answer: &str| {
        let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).unwrap_or_default();
        to.split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default()
    };
    if status == 200 {
        call.send(&call.request("ACK", &tag(&answer), ""))?;
        sleep(patience);
        call.send(&call.request("BYE", &tag(&answer), ""))?;
        return call.answer(200, "BYE").map(drop);
    }
    if status > 200 {
        return Err(answer);
    }
    sleep(patience);
    call.send(&call.request("CANCEL", "", ""))?;
    let (status, answer) = call.answer(300, "INVITE")?;
    call.send(&call.request("ACK", &tag(&answer), ""))?;
    if status == 487 { Ok(()) } else { Err(answer) }
}
