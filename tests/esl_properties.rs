//! What is written is what is read: commands, dial strings, events, as properties over any text.

use bytes::Bytes;
use perezvon::esl::command::{Reader, UserName};
use perezvon::esl::connection::*;
use perezvon::esl::frame::Limits;
use perezvon::esl::*;
use proptest::prelude::*;
use uuid::Uuid;

fn name() -> impl Strategy<Value = Name> {
    "[A-Za-z_][A-Za-z0-9_.:-]{0,20}".prop_map(|text| Name::new(&text).expect("a name"))
}

fn word() -> impl Strategy<Value = Word> {
    "[A-Za-z0-9][A-Za-z0-9_.@:~+!*%/=-]{0,40}".prop_map(|text| Word::new(&text).expect("a word"))
}

/// Texts that people and attackers send: any signs, and those that the switch cares for.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r#"[a-c ,'"\\{}\[\]<>|^$:=_&()\n\r\t`]{0,24}"#,
        Just("${system(touch /tmp/x)}".to_owned()),
        Just("a}user/1 &system(reboot)".to_owned()),
        Just("^^:x=1:y=2".to_owned()),
        Just("reload MOD_EVENT_SOCKET now".to_owned()),
        Just("a:_:b".to_owned()),
        Just("undef".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    hostile().prop_filter_map("nothing left", |text| Value::lossy(&text))
}

fn line() -> impl Strategy<Value = Line> {
    hostile().prop_filter_map("no line", |text| Line::new(&text).ok())
}

fn secret() -> impl Strategy<Value = Secret> {
    hostile().prop_filter_map("no line", |text| Secret::new(&text).ok())
}

fn originate() -> impl Strategy<Value = Originate> {
    let endpoint = prop_oneof![
        Just("user/1001"),
        Just("sofia/gateway/provider/+79161234567"),
        Just("sofia/external/100@host.example:5060;transport=tcp"),
    ];
    (endpoint, prop::collection::vec((name(), value()), 0..6)).prop_map(|(endpoint, variables)| Originate {
        endpoint: Endpoint::new(endpoint).expect("an endpoint"),
        variables,
    })
}

fn api() -> impl Strategy<Value = ApiCommand> {
    let hearers = prop_oneof![Just(Hearers::This), Just(Hearers::Other), Just(Hearers::Both)];
    prop_oneof![
        originate().prop_map(ApiCommand::Originate),
        (word(), word()).prop_map(|(a, b)| ApiCommand::UuidBridge(a, b)),
        (word(), prop::option::of(name())).prop_map(|(channel, cause)| ApiCommand::UuidKill(channel, cause)),
        word().prop_map(ApiCommand::UuidExists),
        word().prop_map(ApiCommand::UuidDump),
        (word(), name()).prop_map(|(channel, name)| ApiCommand::UuidGetVar(channel, name)),
        (word(), name(), prop::option::of(value()))
            .prop_map(|(channel, name, value)| ApiCommand::UuidSetVar(channel, name, value)),
        word().prop_map(ApiCommand::UuidBreak),
        word().prop_map(ApiCommand::UuidPark),
        word().prop_map(ApiCommand::UuidTransferToPark),
        (word(), line(), hearers).prop_map(|(channel, sound, to)| ApiCommand::UuidBroadcast { channel, sound, to }),
        Just(ApiCommand::ShowChannels),
        Just(ApiCommand::Status),
        Just(ApiCommand::Version),
        Just(ApiCommand::Strepoch),
        word().prop_map(ApiCommand::SofiaContact),
        Just(ApiCommand::CallcenterAgents),
        word().prop_map(ApiCommand::AvmdStop),
        (word(), line()).prop_map(|(channel, file)| ApiCommand::UuidRecord(channel, file)),
        Just(ApiCommand::ShowModules),
        Just(ApiCommand::ShowRegistrations),
        word().prop_map(ApiCommand::SofiaGateway),
        word().prop_map(ApiCommand::SofiaProfile),
        name().prop_map(ApiCommand::Configuration),
        Just(ApiCommand::Dialplan),
    ]
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Plain), Just(Format::Json)]
}

