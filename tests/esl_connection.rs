//! The connection's state machine against recorded dialogues and against a switch that misbehaves.

use perezvon::esl::command::{Reader, UserName};
use perezvon::esl::connection::MAX_OUTSTANDING;
use perezvon::esl::frame::Limits;
use perezvon::esl::*;
use uuid::Uuid;

const GREETING: &str = "Content-Type: auth/request\n\n";
const ACCEPTED: &str = "Content-Type: command/reply\nReply-Text: +OK accepted\n\n";
const ENABLED: &str = "Content-Type: command/reply\nReply-Text: +OK event listener enabled plain\n\n";

fn password() -> Credentials {
    Credentials::Password(Secret::new("lab-secret").expect("a password"))
}

fn user() -> Credentials {
    Credentials::User {
        user: UserName::new("perezvon@pbx").expect("a user"),
        password: Secret::new("s:e@cret").expect("a password"),
    }
}

fn subscription() -> Subscription {
    let events = EventList::new(&["CHANNEL_CREATE", "BACKGROUND_JOB"], &["callcenter::info"]).expect("names");
    Subscription { format: Format::Plain, events }
}

fn connection(credentials: Credentials) -> Connection {
    Connection::inbound(credentials, subscription(), Limits::default())
}

fn notices(connection: &mut Connection, bytes: impl AsRef<[u8]>) -> Vec<Notice> {
    connection.receive(bytes.as_ref());
    std::iter::from_fn(|| connection.poll()).collect()
}

fn sent(connection: &mut Connection) -> String {
    String::from_utf8(connection.take_output().to_vec()).expect("text")
}

fn ready() -> Connection {
    let mut connection = connection(password());
    let all = notices(&mut connection, format!("{GREETING}{ACCEPTED}{ENABLED}"));
    assert_eq!(all, [Notice::Ready]);
    sent(&mut connection);
    connection
}

fn recording(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/wire/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a recording")
}

#[test]
fn the_handshake_goes_step_by_step() {
    let mut connection = connection(password());
    assert_eq!(sent(&mut connection), "");
    assert_eq!(connection.send(&Command::Exit), Err(NotSent::NotReady));
    assert_eq!(notices(&mut connection, GREETING), []);
    assert_eq!(sent(&mut connection), "auth lab-secret\n\n");
    assert_eq!(notices(&mut connection, ACCEPTED), []);
    assert_eq!(sent(&mut connection), "event plain CHANNEL_CREATE BACKGROUND_JOB CUSTOM callcenter::info\n\n");
    assert_eq!(notices(&mut connection, ENABLED), [Notice::Ready]);
    assert!(connection.is_ready());
}

#[test]
fn a_refused_password_and_a_refused_address_are_told_apart() {
    let mut refused = connection(password());
    let text = "-ERR invalid".to_owned();
    assert_eq!(notices(&mut refused, recording("auth-denied.esl")), [Notice::AuthRefused { text }]);
    assert!(refused.is_closed());

    let mut rejected = connection(password());
    let stream = "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n";
    let text = "Access Denied, go away.".to_owned();
    assert_eq!(notices(&mut rejected, stream), [Notice::Rejected { text }]);
    assert!(rejected.is_closed());

    let mut denied = connection(password());
    let stream = format!("{GREETING}{ACCEPTED}Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n");
    let text = "-ERR permission denied".to_owned();
    assert_eq!(notices(&mut denied, stream), [Notice::SubscriptionRefused { text }]);
    assert_eq!(denied.send(&Command::Exit), Err(NotSent::NotReady));
}

