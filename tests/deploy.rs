//! What lies in `deploy/` and `freeswitch/` holds what its documents say.

mod outside;

use outside::{file, program, said};
use perezvon::{
    engine::{
        effect::{Effect, HangupCause, Originate, Words},
        record::{CallbackId, ChannelId, Role},
        time::Span,
    },
    esl::command::{ApiCommand, Command},
    switch::{
        event::{EVENTS, SUBCLASSES},
        order::{self, Order, Speakers},
    },
};
use std::{collections::BTreeSet, fs};
use uuid::Uuid;

const UNIT: &str = "deploy/perezvon.service";
const USER: &str = "freeswitch/directory/perezvon.xml";

/// systemd's own judgement, from 0 (shut) to 10 (open).
const EXPOSURE_AT_MOST: f64 = 1.5;

/// The buffer in which mod_event_socket writes the answer to `userauth`, its closing NUL included (mod_event_socket.c, `reply`).
const LOGIN_ANSWER_BUFFER: usize = 512;

#[test]
fn the_service_is_shut_to_what_it_does_not_need() {
    let Some(mut analyze) = program("systemd-analyze") else { return };
    let output = analyze.args(["security", "--offline=true", "--no-pager"]).arg(file(UNIT)).output().unwrap();
    let said = said(&output);
    let line = said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{said}"));
    let level = line.split(':').nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    assert!(level.parse::<f64>().unwrap() <= EXPOSURE_AT_MOST, "{said}");
}

#[test]
fn the_service_is_watched_and_does_not_insist_on_a_wrong_password() {
    let unit = fs::read_to_string(file(UNIT)).unwrap();
    for line in
        ["Type=notify", "WatchdogSec=30", "Restart=always", "RestartPreventExitStatus=78", "StateDirectory=perezvon"]
    {
        assert!(unit.lines().any(|have| have == line), "no {line}");
    }
}

/// The value of a `<param>` of the directory user.
fn param(name: &str) -> String {
    let user = fs::read_to_string(file(USER)).unwrap();
    let start = format!("<param name=\"{name}\" value=\"");
    let from = user.rfind(&start).unwrap_or_else(|| panic!("no {name}")) + start.len();
    user[from..].split('"').next().unwrap().to_owned()
}

#[test]
fn the_switch_can_answer_the_login() {
    let answer = format!(
        "~Reply-Text: +OK accepted\nAllowed-Events: {}\nAllowed-API: {}\nAllowed-LOG: {}\n\n",
        param("esl-allowed-events"),
        param("esl-allowed-api"),
        param("esl-allowed-log"),
    );
    assert!(answer.len() < LOGIN_ANSWER_BUFFER, "{} bytes: its end would be cut off", answer.len());
}

/// One of each effect that has a command.
fn effects() -> Vec<Effect> {
    let switch = || "main".into();
    let leg = || ChannelId::new("b80c1247-b4eb-4863-a47d-0c70c6f8cb15");
    let originate = Originate {
        switch: switch(),
        leg: leg(),
        job: Uuid::nil(),
        role: Role::Client,
        dial: "sofia/gateway/provider/{number}".into(),
        number: Some("79161234567".into()),
        shown: "+74951112233".parse().ok(),
        shown_name: String::new(),
        ring: Span::seconds(30),
        cap: Span::seconds(3600),
        park: Span::seconds(60),
        track: None,
        of: CallbackId(1).into(),
        attempt: 1,
    };
    let words = Words { template: "Слово.".into(), language: Default::default(), facts: Default::default() };
    vec![
        Effect::Originate(Box::new(originate)),
        Effect::Say { switch: switch(), leg: leg(), token: Uuid::nil(), words: Box::new(words) },
        Effect::Ringback { switch: switch(), leg: leg() },
        Effect::Listen { switch: switch(), leg: leg(), sure: false },
        Effect::LetGo { switch: switch(), channel: leg() },
        Effect::Record { switch: switch(), leg: leg(), client: leg(), file: "/rec/1.wav".into(), stereo: true },
        Effect::Music {
            switch: switch(),
            leg: leg(),
            token: Uuid::nil(),
            what: "local_stream://moh".into(),
            given: true,
        },
        Effect::Hush { switch: switch(), leg: leg() },
        Effect::Bridge { switch: switch(), operator: leg(), client: leg() },
        Effect::Park { switch: switch(), channel: leg(), limit: Span::seconds(60) },
        Effect::Hangup { switch: switch(), channel: leg(), cause: HangupCause::Done },
        Effect::AskLeg { switch: switch(), channel: leg() },
        Effect::AskChannels { switch: switch(), token: Uuid::nil() },
    ]
}

fn api_name(order: &Order) -> Option<&'static str> {
    match &order.command {
        Command::Api(command) | Command::BgApi { command, .. } => Some(command.name()),
        _ => None,
    }
}

#[test]
fn the_daemons_user_may_do_what_the_daemon_does_and_no_more() {
    let speakers = Speakers { ru: "tts_commandline|ru".into(), en: "flite|slt".into(), ..Speakers::default() };
    let orders = effects()
        .into_iter()
        .flat_map(|effect| order::orders(&effect, &speakers).unwrap())
        .chain([order::ask_agents()]);
    let gateway = perezvon::esl::Word::new("provider").unwrap();
    let doctors = [ApiCommand::Status, ApiCommand::SofiaGateway(gateway)].map(|command| command.name().to_owned());
    let sent = orders.filter_map(|order| api_name(&order).map(str::to_owned)).chain(doctors).collect::<BTreeSet<_>>();
    let allowed = param("esl-allowed-api").split(' ').map(str::to_owned).collect();
    assert_eq!(sent, allowed);
    let subscribed: Vec<_> = EVENTS.into_iter().chain(["CUSTOM"]).chain(SUBCLASSES).collect();
    assert_eq!(subscribed.join(" "), param("esl-allowed-events"));
}

#[test]
fn no_phone_registers_as_the_daemon() {
    assert_eq!(param("allow-empty-password"), "false");
    assert_eq!(param("esl-allowed-log"), "false");
}

#[test]
fn the_voice_takes_any_text_and_no_odd_voice() {
    let Some(espeak) = program("espeak-ng") else { return };
    drop(espeak);
    let folder = tempfile::tempdir().unwrap();
    let speak = |voice: &str, text: &str| {
        let sound = folder.path().join("sound.wav");
        let output = program("sh")
            .unwrap()
            .arg(file("freeswitch/bin/perezvon-tts"))
            .args([voice])
            .arg(&sound)
            .arg(text)
            .output();
        (output.unwrap(), fs::read(&sound).unwrap_or_default())
    };
    for voice in ["", "-q", "ru;id", "../ru", "$(id)"] {
        let (output, sound) = speak(voice, "слово");
        assert_eq!((output.status.code(), sound.len()), (Some(2), 0), "voice {voice:?}: {}", said(&output));
    }
    let marker = folder.path().join("marker");
    for text in ["Пропущенный вызов", "--help", &format!("'; touch {0}; $(touch {0}) `touch {0}`", marker.display())]
    {
        let (output, sound) = speak("ru", text);
        assert!(
            output.status.success() && sound.starts_with(b"RIFF") && sound.len() > 1000,
            "{text:?}: {}",
            said(&output)
        );
    }
    assert!(!marker.exists(), "the text was run");
}

#[cfg(feature = "daemon")]
#[test]
fn the_sample_configuration_has_no_fault() {
    let faults = perezvon::config::load(&file("deploy/perezvon.toml")).err().map(|faults| faults.to_string());
    assert_eq!(faults, None);
}