fn events() -> impl Strategy<Value = EventList> {
    let names = || prop::collection::vec(name().prop_filter("a mark", |name| name.as_str() != "CUSTOM"), 0..4);
    (names(), names()).prop_map(|(events, subclasses)| EventList { events, subclasses })
}

fn execute() -> impl Strategy<Value = Execute> {
    let long = prop_oneof![line(), Just(Line::new(&"долго, ".repeat(400)).expect("a line"))];
    (
        prop::option::of(word()),
        name(),
        prop::option::of(long),
        prop::option::of(word()),
        any::<bool>(),
        prop::option::of(any::<i32>()),
    )
        .prop_map(|(channel, application, argument, event_uuid, lock, loops)| Execute {
            channel,
            application,
            argument,
            event_uuid,
            lock,
            loops,
        })
}

fn command() -> impl Strategy<Value = Command> {
    let user = ("[a-z0-9]{1,8}", "[a-z0-9.]{1,12}")
        .prop_map(|(user, domain)| UserName::new(&format!("{user}@{domain}")).expect("a user"));
    prop_oneof![
        secret().prop_map(Command::Auth),
        (user, secret()).prop_map(|(user, password)| Command::UserAuth { user, password }),
        (format(), events()).prop_map(|(format, events)| Command::Events { format, events }),
        events().prop_map(Command::NixEvents),
        Just(Command::NoEvents),
        (name(), line()).prop_map(|(header, value)| Command::Filter { header, value }),
        api().prop_map(Command::Api),
        (any::<u128>(), api()).prop_map(|(job, command)| Command::BgApi { job: Uuid::from_u128(job), command }),
        execute().prop_map(Command::Execute),
        (prop::option::of(word()), name()).prop_map(|(channel, cause)| Command::Hangup { channel, cause }),
        Just(Command::Connect),
        prop::option::of(any::<u32>()).prop_map(Command::Linger),
        format().prop_map(Command::MyEvents),
        any::<bool>().prop_map(Command::DivertEvents),
        Just(Command::Exit),
        any::<u8>().prop_map(Command::Log),
        Just(Command::NoLog),
    ]
}

/// An event of any headers; names are what the switch may use, values any text without NUL.
fn builder() -> impl Strategy<Value = EventBuilder> {
    let name = "[A-Za-z][A-Za-z0-9_-]{0,20}".prop_filter("taken", |name| {
        !["_body", "content-length", "event-name", "event-sequence"].contains(&name.to_ascii_lowercase().as_str())
    });
    let text = prop_oneof![any::<String>(), Just("_undef_".to_owned()), Just(String::new())];
    let one = (name.clone(), text).prop_map(|(name, value)| (name, vec![value]));
    let many = (name, prop::collection::vec("[а-яa-z0-9 ,%]{1,8}", 2..5));
    (prop::collection::vec(prop_oneof![4 => one, 1 => many], 0..12), prop::option::of(any::<String>())).prop_map(
        |(headers, body)| {
            let mut event = EventBuilder::new("CHANNEL_CREATE").header("Event-Sequence", 7);
            for (name, items) in headers {
                event = match items.as_slice() {
                    [value] => event.header(&name, value),
                    items => event.array(&name, &items.iter().map(String::as_str).collect::<Vec<_>>()),
                };
            }
            match body {
                Some(body) => event.body(&body),
                None => event,
            }
        },
    )
}

