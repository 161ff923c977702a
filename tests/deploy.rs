//! What lies in `deploy/` and `freeswitch/` holds what its documents say.

mod outside;

use outside::{file, program, said};
use perezvon::{
    engine::{
        effect::{Effect, HangupCause, Originate, Words},
        record::{CallbackId, ChannelId, Role},
        time::Span,
    },
    esl::command::Command,
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
    let sent: BTreeSet<_> = orders.filter_map(|order| api_name(&order).map(str::to_owned)).collect();
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

#[cfg(feature = "daemon")]
#[test]
fn the_configuration_of_the_container_has_no_fault() {
    let name = "deploy/container/perezvon.toml";
    let password = ("PEREZVON_SWITCH__MAIN__PASSWORD".to_owned(), "secret".to_owned());
    let folder = file("deploy/container");
    let parsed = perezvon::config::parse(name, &text(name), &folder, [password].into_iter());
    assert_eq!(parsed.err().map(|faults| faults.to_string()), None);
}

fn text(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in quotes in this line.
fn quoted(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

#[test]
fn the_package_has_all_that_it_names() {
    let manifest = text("Cargo.toml");
    let (_, package) = manifest.split_once("[package.metadata.deb]").unwrap();
    let assets: Vec<_> = package.lines().map(quoted).filter(|words| words.len() == 3).collect();
    for asset in &assets {
        let source = asset[0].split("/**").next().unwrap();
        assert!(source.starts_with("target/") || file(source).exists(), "{source} is not there");
    }
    let goes_to = |place: &str| assets.iter().any(|asset| format!("{}{}", asset[1], asset[0]).starts_with(place));
    for place in ["usr/bin/", "etc/perezvon/", "usr/lib/systemd/system/", "usr/lib/sysusers.d/", "usr/lib/tmpfiles.d/"]
    {
        assert!(goes_to(place), "nothing goes to {place}");
    }
    assert!(
        package.contains("conf-files = [\"/etc/perezvon/perezvon.toml\"]"),
        "an upgrade would write over the configuration"
    );
    for script in ["postinst", "prerm", "postrm"] {
        let script = format!("deploy/debian/{script}");
        let output = program("sh").unwrap().arg("-n").arg(file(&script)).output().unwrap();
        assert!(output.status.success() && text(&script).contains("\nset -e\n"), "{script}: {}", said(&output));
    }
    // The unit finds the program in /usr/bin and in /usr/local/bin.
    assert!(text(UNIT).contains("\nExecStart=perezvon run "));
}

const COMPOSE: &str = "deploy/compose.yml";

#[test]
fn what_the_compose_file_mounts_is_there() {
    let compose = text(COMPOSE);
    let (_, declared) = compose.split_once("\nvolumes:\n").unwrap();
    let declared: BTreeSet<_> = declared.lines().map(|line| line.trim().trim_end_matches(':')).collect();
    let mounts = compose.lines().filter_map(|line| line.strip_prefix("      - ")).filter(|mount| mount.contains(":/"));
    let mut used = BTreeSet::new();
    for mount in mounts {
        let (source, _) = mount.split_once(":/").unwrap();
        if source.starts_with('.') {
            assert!(file("deploy").join(source).exists(), "{source} is not there");
            assert!(mount.ends_with(":ro"), "{mount}: a container could change the repository");
        } else {
            used.insert(source);
        }
    }
    assert_eq!(declared, used);
    for built in compose.lines().filter_map(|line| line.trim().strip_prefix("dockerfile: ")) {
        assert!(file(built).exists(), "{built} is not there");
    }
}

/// Prometheus and Grafana get the files of `grafana/` as they are: what those say of ports and folders must be what the compose file makes.
#[test]
fn the_compose_file_fits_what_it_mounts() {
    let compose = text(COMPOSE);
    let said_in = |path: &str, key: &str| {
        let all = text(path);
        let line =
            all.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_else(|| panic!("{path}: no {key}"));
        line.trim().to_owned()
    };
    let dashboards = said_in("grafana/provisioning/dashboards/perezvon.yml", "path:");
    assert!(compose.contains(&format!(":{dashboards}:ro")), "no dashboards in {dashboards}");
    let prometheus = said_in("grafana/provisioning/datasources/prometheus.yml", "url: http://");
    assert!(compose.contains(&format!("--web.listen-address={prometheus}")), "no Prometheus at {prometheus}");
    assert!(said_in("grafana/prometheus/prometheus.yml", "- targets:").contains("127.0.0.1:8080"));
    let services = compose.matches("\n    image: ").count() + compose.matches("\n    build:").count();
    assert_eq!(compose.matches("network_mode: host").count(), services, "on another network nobody is at 127.0.0.1");
    for line in compose.lines().filter(|line| line.contains("PASSWORD") && !line.starts_with('#')) {
        assert!(line.contains("${"), "a password stands in the file: {line}");
    }
}

#[cfg(feature = "daemon")]
fn commands() -> BTreeSet<String> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_perezvon")).arg("help").output().unwrap();
    let help = said(&output);
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let list = rest.split("\n\n").next().unwrap();
    list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).map(str::to_owned).collect()
}

#[cfg(feature = "daemon")]
#[test]
fn the_container_runs_as_nobody_and_is_asked_how_it_is() {
    let container = text("deploy/Containerfile");
    let lines = |word: &'static str| container.lines().filter_map(move |line| line.strip_prefix(word));
    for copied in lines("COPY ").filter(|line| !line.starts_with("--from")) {
        let mut words: Vec<_> = copied.split(' ').collect();
        words.pop();
        words.iter().for_each(|source| assert!(file(source).exists(), "{source} is not there"));
    }
    assert_eq!(lines("USER ").next_back(), Some("perezvon"));
    let (_, asked) = container.split_once("HEALTHCHECK").unwrap();
    let command = quoted(asked.lines().next().unwrap());
    assert!(commands().contains(command[1]), "perezvon has no command {}", command[1]);
    // Everything that the program builds in must be copied.
    assert!(container.contains("COPY web web"));
}

#[cfg(feature = "daemon")]
#[test]
fn the_manual_page_names_commands_that_are_there() {
    let page = text("deploy/perezvon.1");
    let (_, rest) = page.split_once(".SH COMMANDS").unwrap();
    let section = rest.split(".SH").next().unwrap();
    let heads = section.lines().filter(|line| line.starts_with(".B ") || line.starts_with(".BR "));
    let words = heads.flat_map(|line| line.split_once(' ').unwrap().1.split([' ', ',', '"']));
    let known = commands();
    for word in words.filter(|word| !word.is_empty() && !word.starts_with('\\')) {
        assert!(known.contains(word), "perezvon has no command {word}");
    }
}