#[test]
fn a_user_s_long_rights_do_not_swallow_the_next_reply() {
    let whole = "Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: all\nAllowed-API: all\n\n";
    // What the switch sends when the lists are over its buffer: cut off, and the next reply at once behind.
    let cut_off = "Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: CHANNEL_CREATE CHAN";
    for reply in [whole, cut_off] {
        let mut connection = connection(user());
        assert_eq!(notices(&mut connection, GREETING), []);
        let expected = "userauth perezvon@pbx:s:e@cret\n\n\
                        event plain CHANNEL_CREATE BACKGROUND_JOB CUSTOM callcenter::info\n\n";
        assert_eq!(sent(&mut connection), expected);
        let all = notices(&mut connection, format!("{reply}{ENABLED}"));
        assert_eq!(all, [Notice::Ready], "{reply}");
        assert_eq!(connection.outstanding(), 0);
    }
    let mut connection = connection(user());
    let denied = ENABLED.replace("+OK event listener enabled plain", "-ERR permission denied");
    let all = notices(&mut connection, format!("{GREETING}{cut_off}{denied}"));
    assert_eq!(all, [Notice::SubscriptionRefused { text: "-ERR permission denied".to_owned() }]);
}

/// The whole recorded story of a callback: our commands with our own job ids in place of the recorded ones.
#[test]
fn a_recorded_callback_is_followed() {
    for (name, format) in [("callback-bridged", Format::Plain), ("callback-bridged-json", Format::Json)] {
        let subscription = Subscription { format, ..subscription() };
        let mut connection = Connection::inbound(password(), subscription, Limits::default());
        let stream = recording(&format!("{name}.esl"));
        // Everything up to the answer to the subscription.
        let ready_at = stream.windows(9).position(|window| window == b"listener ").expect("the answer") + 25;
        assert_eq!(notices(&mut connection, &stream[..ready_at]), [Notice::Ready]);
        let job = |number: u128| Command::BgApi { job: Uuid::from_u128(number), command: ApiCommand::Status };
        let speak = Command::Execute(Execute::new(None, Name::new("speak").expect("a name")));
        let commands = [job(1), speak, job(2), job(3), Command::Api(ApiCommand::ShowChannels), Command::Exit];
        let tokens = commands.map(|command| connection.send(&command).expect("room"));
        let all = notices(&mut connection, &stream[ready_at..]);

        let accepted: Vec<_> = all
            .iter()
            .filter_map(|notice| match notice {
                Notice::JobAccepted { token, job } => Some((*token, job.as_u128())),
                _ => None,
            })
            .collect();
        assert_eq!(accepted, [(tokens[0], 1), (tokens[2], 2), (tokens[3], 3)], "{name}");
        let replies: Vec<_> = all
            .iter()
            .filter_map(|notice| match notice {
                Notice::Reply { token, reply } => Some((*token, reply.is_err())),
                _ => None,
            })
            .collect();
        assert_eq!(replies, [(tokens[1], false), (tokens[4], false), (tokens[5], false)], "{name}");
        let results: Vec<_> = all
            .iter()
            .filter_map(|notice| match notice {
                Notice::JobDone { event, .. } => Some(event.body().into_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(results.len(), 3, "{name}");
        assert!(results.iter().all(|result| result.starts_with("+OK ")), "{results:?}");
        assert!(!all.iter().any(|notice| matches!(notice, Notice::Malformed(_) | Notice::Unknown(_))), "{name}");
        assert_eq!(connection.outstanding(), 0);
    }
}

#[test]
fn replies_keep_their_order_among_events_and_log_lines() {
    let mut connection = connection(password());
    let stream = recording("log-interleaved.esl");
    // The recording's `log debug` comes before `event`: its answer is taken for that of the subscription.
    let frames = "Content-Type: command/reply\nReply-Text: +OK log level";
    let after_log = stream.windows(frames.len()).position(|window| window == frames.as_bytes()).expect("the answer");
    let mut all = notices(&mut connection, &stream[..after_log]);
    assert_eq!(all, []);
    let rest = &stream[after_log..];
    let end = rest.windows(2).position(|pair| pair == b"\n\n").expect("its end") + 2;
    assert_eq!(notices(&mut connection, &rest[..end]), [Notice::Ready]);
    let status = Command::Api(ApiCommand::Status);
    let job = Command::BgApi { job: Uuid::from_u128(1), command: ApiCommand::Status };
    let subscribe = Command::Events { format: Format::Plain, events: EventList::default() };
    let commands = [&subscribe, &job, &status, &status, &status, &status, &status, &Command::NoLog, &Command::Exit];
    let tokens: Vec<_> = commands.map(|command| connection.send(command).expect("room")).to_vec();
    all = rest[end..].chunks(100).flat_map(|piece| notices(&mut connection, piece)).collect();
    let answered: Vec<_> = all
        .iter()
        .filter_map(|notice| match notice {
            Notice::Reply { token, .. } | Notice::JobAccepted { token, .. } => Some(*token),
            _ => None,
        })
        .collect();
    assert_eq!(answered, tokens);
    assert!(all.iter().filter(|notice| matches!(notice, Notice::Log(_))).count() > 30);
    assert!(all.iter().any(|notice| matches!(notice, Notice::Disconnect { linger: false, .. })));
}

#[test]
fn every_recorded_refusal_is_one() {
    let mut connection = connection(password());
    let stream = recording("errors.esl");
    // The first of them answers our subscription here, which ends it.
    connection.receive(&stream);
    assert!(matches!(connection.poll(), Some(Notice::SubscriptionRefused { .. })));

    let mut connection = ready();
    for _ in 0..23 {
        connection.send(&Command::Api(ApiCommand::Status)).expect("room");
    }
    let texts: Vec<_> = notices(&mut connection, &stream[GREETING.len() + ACCEPTED.len()..])
        .into_iter()
        .map(|notice| match notice {
            Notice::Reply { reply, .. } => (reply.is_err(), reply.text().into_owned()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts.len(), 23);
    assert_eq!(texts[0], (true, "-ERR no_such_command Command not found!".to_owned()));
    assert_eq!(texts[2], (false, "false".to_owned()));
    assert_eq!(texts.iter().filter(|(refused, _)| *refused).count(), 12);
}

#[test]
fn the_reply_to_connect_is_decoded() {
    let mut connection = ready();
    connection.send(&Command::Connect).expect("room");
    let all = notices(&mut connection, "Content-Type: command/reply\nReply-Text: %2BOK%0A\n\n");
    let [Notice::Reply { reply, .. }] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(reply.text(), "+OK");
    assert!(!reply.is_err());
}

#[test]
fn an_unasked_reply_is_told_and_no_reply_is_ever_given_to_the_wrong_command() {
    let mut connection = ready();
    let unasked = notices(&mut connection, ENABLED);
    assert!(matches!(unasked.as_slice(), [Notice::Malformed(malformed)] if malformed.in_step()), "{unasked:?}");
    let token = connection.send(&Command::Exit).expect("room");
    let all = notices(&mut connection, ENABLED);
    assert!(matches!(all.as_slice(), [Notice::Reply { token: known, .. }] if *known == token));
}

#[test]
fn a_job_that_is_refused_has_no_result() {
    let mut connection = ready();
    let job = Uuid::from_u128(7);
    let token = connection.send(&Command::BgApi { job, command: ApiCommand::Status }).expect("room");
    let all = notices(&mut connection, "Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n");
    assert_eq!(all, [Notice::JobRefused { token, job, text: "-ERR permission denied".to_owned() }]);
}

#[test]
fn a_result_may_come_before_its_job_is_accepted_and_from_another_life() {
    let mut connection = ready();
    let job = Uuid::from_u128(7);
    let token = connection.send(&Command::BgApi { job, command: ApiCommand::Status }).expect("room");
    let done =
        |job: Uuid| EventBuilder::new("BACKGROUND_JOB").header("Job-UUID", job).body("+OK\n").to_frame(Format::Plain);
    let accepted = format!("Content-Type: command/reply\nReply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n");
    let stream = [done(job), accepted.into_bytes(), done(Uuid::from_u128(8))].concat();
    let all = notices(&mut connection, stream);
    let [
        Notice::JobDone { job: first, .. },
        Notice::JobAccepted { token: known, .. },
        Notice::JobDone { job: other, .. },
    ] = all.as_slice()
    else {
        panic!("{all:?}")
    };
    assert_eq!((*first, *known, other.as_u128()), (job, token, 8));
}

#[test]
fn outstanding_commands_have_a_limit() {
    let mut connection = ready();
    for _ in 0..MAX_OUTSTANDING {
        connection.send(&Command::Api(ApiCommand::Status)).expect("room");
    }
    assert_eq!(connection.send(&Command::Api(ApiCommand::Status)), Err(NotSent::Full));
    assert_eq!(notices(&mut connection, ENABLED).len(), 1);
    assert!(connection.send(&Command::Api(ApiCommand::Status)).is_ok());
}

#[test]
fn a_broken_stream_closes_the_connection() {
    let mut connection = ready();
    let all = notices(&mut connection, format!("Content-Type: api/response\nContent-Length: -5\n\n{ENABLED}"));
    assert!(matches!(all.as_slice(), [Notice::Malformed(malformed)] if !malformed.in_step()), "{all:?}");
    assert!(connection.is_closed());
    assert_eq!(connection.send(&Command::Exit), Err(NotSent::NotReady));
    assert_eq!(notices(&mut connection, ENABLED), []);
}

#[test]
fn a_body_over_the_limit_is_a_refusal_of_its_command_alone() {
    let limits = Limits { body: 100, ..Limits::default() };
    let mut connection = Connection::inbound(password(), subscription(), limits);
    notices(&mut connection, format!("{GREETING}{ACCEPTED}{ENABLED}"));
    let tokens = [(); 2].map(|()| connection.send(&Command::Api(ApiCommand::ShowChannels)).expect("room"));
    let reply =
        |length: usize| format!("Content-Type: api/response\nContent-Length: {length}\n\n{}", "x".repeat(length));
    let event = format!("Content-Length: 300\nContent-Type: text/event-plain\n\n{}", "A: b\n".repeat(60));
    let all = notices(&mut connection, reply(101) + &event + &reply(100));
    let [Notice::Reply { token: first, reply: long }, Notice::Malformed(malformed), Notice::Reply { token, reply }] =
        all.as_slice()
    else {
        panic!("{all:?}")
    };
    assert!(*first == tokens[0] && long.is_err() && *token == tokens[1] && !reply.is_err());
    assert_eq!(malformed.what, Fault::EventTooLong(300));
}

/// What the recorded client sent, as far as we send such commands, is read by the switch's side.
#[test]
fn recorded_commands_are_understood() {
    let mut reader = Reader::default();
    reader.push(&recording("callback-bridged.sent"));
    let commands: Vec<_> = std::iter::from_fn(|| reader.next_command()).collect();
    assert_eq!(commands.len(), 8);
    assert!(matches!(&commands[1], Ok(Command::Events { events, .. }) if events.subclasses.len() == 2));
    let Ok(Command::Execute(execute)) = &commands[3] else { panic!("{:?}", commands[3]) };
    assert!(execute.lock && execute.event_uuid.as_ref().is_some_and(|id| id.as_str() == "say-1"));
    assert!(matches!(&commands[6], Ok(Command::Api(ApiCommand::ShowChannels))));
    // It let the switch choose job ids, which we never do.
    assert!(commands[2].is_err());
    let text = String::from_utf8(recording("callback-bridged.sent")).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix("bgapi originate ")).expect("an originate");
    let originate = Originate::parse(line).expect("an originate");
    assert_eq!(originate.variable("origination_caller_id_name"), Some("Пропущенный 79161234567"));
    assert_eq!(originate.variable("campaign"), Some("Яндекс Директ"));
    assert_eq!(originate.endpoint.as_str(), "sofia/gateway/world/op-1");
}