/// What an event shows to a reader; `Content-Length` of a body is not part of it.
fn shown(event: &Event) -> (Vec<(String, String)>, String) {
    let headers = event.iter().filter(|(name, _)| name != "Content-Length");
    (headers.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(), event.body().into_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_command_is_read_as_it_was_written(command in command()) {
        let bytes = command.to_bytes();
        let mut reader = Reader::default();
        reader.push(&bytes);
        let read = reader.next_command();
        prop_assert_eq!(read, Some(Ok(command)), "{:?}", bytes);
        prop_assert_eq!(reader.next_command(), None);
    }

    #[test]
    fn commands_in_a_row_are_read_one_by_one(commands in prop::collection::vec(command(), 1..6), cut in any::<prop::sample::Index>()) {
        let bytes: Vec<u8> = commands.iter().flat_map(|command| command.to_bytes()).collect();
        let (head, tail) = bytes.split_at(cut.index(bytes.len()));
        let mut reader = Reader::default();
        let mut read = Vec::new();
        for part in [head, tail] {
            reader.push(part);
            while let Some(command) = reader.next_command() {
                read.push(command.expect("a command"));
            }
        }
        prop_assert_eq!(read, commands);
    }

    /// No text, however made, changes what is dialled or which variables are set.
    #[test]
    fn no_value_escapes_its_variable(text in hostile()) {
        let Some(value) = Value::lossy(&text) else { return Ok(()) };
        let endpoint = Endpoint::new("sofia/gateway/provider/79161234567").expect("an endpoint");
        let known = Name::new("origination_caller_id_name").expect("a name");
        let last = (Name::new("last").expect("a name"), Value::from(1_u64));
        let originate = Originate { endpoint, variables: vec![(known, value), last] };
        let line = originate.to_string();
        prop_assert!(!line.chars().any(|sign| sign.is_control() || sign == '$' || sign == '|'));
        prop_assert_eq!(line.matches(['{', '}']).count(), 2);
        prop_assert_eq!(Originate::parse(&line), Ok(originate));
    }

    #[test]
    fn plain_and_json_give_the_same_view(builder in builder()) {
        let limits = Limits::default();
        let plain = Event::plain(Bytes::from(builder.to_plain()), &limits).expect("a plain event");
        let json = Event::json(&builder.to_json(), &limits).expect("a JSON event");
        prop_assert_eq!(shown(&plain), shown(&json));
        prop_assert_eq!(plain.sequence(), Some(7));
        for (name, _) in plain.iter() {
            let other_case = name.to_ascii_uppercase();
            prop_assert_eq!(plain.get(&other_case), json.get(&other_case));
            prop_assert_eq!(plain.array(&name), json.array(&name));
        }
    }

    /// Any bytes at all: no panic, no endless loop, and the same answer however they are cut.
    #[test]
    fn any_stream_gives_the_same_however_it_is_cut(
        pieces in prop::collection::vec(prop_oneof![
            Just(b"Content-Type: command/reply\nReply-Text: +OK\n\n".to_vec()),
            Just(b"Content-Length: 12\nContent-Type: text/event-plain\n\nEvent-Name:A".to_vec()),
            Just(b"Content-Length: 0\nContent-Type: text/event-plain\n\n".to_vec()),
            Just(b"Content-Length: -1\nContent-Type: x\n\n".to_vec()),
            Just(b"Content-Length: 99999999999999999999\nContent-Type: x\n\n".to_vec()),
            Just(b"Content-Length: 100000\nContent-Type: api/response\n\n".to_vec()),
            Just(b"X: y\n\n".to_vec()),
            Just(b"\n\n\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
        ], 0..8),
        cuts in prop::collection::vec(1_usize..20, 1..8),
    ) {
        let limits = Limits { header_block: 200, body: 1000, skip: 200_000, headers: 10 };
        let stream = pieces.concat();
        let notices = |sizes: &[usize]| {
            let credentials = Credentials::Password(Secret::new("x").expect("a password"));
            let mut connection = Connection::inbound(credentials, Subscription::default(), limits);
            let mut notices = Vec::new();
            let mut rest = stream.as_slice();
            for &size in sizes.iter().cycle().take(stream.len() + 1) {
                let (head, tail) = rest.split_at(size.min(rest.len()));
                connection.receive(head);
                while let Some(notice) = connection.poll() {
                    notices.push(notice);
                }
                rest = tail;
            }
            notices
        };
        prop_assert_eq!(notices(&[stream.len().max(1)]), notices(&cuts));
    }
}
