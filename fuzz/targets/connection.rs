//! A switch that says anything at any time, while commands are sent: every command gets at most one answer, in order, and
//! a closed connection stays closed.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use perezvon::esl::command::UserName;
use perezvon::esl::{
    ApiCommand, Command, Connection, Credentials, EventList, Format, Limits, Notice, Secret, Subscription, Token,
};
use std::collections::VecDeque;
use uuid::Uuid;

#[derive(Debug, Arbitrary)]
enum Kind {
    Password,
    User,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Greeting,
    Accepted,
    Refused,
    Response(&'a [u8]),
    Event(&'a [u8]),
    Bytes(&'a [u8]),
    Send,
    SendJob(u8),
}

fn connection(kind: &Kind) -> Connection {
    let limits = Limits { header_block: 512, body: 512, skip: 4096, headers: 32 };
    let password = Secret::new("secret").expect("a password");
    let events = EventList::new(&["ALL"], &[]).expect("names");
    let subscription = Subscription { format: Format::Plain, events };
    match kind {
        Kind::Password => Connection::inbound(Credentials::Password(password), subscription, limits),
        Kind::User => {
            let user = UserName::new("user@domain").expect("a user");
            Connection::inbound(Credentials::User { user, password }, subscription, limits)
        }
    }
}

fn framed(content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut frame = format!("Content-Length: {}\nContent-Type: {content_type}\n\n", body.len()).into_bytes();
    frame.extend_from_slice(body);
    frame
}

fn check(connection: &mut Connection, waiting: &mut VecDeque<Token>) {
    while let Some(notice) = connection.poll() {
        match notice {
            Notice::Reply { token, .. } | Notice::JobAccepted { token, .. } | Notice::JobRefused { token, .. } => {
                assert_eq!(waiting.pop_front(), Some(token));
            }
            Notice::Ready => assert!(waiting.is_empty() && connection.is_ready()),
            Notice::AuthRefused { .. } | Notice::Rejected { .. } | Notice::SubscriptionRefused { .. } => {
                assert!(connection.is_closed());
            }
            _ => {}
        }
    }
}

fuzz_target!(|input: (Kind, Vec<Step>)| {
    let (kind, steps) = input;
    let mut connection = connection(&kind);
    let mut waiting = VecDeque::new();
    for step in steps {
        let closed = connection.is_closed();
        match step {
            Step::Greeting => connection.receive(b"Content-Type: auth/request\n\n"),
            Step::Accepted => connection.receive(b"Content-Type: command/reply\nReply-Text: +OK\n\n"),
            Step::Refused => connection.receive(b"Content-Type: command/reply\nReply-Text: -ERR no\n\n"),
            Step::Response(body) => connection.receive(&framed("api/response", body)),
            Step::Event(body) => connection.receive(&framed("text/event-plain", body)),
            Step::Bytes(bytes) => connection.receive(bytes),
            Step::Send => waiting.extend(connection.send(&Command::Api(ApiCommand::Status))),
            Step::SendJob(job) => {
                let job = Uuid::from_u128(job.into());
                waiting.extend(connection.send(&Command::BgApi { job, command: ApiCommand::Version }));
            }
        }
        check(&mut connection, &mut waiting);
        assert!(!closed || connection.is_closed());
        assert!(!connection.is_ready() || connection.outstanding() == waiting.len());
        connection.take_output();
    }
});
