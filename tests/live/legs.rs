//! Every leg that the switch makes while one looks, but for those that a caller's own dialplan rings.

use perezvon::esl::{Decoder, Event, Limits};
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread::JoinHandle,
};

/// A leg that was originated.
#[derive(Clone, Debug)]
pub struct Leg {
    /// What Perezvon says that it is for; `None`: it is not Perezvon's.
    pub role: Option<String>,
    /// The number dialled.
    pub dialled: String,
    presence: String,
}

impl Leg {
    /// Is it this directory user's phone?
    pub fn is_of(&self, user: &str) -> bool {
        self.dialled == user || self.presence.split('@').next() == Some(user)
    }
}

/// A listener of its own.
pub struct Legs {
    stream: TcpStream,
    listener: JoinHandle<Vec<u8>>,
}

impl Legs {
    /// Looks from now on.
    pub fn watch(switch: &str, password: &str) -> Legs {
        let mut stream = TcpStream::connect(switch).expect("the event socket");
        let hello = format!("auth {password}\n\nevent plain CHANNEL_CREATE\n\n");
        stream.write_all(hello.as_bytes()).expect("the event socket");
        let mut reader = stream.try_clone().expect("the event socket");
        let listener = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = reader.read_to_end(&mut bytes);
            bytes
        });
        Legs { stream, listener }
    }

    /// What was seen until now.
    pub fn seen(self) -> Vec<Leg> {
        let _ = self.stream.shutdown(Shutdown::Both);
        let bytes = self.listener.join().expect("the listener");
        assert!(bytes.windows(26).any(|part| part == b"event listener enabled pla"), "the listener was let in");
        let limits = Limits::default();
        let mut decoder = Decoder::new(limits);
        decoder.push(&bytes);
        let mut legs = Vec::new();
        while let Ok(Some(frame)) = decoder.next_frame() {
            let event = Event::from_frame(&frame, &limits).and_then(Result::ok);
            legs.extend(event.as_ref().and_then(originated));
        }
        legs
    }
}

/// A leg that belongs to another's call was rung by that one's dialplan.
fn originated(event: &Event) -> Option<Leg> {
    let text = |name: &str| event.get(name).unwrap_or_default().into_owned();
    let own = text("Channel-Call-UUID") == text("Unique-ID");
    (text("Call-Direction") == "outbound" && own).then(|| Leg {
        role: event.variable("perezvon_leg").map(String::from),
        dialled: text("Caller-Destination-Number"),
        presence: text("Channel-Presence-ID"),
    })
}
