//! The configuration: what is enough, what is read, and what each fault is told as.
#![cfg(feature = "daemon")]

use perezvon::{
    config::{self, Allowed, Base, Config, Means, Over, Pages},
    engine::{
        money::Amount,
        rules::{
            Again, Answer, ClientFirst, Heard, Key, Keys, Language, Machine, Member, Mode, NumberFormat, Order,
            Recording, SeveralZones, Strategy, Then, Way,
        },
        time::Span,
    },
    voice::{self, Names},
};
use proptest::{
    prelude::{Just, any, prop, prop_assert_eq},
    prop_oneof, proptest,
    strategy::Strategy as _,
};
use std::path::Path;

/// Enough to start.
const SMALL: &str = r#"
[switch.main]
password = "secret"

[trunk.provider]
dial = "sofia/gateway/provider/{number}"

[[operator]]
name = "anna"
dial = "user/1001"

[[operator]]
name = "boris"
dial = "user/1002"

[[line]]
name    = "site"
numbers = ["+74951112233"]
"#;

/// Nearly everything that this version knows.
const FULL: &str = r#"
[switch.main]
address = "10.0.0.5"
user = "perezvon@default"
password = "secret"
[switch.spare]
address = "pbx.example.org:8022"
password = "other"
[store]
url = "sqlite:/tmp/p.db"
[http]
listen = "off"
trusted_proxy = ["127.0.0.1", "10.0.0.0/8"]
[pages]
links = [{ name = "CRM", url = "https://crm.example/?phone={number}&from={page}" }]
away = ["обед", "учёба"]
dispositions = ["Договорились", { name = "Автоответчик", means = "machine" }]
[outbound]
listen = "10.0.0.9:8084"
allow = ["10.0.0.0/8", "fd00::7"]
[cdr]
folder = "/var/spool/perezvon/cdr"
credentials = "cdr:word"
[control]
socket = "/tmp/p.sock"
[log]
level = "debug"
format = "json"
numbers = "whole"
[voice]
engine = "tts_commandline"
voice = "ru+f3"
names = "transliterate"
command = "piper --model '/opt/ru model.onnx' --output_file {file}"
cache = "/srv/voice"
share = "/mnt/voice"
[voice.en]
engine = "flite"
voice = "rms"
[defaults]
language = "ru"
time_zone = "Europe/Moscow"
country = "RU"
[defaults.redial]
missed = [
    { call = "unserved", waited = "3s", between = ["09:00-20:00", "22:00-24:00"] },
    { call = "served", shorter_than = "60s", unique = true, within = "7d" },
]
track = "3m"
mode = "by-hand"
attempts = 7
busy = { after = "4m" }
no_answer = { at = ["19:00", "10:00"], from = "tomorrow" }
avoid = ["11:00-13:00", "22:00-24:00"]
client_hours = "mon-sun 09:00-21:00"
several_zones = "line"
per_day = 3
per_week = 5
announce_client = ""
announce_operator = "Вызов, {{ campaign }}, {{ number | spoken }}."
announce_requested = "Просят, {{ number | spoken }}."
[trunk.provider]
switch = "main"
dial = "sofia/gateway/provider/{number}"
format = "e164"
channels = 20
per_minute = "1.90 RUB"
billing = "1s"
cap_per_month = "3000 RUB"
[[operator]]
name = "anna"
dial = ["user/1001@pbx", "sofia/gateway/provider/79165550101"]
ring = "15s"
wrap_up = "5s"
answer = { delay = "20s" }
phones = "together"
no_answer_pause = "2m"
reject_pause = "5m"
away_after = 3
agent = "1001@default"
[[operator]]
name = "robot"
dial = "user/2000"
calls = 30
[[group]]
name = "sales"
operators = ["anna", { name = "robot", weight = 3, level = 2 }]
strategy = "ring-all"
remember = true
escalate = "1m"
[calendar.main]
hours = "mon-fri 09:00-20:00; sat 10:00-16:00"
holidays = ["2027-01-01..2027-01-08"]
workdays = [2027-02-20]
[[line]]
name = "site"
numbers = ["8 495 111-22-33"]
callcenter = "sales@default"
group = "sales"
trunks = ["provider"]
caller_id = "+74951112200"
channel = "context"
source = "search"
campaign = "Весна"
calendar = "main"
priority = 5
[line.redial]
attempts = 3
announce_repeated = "Снова, попытка {{ attempt }}."
keys = { pass = "2", never = "3", later = "1" }
order = "client-first"
wait = "45s"
without_operator = 10
record = { file = "/rec/{date}/{line}-{callback}-{attempt}.wav", stereo = true }
machine = { beep = true, shorter_than = "5s", say = "Мы вам перезвонили." }
music = "/usr/share/sounds/moh.wav"
called_within = "30s"
announce_goodbye = "До свидания."
[line.requested]
announce_operator = "Просят звонить."
expire = "2h"
mode = "auto"
[site.shop]
key = "shop-2027"
origins = ["https://shop.example", "http://localhost:3000"]
line = "site"
language = "en"
theme = "dark"
position = "left"
color = '#0B6E55'
title = "Позвоним"
text = "За минуту."
consent = "Согласен."
policy = "https://shop.example/privacy"
allow = ["RU", "+37529"]
limits = { number = "2 per 24h", site = "100 per 10m" }
challenge = 18
"#;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config::parse("perezvon.toml", text, Path::new("/nonexistent"), variables)
        .map_err(|faults| faults.to_string().lines().map(str::to_owned).collect())
}

#[test]
fn one_switch_one_trunk_one_line_two_operators_are_enough() {
    let config = read(SMALL, &[]).unwrap();
    assert_eq!(config.switches[0].address, "127.0.0.1:8021");
    assert_eq!(config.listen.unwrap().to_string(), "127.0.0.1:8080");
    assert_eq!((config.rules.country.as_str(), config.rules.observe), ("RU", false));
    let line = &config.rules.lines["site"];
    assert_eq!(line.caller_id.to_string(), "+74951112233");
    assert_eq!((line.language, line.redial.attempts, line.trunks.len()), (Language::Ru, 5, 1));
    let group = &config.rules.groups[&line.group];
    assert_eq!(group.operators.iter().map(|member| &*member.name).collect::<Vec<_>>(), ["anna", "boris"]);
    assert_eq!(&*config.rules.operators["boris"].phones[0].user, "1002");
    assert_eq!(config.rules.trunks["provider"].format, NumberFormat::Digits);
    assert_eq!(config.rules.trunks["provider"].price, None);
    let priced = SMALL.replace("{number}\"", "{number}\"\nper_minute = \"2 RUB\"");
    let price = read(&priced, &[]).unwrap().rules.trunks["provider"].price.clone().unwrap();
    assert_eq!(
        (price.per_minute, price.billing),
        (Amount(20_000), Span::seconds(60)),
        "a started minute is a whole one"
    );
}

#[test]
fn who_wrote_one_announcement_hears_it_whatever_the_attempt() {
    let announcements = |text: &str| read(text, &[]).unwrap().rules.lines["site"].redial.announce_operator.clone();
    assert_eq!(announcements(SMALL), voice::announce_operator(Language::Ru));
    let own = announcements(&format!("{SMALL}[line.redial]\nannounce_operator = \"Вызов.\"\n"));
    assert_eq!(own, "Вызов.".into());
    let repeated = announcements(&format!("{SMALL}[line.redial]\nannounce_repeated = \"Снова.\"\n"));
    assert_eq!((&repeated.missed, &*repeated.repeated), (&voice::announce_operator(Language::Ru).missed, "Снова."));
}

#[test]
fn everything_that_is_written_is_read() {
    let config = read(FULL, &[]).unwrap();
    assert_eq!(
        (config.switches[0].address.as_str(), config.switches[1].address.as_str()),
        ("10.0.0.5:8021", "pbx.example.org:8022")
    );
    assert_eq!(config.switches[0].user.as_deref(), Some("perezvon@default"));
    assert_eq!((config.listen, config.store.as_str(), config.log.json), (None, "sqlite:/tmp/p.db", true));
    assert_eq!((config.voice.ru.voice.as_str(), config.voice.en.voice.as_str()), ("ru+f3", "rms"));
    assert_eq!(config.voice.names, Names::Transliterate);
    let rendering = config.voice.rendering();
    assert_eq!((rendering.cache.to_str(), rendering.share.as_deref()), (Some("/srv/voice"), Some("/mnt/voice")));
    let started = rendering.ru.unwrap().start("Вызов", "/srv/voice/1.wav");
    assert_eq!(started.arguments, ["--model", "/opt/ru model.onnx", "--output_file", "/srv/voice/1.wav"]);
    assert_eq!(rendering.en, None, "each language has its own command");
    let Pages { links, away, dispositions } = &config.pages;
    assert_eq!((links[0].name.as_str(), &away[..]), ("CRM", &["обед".to_owned(), "учёба".to_owned()][..]));
    let words: Vec<_> = dispositions.iter().map(|word| (word.name.as_str(), word.means)).collect();
    assert_eq!(words, [("Договорились", Means::Note), ("Автоответчик", Means::Machine)]);
    let line = &config.rules.lines["site"];
    let said = &line.redial.announce_operator;
    assert_eq!(
        (&*said.missed, &*said.requested),
        ("Вызов, {{ campaign }}, {{ number | spoken }}.", "Просят, {{ number | spoken }}.")
    );
    assert_eq!(&*said.repeated, "Снова, попытка {{ attempt }}.", "the line's own");
    assert_eq!(line.numbers[0].to_string(), "+74951112233");
    assert_eq!((line.redial.attempts, line.redial.track), (3, Span::minutes(3)), "the line's key wins, the rest stays");
    assert_eq!(line.redial.busy, Again::After(Span::minutes(4)));
    let rules: Vec<String> = line.redial.missed.iter().map(ToString::to_string).collect();
    assert_eq!(
        rules,
        [
            "was not served after waiting 3s at 09:00-20:00 or 22:00-24:00",
            "was served for less than 1m for the first time in 7d"
        ]
    );
    assert_eq!((line.redial.mode, line.priority), (Mode::ByHand, 5));
    let requested = &line.requested;
    assert_eq!(&*requested.announce_operator.requested, "Просят звонить.");
    assert_eq!((requested.track, requested.expire, requested.mode), (Span::ZERO, Span::minutes(120), Mode::Auto));
    assert_eq!((requested.manners.avoid.len(), requested.attempts, requested.manners.per_day), (0, 3, Some(3)));
    assert_eq!(line.redial.no_answer, Again::At { times: vec![600, 1140], tomorrow: true });
    let manners = &line.redial.manners;
    let client_hours = manners.client_hours.as_ref().map(|week| week[6].clone());
    assert_eq!((client_hours, manners.several_zones), (Some(vec![(540, 1260)]), SeveralZones::Line));
    let novosibirsk = config.rules.zones.of("+73832223344".parse().unwrap());
    assert_eq!(novosibirsk[0].iana_name(), Some("Asia/Novosibirsk"));
    assert_eq!((manners.per_day, manners.per_week), (Some(3), Some(5)));
    assert_eq!((manners.zone.iana_name(), &*manners.avoid), (Some("Europe/Moscow"), &[(660, 780), (1320, 1440)][..]));
    assert!(line.redial.announce_client.is_none() && line.calendar.is_some());
    let cap = config.rules.trunks["provider"].cap.clone().unwrap();
    assert_eq!((cap.a_month, cap.zone.iana_name()), (Amount(30_000_000), Some("Europe/Moscow")));
    let price = config.rules.trunks["provider"].price.clone().unwrap();
    assert_eq!((price.per_minute, &*price.currency, price.billing), (Amount(19_000), "RUB", Span::seconds(1)));
    let keys = Keys { pass: Key::new('2'), never: Key::new('3'), machine: None, later: Key::new('1') };
    assert_eq!(line.redial.keys, keys);
    let first = ClientFirst {
        wait: Span::seconds(45),
        music: "/usr/share/sounds/moh.wav".into(),
        goodbye: "До свидания.".into(),
        without_operator: 10,
    };
    assert_eq!(line.redial.client_first, Some(first));
    assert_eq!(line.redial.called_within, Some(Span::seconds(30)));
    let file = "/rec/{date}/{line}-{callback}-{attempt}.wav".into();
    assert_eq!(line.redial.record, Some(Recording { file, stereo: true, notice: None }));
    let say = Some("Мы вам перезвонили.".into());
    assert_eq!(line.redial.machine, Machine { shorter_than: Some(Span::seconds(5)), beep: true, say });
    let sales = &config.rules.groups["sales"];
    assert_eq!((sales.strategy, sales.remember, sales.escalate), (Strategy::RingAll, true, Span::minutes(1)));
    assert_eq!(sales.operators, ["anna".into(), Member { name: "robot".into(), weight: 3, level: 2 }]);
    let robot = &config.rules.operators["robot"];
    assert_eq!((robot.calls, robot.wrap_up, robot.order), (30, Span::ZERO, Order::InOrder));
    let anna = &config.rules.operators["anna"];
    assert_eq!(anna.answer, Answer::Delay(Span::seconds(20)));
    assert_eq!(anna.phones.iter().map(|phone| &*phone.user).collect::<Vec<_>>(), ["1001", "79165550101"]);
    assert_eq!((anna.order, anna.away_after), (Order::Together, Some(3)));
    assert_eq!((anna.no_answer_pause, anna.reject_pause), (Span::minutes(2), Span::minutes(5)));
    assert!(config.observing().rules.observe);
}

#[test]
fn a_promise_that_can_be_kept_is_taken() {
    let promising = |redial: &str| {
        let text = SMALL.replace("[[line]]", &format!("[defaults.redial]\n{redial}\n[[line]]"));
        read(&text, &[]).map(|config| config.rules.lines["site"].redial.called_within)
    };
    assert_eq!(promising("called_within = \"30s\""), Ok(Some(Span::seconds(30))));
    assert_eq!(promising("called_within = \"10s\"\norder = \"client-first\""), Ok(Some(Span::seconds(10))));
    assert!(promising("called_within = \"9s\"\norder = \"client-first\"").unwrap_err()[0].contains("promise 10s"));
}

#[test]
fn both_hear_of_the_recording_before_they_are_joined() {
    let redial = |announce: &str| {
        let record = "record = { file = \"/rec/{callback}-{attempt}.wav\", notice = \"It is recorded.\" }";
        let text = SMALL.replace("[[line]]", &format!("[defaults.redial]\n{record}\n{announce}\n[[line]]"));
        read(&text, &[]).unwrap().rules.lines["site"].redial.clone()
    };
    let spoken = redial("announce_operator = \"A call.\"\nannounce_client = \"Hello.\"");
    assert_eq!(&*spoken.announce_operator.missed, "A call. It is recorded.");
    assert_eq!(spoken.announce_client.as_deref(), Some("Hello. It is recorded."));
    assert_eq!(redial("announce_client = \"\"").announce_client.as_deref(), Some("It is recorded."));
}

#[test]
fn how_callers_wait_is_read_key_by_key() {
    let written = r#"
[defaults.queue]
greeting = "Hello."
music = "/moh.wav"
longest_wait = "5m"
announce = { first = "30s", every = false, wait = false, say = { play = "/promo.wav" } }
keys = { "1" = "call-back", "*" = { line = "site" } }
nobody = { then = "voicemail", say = "Nobody is here.", callback = false }
late = { extension = "500", context = "shop", say = "Wait no longer." }
voicemail = { longest = "1m" }
[defaults.queue.words]
goodbye = "Bye."
[defaults.redial]
record = { file = "/rec/{callback}-{attempt}.wav", notice = "It is recorded." }
[[line]]
[line.queue]
longest_wait = false
longest = 7
announce_operator = "A call."
in_time = "30s"
"#;
    let config = read(&SMALL.replace("[[line]]", written.split_once("[line.queue]").unwrap().0), &[]).unwrap();
    let queue = &config.rules.lines["site"].queue;
    assert_eq!(queue.greeting, Some(Heard::Text("Hello. It is recorded.".into())));
    assert_eq!((&*queue.music, queue.longest_wait), ("/moh.wav", Some(Span::minutes(5))));
    let announce = &queue.announce;
    assert_eq!(
        (announce.first, announce.every, announce.position, announce.wait),
        (Span::seconds(30), Span::ZERO, true, false)
    );
    assert_eq!(announce.say, Some(Heard::Sound("/promo.wav".into())));
    let keys: Vec<(char, Then)> = queue.keys.iter().map(|(key, way)| (key.sign(), way.then.clone())).collect();
    assert_eq!(keys, [('1', Then::CallBack), ('*', Then::Line("site".into()))]);
    let say = Some(Heard::Text("Nobody is here.".into()));
    assert_eq!(queue.nobody, Way { say, then: Then::Voicemail, callback: false });
    assert_eq!(queue.late.then, Then::Extension("500".into(), "shop".into()));
    assert_eq!((queue.voicemail.longest, &*queue.words.goodbye), (Span::minutes(1), "Bye."));
    assert!(queue.words.place.contains("ordinal"), "what nobody wrote is built in");

    let own = format!("{}\n[line.queue]{}", SMALL, written.split_once("[line.queue]").unwrap().1);
    let config = read(&own, &[]).unwrap();
    let queue = &config.rules.lines["site"].queue;
    assert_eq!((queue.longest_wait, queue.longest, queue.in_time), (None, Some(7), Span::seconds(30)));
    assert_eq!(queue.announce_operator.as_deref(), Some("A call."));
    let sales =
        SMALL.replace("[[line]]", "[[group]]\nname = \"sales\"\noperators = [\"anna\"]\nremember = \"20s\"\n[[line]]");
    let sales = read(&sales, &[]).unwrap().rules.groups["sales"].clone();
    assert_eq!((sales.remember, sales.loyal), (true, Span::seconds(20)));
}

#[test]
fn the_environment_stands_over_the_file() {
    let config = read(
        SMALL,
        &[
            ("PEREZVON_SWITCH__MAIN__PASSWORD", "0123"),
            ("PEREZVON_TRUNK__PROVIDER__CHANNELS", "7"),
            ("PEREZVON_SIM_SEEDS", "5"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!((config.switches[0].password.reveal(), config.rules.trunks["provider"].channels), ("0123", 7));
    assert_eq!(format!("{:?}", config.switches[0].password), "***", "a log shows no password");
    assert_eq!(
        read(SMALL, &[("PEREZVON_TRUNK__PROVIDER__CHANNELS", "many")]).unwrap_err(),
        [
            "PEREZVON_TRUNK__PROVIDER__CHANNELS: `channels` is a text, and a whole number is wanted; it may be 1 to 10000"
        ]
    );
    assert_eq!(
        read(SMALL, &[("PEREZVON_STORE_URL", "x"), ("PEREZVON_STORE__URI", "x")]).unwrap_err(),
        ["PEREZVON_STORE_URL: levels are parted by two underscores; did you mean PEREZVON_STORE__URL?"]
    );
    assert_eq!(
        read(SMALL, &[("PEREZVON_STORE__URI", "x")]).unwrap_err(),
        ["PEREZVON_STORE__URI: there is no key `uri` here; did you mean `url`?"]
    );
}

/// What is put into [`SMALL`] (`from` becomes `to`), and what is told.
const FAULTY: &[(&str, &str, &[&str])] = &[
    (
        "dial = \"user/1002\"",
        "dial = user/1002",
        &["perezvon.toml:14:8: this is not TOML: string values must be quoted, expected literal string"],
    ),
    (
        "numbers = [\"+7",
        "number = [\"+7",
        &[
            "perezvon.toml:16:1: `numbers` is missing; they are what clients dial; a line without any has a `caller_id`",
            "perezvon.toml:18:1: there is no key `number` here; did you mean `numbers`?",
        ],
    ),
    (
        "dial = \"user/1001\"",
        "dial = \"user/1001,user/1002\"",
        &[
            "perezvon.toml:10:8: \"user/1001,user/1002\" is no dial string: the sign ',' at byte 9 cannot be carried; write \"user/1001\"",
        ],
    ),
    (
        "dial = \"user/1001\"",
        "dail = \"user/1001\"",
        &[
            "perezvon.toml:8:1: `dial` is missing; write `dial = \"user/1001\"`",
            "perezvon.toml:10:1: there is no key `dail` here; did you mean `dial`?",
        ],
    ),
    (
        "{number}",
        "{nummer}",
        &[
            "perezvon.toml:6:8: \"sofia/gateway/provider/{nummer}\" is no dial string: the sign '{' at byte 23 cannot be carried; write \"sofia/gateway/NAME/{number}\"",
        ],
    ),
    (
        "provider/{number}",
        "provider",
        &["perezvon.toml:6:8: \"sofia/gateway/provider\" has no place for the number; put {number} where it belongs"],
    ),
    (
        "password = \"secret\"",
        "password = 5",
        &["perezvon.toml:3:12: `password` is a number, and a text is wanted; write it in quotes"],
    ),
    (
        "password = \"secret\"",
        "",
        &[
            "perezvon.toml:2:9: `password` is missing; it is the one in the switch's event_socket.conf.xml, or of the user there",
        ],
    ),
    (
        "password = \"secret\"",
        "address = \"10.0.0.5\"\npassword = \"ClueCon\"",
        &[
            "perezvon.toml:4:12: everybody knows the password \"ClueCon\", and 10.0.0.5:8021 is not this machine; set another in the switch's event_socket.conf.xml",
        ],
    ),
    (
        "password = \"secret\"",
        "password_file = \"secret.txt\"",
        &[
            "perezvon.toml:3:17: /nonexistent/secret.txt cannot be read: No such file or directory (os error 2); its owner is the user of the daemon, its mode 0600",
        ],
    ),
    (
        "password = \"secret\"",
        "password = \"secret\"\naddress = \"a b\"\nuser = \"root\"",
        &[
            "perezvon.toml:4:11: \"a b\" is no address; write \"127.0.0.1:8021\" or \"host:port\"",
            "perezvon.toml:5:8: \"root\" is no user of the switch's directory; write \"perezvon@default\"",
        ],
    ),
    (
        "name = \"boris\"",
        "name = \"anna\"",
        &["perezvon.toml:13:8: \"anna\" is here twice; give one of them another name"],
    ),
    (
        "name = \"boris\"",
        "name = \"boris\"\nring = 20",
        &["perezvon.toml:14:8: 20 has no unit; write \"20s\" or \"20m\""],
    ),
    (
        "name = \"boris\"",
        "name = \"boris\"\nring = \"20m\"",
        &["perezvon.toml:14:8: `ring` is 20m; it may be 3s to 5m"],
    ),
    (
        "name = \"boris\"",
        "name = \"boris\"\nanswer = { press = \"12\" }",
        &["perezvon.toml:14:20: \"12\" is no key of a telephone; write one of 0-9, * or #"],
    ),
    (
        "+74951112233",
        "1234",
        &[
            "perezvon.toml:1:1: the country of the callers' numbers is not known; add `country = \"RU\"` to [defaults]",
            "perezvon.toml:18:12: \"1234\" has no country code; write it as \"+74951112233\"",
        ],
    ),
    (
        "[[line]]",
        "[[group]]\nname = \"sales\"\noperators = [\"ana\"]\nstrategy = \"randon\"\nremember = 1\n[[line]]",
        &[
            "perezvon.toml:18:14: there is no operator \"ana\"; did you mean `anna`?",
            "perezvon.toml:19:12: `strategy` is \"randon\"; did you mean `random`?",
            "perezvon.toml:20:12: `remember` is a number, and true or false is wanted",
        ],
    ),
    (
        "[[line]]",
        "[[group]]\nname = \"a\"\noperators = [\"anna\"]\n[[group]]\nname = \"b\"\noperators = [\"boris\", \"boris\"]\n[[line]]",
        &[
            "perezvon.toml:21:23: \"boris\" is in this group twice",
            "perezvon.toml:22:1: `group` is missing; say which of \"a\", \"b\" serves it",
        ],
    ),
    (
        "name    = \"site\"",
        "name = \"site\"\ngroup = \"sales\"\ntrunks = [\"proviter\"]\ncalendar = \"main\"",
        &[
            "perezvon.toml:18:9: there is no group \"sales\"; known: everybody",
            "perezvon.toml:19:11: there is no trunk \"proviter\"; did you mean `provider`?",
            "perezvon.toml:20:12: there is no calendar \"main\"; there is none",
        ],
    ),
    (
        "[[line]]",
        "[calendar.main]\nhours = \"mon-fri 9-18\"\n[[line]]",
        &[
            "perezvon.toml:16:11: a calendar needs a time zone; add `time_zone = \"Europe/Moscow\"` to [defaults]",
            "perezvon.toml:17:9: \"9-18\" are no hours; write \"09:00-20:00\"",
        ],
    ),
    (
        "[[line]]",
        "[defaults]\ntime_zone = \"Moscow\"\nlanguage = \"de\"\ncountry = \"Russia\"\n[[line]]",
        &[
            "perezvon.toml:17:13: there is no time zone \"Moscow\"; write it as \"Europe/Moscow\"",
            "perezvon.toml:18:12: `language` is \"de\"; known: en, ru",
            "perezvon.toml:19:11: there is no country \"Russia\"; write its two letters, \"RU\"",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\ntrak = \"5m\"\nbusy = \"2m\"\nattempts = 0\norder = \"client\"\n[[line]]",
        &[
            "perezvon.toml:17:1: there is no key `trak` here; did you mean `track`?",
            "perezvon.toml:18:8: `busy` is no table; write busy = { after = \"2m\" }",
            "perezvon.toml:19:12: `attempts` is 0; it may be 1 to 100",
            "perezvon.toml:20:9: `order` is \"client\"; known: client-first, operator-first",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\nmissed = [{ call = \"lost\" }, { call = \"served\" }, { call = \"unserved\", within = \"1d\" }, { call = \"unserved\", waited = \"100d\" }]\n[[line]]",
        &[
            "perezvon.toml:17:20: `call` is \"lost\"; known: served, unserved",
            "perezvon.toml:17:30: `shorter_than` is missing; write { call = \"served\", shorter_than = \"60s\" }",
            "perezvon.toml:17:81: `within` goes with `unique` alone; add `unique = true`",
            "perezvon.toml:17:119: `waited` is 100d; it may be 0s to 90d",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\nannounce_operator = \"{{ pages }}\"\nexpire = \"5m\"\nannounce_repeated = \"\"\n[voice]\nnames = \"latin\"\n[[line]]",
        &[
            "perezvon.toml:17:21: `announce_operator`: the template names `pages`, which there is not; it may name number, name, line, channel, source, campaign, page, tags, attempt, misses, key, outcome, position, wait",
            "perezvon.toml:18:10: a callback would expire before it may be dialled; `expire` must be longer than `track`",
            "perezvon.toml:19:21: `announce_repeated`: the template says nothing",
            "perezvon.toml:21:9: `names` is \"latin\"; known: as-given, transliterate",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\ncalled_within = \"29s\"\n[[line]]",
        &[
            "perezvon.toml:17:17: a call within 29s is promised, and it may take 30s: boris rings for 20s, is there 0s after the answer, and hears the announcement (10s); promise 30s, shorten the operators' `ring` or `answer`, or ring the client first with `order`",
        ],
    ),
    (
        "dial = \"user/1002\"",
        "dial = [\"user/1002\", \"user/1003\"]\nring = \"15s\"\nanswer = { delay = \"20s\" }\n[defaults.redial]\ncalled_within = \"30s\"",
        &[
            "perezvon.toml:18:17: a call within 30s is promised, and it may take 1m: boris rings for 15s on each of 2 phones, is there 20s after the answer, and hears the announcement (10s); promise 1m, shorten the operators' `ring` or `answer`, or ring the client first with `order`",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\nrecord = { file = \"/rec/{callback}-{attempt}.wav\", notice = \"{{ name }} is recorded.\" }\n[[line]]",
        &["perezvon.toml:17:61: a notice names nothing; write the sentence as it is to be spoken"],
    ),
    (
        "[[line]]",
        "[defaults.redial]\nrecord = \"/rec/{line}.wav\"\n[[line]]",
        &[
            "perezvon.toml:17:10: \"/rec/{line}.wav\" would be the same file for two talks; write file = \"/var/lib/freeswitch/recordings/{date}/{line}-{callback}-{attempt}.wav\"",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\nrecord = \"/rec/{name}-{callback}-{attempt}.wav\"\n[[line]]",
        &[
            "perezvon.toml:17:10: \"/rec/{name}-{callback}-{attempt}.wav\" has a sign or a place that no file of ours may have; write file = \"/var/lib/freeswitch/recordings/{date}/{line}-{callback}-{attempt}.wav\"",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\nmachine = { shorter_than = \"2m\", say = \"Hello.\", beeps = true }\n[[line]]",
        &[
            "perezvon.toml:17:28: `shorter_than` is 2m; it may be 1s to 1m",
            "perezvon.toml:17:40: nothing is said without a beep to say it after; add `beep = true`, or leave `say` out",
            "perezvon.toml:17:50: there is no key `beeps` here; did you mean `beep`?",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\norder = \"client-first\"\nwait = \"2s\"\nmusic = \"${system(ls)}\"\nannounce_goodbye = \"...\"\n[[line]]",
        &[
            "perezvon.toml:18:8: `wait` is 2s; it may be 5s to 10m",
            "perezvon.toml:19:9: \"${system(ls)}\" is nothing that the switch could play; write \"local_stream://moh\" or \"/path/of/a/file.wav\"",
            "perezvon.toml:20:20: `announce_goodbye`: the template says nothing",
        ],
    ),
    (
        "[[line]]",
        "[defaults.redial]\nbusy = \"spread\"\nno_answer = { at = [\"25:00\"], from = \"monday\" }\navoid = [\"13:00-11:00\"]\nper_day = 0\n[[line]]",
        &[
            "perezvon.toml:17:8: `busy` needs a time zone; add `time_zone = \"Europe/Moscow\"` to [defaults]",
            "perezvon.toml:18:21: \"25:00\" is no time of the day; write \"10:00\"",
            "perezvon.toml:18:38: `from` is \"monday\"; known: today, tomorrow",
            "perezvon.toml:19:9: `avoid` needs a time zone; add `time_zone = \"Europe/Moscow\"` to [defaults]",
            "perezvon.toml:19:10: \"13:00-11:00\" ends before it begins; hours over midnight are two: \"fri 20:00-24:00; sat 00:00-02:00\"",
            "perezvon.toml:20:11: `per_day` is 0; it may be 1 to 100",
            "perezvon.toml:20:11: `per_day` needs a time zone; add `time_zone = \"Europe/Moscow\"` to [defaults]",
        ],
    ),
    (
        "[[line]]",
        "[defaults.requested]\ntrak = \"5m\"\n[defaults.redial]\nclient_hours = \"9-21\"\nseveral_zones = \"all\"\nmode = \"hand\"\n[[line]]",
        &[
            "perezvon.toml:17:1: there is no key `trak` here; did you mean `track`?",
            "perezvon.toml:19:16: \"9-21\" are no hours; write days, a space, hours: \"mon-fri 09:00-20:00; sat 10:00-16:00\"",
            "perezvon.toml:19:16: `client_hours` needs a time zone; add `time_zone = \"Europe/Moscow\"` to [defaults]",
            "perezvon.toml:20:17: `several_zones` is \"all\"; known: common, line",
            "perezvon.toml:21:8: `mode` is \"hand\"; known: auto, by-hand",
        ],
    ),
    (
        "numbers = [\"+74951112233\"]",
        "numbers = [\"+74951112233\"]\n[line.requested]\nmissed = [{ call = \"unserved\" }]\n[defaults.requested]\nmissed = [{ call = \"unserved\" }]",
        &[
            "perezvon.toml:20:10: `missed` says which calls are called back, and who asks to be called is called back whatever their calls; leave it out, or write it into `[line.redial]` or `[defaults.redial]`",
            "perezvon.toml:22:10: `missed` says which calls are called back, and who asks to be called is called back whatever their calls; leave it out, or write it into `[line.redial]` or `[defaults.redial]`",
        ],
    ),
    (
        "[[line]]",
        "[defaults]\nzones = \"none.csv\"\n[[line]]\npriority = 101\ncampaign = { variable = \"utm\" }",
        &[
            "perezvon.toml:17:9: /nonexistent/none.csv: No such file or directory (os error 2)",
            "perezvon.toml:19:12: `priority` is 101; it may be 0 to 100",
            "perezvon.toml:20:12: `campaign` is the line's own; a call's comes with the call; have the dialplan set the channel variable perezvon_campaign, which wins",
        ],
    ),
    (
        "[[line]]",
        "[voice]\ncommand = \"espeak-ng {text}\"\ncache = \"voice\"\nshare = \"/mnt/{voice}\"\n[voice.en]\ncommand = \"say '{file}\"\ncache = \"/x\"\n[[line]]",
        &[
            "perezvon.toml:17:11: `command`: the command does not say where the sound goes: {file} is missing",
            "perezvon.toml:18:9: \"voice\" cannot be a folder of sounds; it begins with / and has letters, digits, / _ - . alone",
            "perezvon.toml:19:9: \"/mnt/{voice}\" cannot be a folder of sounds; it begins with / and has letters, digits, / _ - . alone",
            "perezvon.toml:21:11: `command`: a quotation mark of the command has no other",
            "perezvon.toml:22:1: there is no key `cache` here; known: command, engine, voice",
        ],
    ),
    (
        "[[line]]",
        "[outbound]\nlisten = \"0.0.0.0:8084\"\n[[line]]",
        &[
            "perezvon.toml:17:10: 0.0.0.0:8084 can be reached by others, and whoever connects could give us calls; add `allow = [\"10.0.0.5\"]` to [outbound], with the addresses of your switches",
        ],
    ),
    (
        "[[line]]",
        "[outbound]\nlisten = \"8084\"\nallow = [\"10.0.0.0/33\", \"::1\"]\nport = 1\n[[line]]",
        &[
            "perezvon.toml:17:10: \"8084\" is no address to listen on; write \"127.0.0.1:8084\"",
            "perezvon.toml:18:10: \"10.0.0.0/33\" is no range of addresses; write \"10.0.0.0/8\" or one address",
            "perezvon.toml:19:1: there is no key `port` here; known: allow, listen",
        ],
    ),
    (
        "[[line]]",
        "[outbound]\nallow = \"10.0.0.0/8\"\n[[line]]",
        &["perezvon.toml:16:2: `listen` is missing; write \"127.0.0.1:8084\", as in the dialplan's `socket`"],
    ),
    (
        "[[line]]",
        "[http]\nlisten = \"0.0.0.0:8080\"\n[[line]]",
        &[
            "perezvon.toml:17:10: 0.0.0.0:8080 can be reached by others, and call records there would be anybody's to forge; add `credentials = \"user:password\"` to [cdr], and `cred` to json_cdr.conf.xml",
        ],
    ),
    (
        "[[line]]",
        "[store]\nurl = \"postgres://x\"\n[log]\nlevel = \"lo=ud=er\"\nformat = \"xml\"\n[[line]]",
        &[
            "perezvon.toml:17:7: \"postgres://x\" is no store of this version; write \"sqlite:/var/lib/perezvon/perezvon.db\"",
            "perezvon.toml:19:9: \"lo=ud=er\" is no level; write \"info\", \"debug\" or \"info,perezvon::esl=trace\"",
            "perezvon.toml:20:10: `format` is \"xml\"; known: human, json",
        ],
    ),
    (
        "[[line]]",
        "[[line]]\nname = \"other\"\nnumbers = [\"+74951112233\"]\n[[line]]",
        &["perezvon.toml:19:1: +74951112233 is a number of line \"other\" too; a number has one line"],
    ),
    (
        "[[line]]",
        "[line]",
        &[
            "perezvon.toml:1:1: there is no line; add [[line]] with a `name` and the `numbers` that clients dial",
            "perezvon.toml:16:1: [line] is one table, and there may be several; write [[line]]",
        ],
    ),
    (
        "[switch.main]",
        "[switch]",
        &[
            "perezvon.toml:1:1: there is no switch; add [switch.main] with its `password`",
            "perezvon.toml:3:12: `password` stands in no table with a name; write [switch.NAME] above it",
        ],
    ),
    (
        "[trunk.provider]",
        "[trunk.spare]\ndial = \"sofia/gateway/spare/{number}\"\n[trunk.provider]",
        &[
            "perezvon.toml:18:1: `trunks` is missing; say which of \"provider\", \"spare\" call back, first choice first",
        ],
    ),
    (
        "dial = \"sofia/gateway/provider/{number}\"",
        "dial = \"sofia/gateway/provider/{number}\"\nper_minute = \"1,90 RUB\"\nbilling = \"2m\"\ncap_per_month = \"3000 RUB\"",
        &[
            "perezvon.toml:7:14: \"1,90 RUB\" is no sum of money; write \"1.90 RUB\"",
            "perezvon.toml:8:11: `billing` is 2m; it may be 1s to 1m",
            "perezvon.toml:9:17: a cap counts by the price, and there is none; add `per_minute = \"1.90 RUB\"`",
        ],
    ),
    (
        "dial = \"sofia/gateway/provider/{number}\"",
        "dial = \"sofia/gateway/provider/{number}\"\nbilling = \"1s\"",
        &["perezvon.toml:7:11: `billing` says nothing without a price; add `per_minute = \"1.90 RUB\"`"],
    ),
    (
        "[trunk.provider]",
        "[trunk.abroad]\ndial = \"sofia/gateway/abroad/{number}\"\nper_minute = \"0.02 USD\"\n[trunk.provider]\nper_minute = \"1.90 RUB\"",
        &[
            "perezvon.toml:9:14: this price is in RUB, and that of trunk \"abroad\" in USD; write all of them in one currency: a report adds them up",
            "perezvon.toml:20:1: `trunks` is missing; say which of \"abroad\", \"provider\" call back, first choice first",
        ],
    ),
    (
        "[[line]]",
        "[http.token.site]\nhash = \"secret\"\nscope = \"all\"\n[http.token.crm]\n[[line]]",
        &[
            "perezvon.toml:17:8: this is no hash of a token; `perezvon token NAME` makes a token and its hash",
            "perezvon.toml:18:9: `scope` is \"all\"; known: admin, operate, read",
            "perezvon.toml:19:13: `hash` is missing; `perezvon token NAME` makes a token and its hash",
        ],
    ),
    (
        "[[line]]",
        "[pages]\nlinks = [{ name = \"CRM\", url = \"javascript:alert(1)\" }, { name = \"x\", url = \"https://x/{phone}\" }]\n\
         away = \"lunch\"\ndispositions = [\"Agreed\", { name = \"Beep\", means = \"machin\" }, { means = \"note\" }]\n[[line]]",
        &[
            "perezvon.toml:17:32: \"javascript:alert(1)\" is no address of a page; write \"https://crm.example/?phone={number}\"",
            "perezvon.toml:17:77: an address knows no {phone}; known: call, callback, name, number, operator, page",
            "perezvon.toml:18:8: `away` is a text, and a list is wanted; put it in [ ]",
            "perezvon.toml:19:52: `means` is \"machin\"; did you mean `machine`?",
            "perezvon.toml:19:64: `name` is missing; write { name = \"Автоответчик\", means = \"machine\" }",
        ],
    ),
    (
        "[[line]]",
        "[defaults.queue]\nlate = { line = \"shop\" }\nfull = \"bye\"\nnobody = { then = \"wait\", line = \"site\" }\n\
         closed = { extension = \"1 XML x\" }\nkeys = { \"10\" = \"goodbye\" }\nvoicemail = { file = \"/v/{date}.wav\" }\n\
         greeting = {}\n[[line]]",
        &[
            "perezvon.toml:17:17: there is no line \"shop\"; known: site",
            "perezvon.toml:18:8: `full` is \"bye\"; known: call-back, dialplan, goodbye, voicemail, wait",
            "perezvon.toml:19:1: it says one thing that becomes of a caller; write \"goodbye\", \"voicemail\", \"call-back\", \"wait\", \"dialplan\", { line = \"NAME\" } or { extension = \"1000\", context = \"default\" }",
            "perezvon.toml:20:24: \"1 XML x\" is no extension or context; write \"1000\", and context = \"default\"",
            "perezvon.toml:21:10: there is no key `10` here; did you mean `0`?",
            "perezvon.toml:22:22: \"/v/{date}.wav\" would be the same file for two talks; write file = \"/var/lib/freeswitch/voicemail/{date}/{line}-{call}.wav\"",
            "perezvon.toml:23:1: `play` is missing; write { play = \"/path/of/a/file.wav\" }, or the sentence itself",
        ],
    ),
    (
        "[[line]]",
        "[site.shop]\nkey = \"a b\"\norigins = [\"shop.example\", \"https://shop.example/\"]\nline = \"sit\"\ncolor = \"green\"\n\
         policy = \"/privacy\"\nallow = [\"XX\", \"37529\"]\nlimits = { number = \"5\", site = \"0 per 1h\" }\nchallenge = 30\ntheme = \"auto\"\n\
         [site.other]\n[[line]]",
        &[
            "perezvon.toml:17:7: \"a b\" is no key of a site; write 8 to 64 letters, digits, - and _; everybody who visits the site can read it",
            "perezvon.toml:18:12: \"shop.example\" is no origin of pages; write the beginning of its addresses, \"https://shop.example\"",
            "perezvon.toml:18:28: \"https://shop.example/\" is no origin of pages; write the beginning of its addresses, \"https://shop.example\"",
            "perezvon.toml:19:8: there is no line \"sit\"; did you mean `site`?",
            "perezvon.toml:20:9: \"green\" is no colour; write \"#0b6e55\"",
            "perezvon.toml:21:10: \"/privacy\" is no address of a page; write \"https://shop.example/privacy\"",
            "perezvon.toml:21:10: nobody is asked to agree to this; add `consent = \"…\"`, or leave `policy` out",
            "perezvon.toml:22:10: \"XX\" is no country and no beginning of a number; write \"RU\", or \"+37529\"",
            "perezvon.toml:22:16: \"37529\" is no country and no beginning of a number; write \"RU\", or \"+37529\"",
            "perezvon.toml:23:21: \"5\" does not say how often; write \"5 per 24h\": 1 to 1000 times, within 1s to 1d",
            "perezvon.toml:23:33: \"0 per 1h\" does not say how often; write \"5 per 24h\": 1 to 1000 times, within 1s to 1d",
            "perezvon.toml:24:13: `challenge` is 30; it may be 8 to 22",
            "perezvon.toml:26:7: `key` is missing; write 8 to 64 letters, digits, - and _; everybody who visits the site can read it",
            "perezvon.toml:26:7: `origins` is missing; write the beginning of its addresses, \"https://shop.example\"",
        ],
    ),
    (
        "[trunk.provider]",
        "[switch.two]\npassword = \"x\"\n[trunk.provider]",
        &["perezvon.toml:7:8: `switch` is missing; say which of \"main\", \"two\" it belongs to"],
    ),
];

#[test]
fn what_a_site_says_is_read_and_what_it_does_not_say_is_sensible() {
    let config = read(FULL, &[]).unwrap();
    assert_eq!(config.proxies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1/32", "10.0.0.0/8"]);
    let [site] = &config.sites[..] else { panic!("{:?}", config.sites) };
    assert_eq!(
        (&*site.name, &*site.key, &*site.line, site.language),
        ("shop", "shop-2027", "site", Some(Language::En))
    );
    assert_eq!(site.origins, ["https://shop.example", "http://localhost:3000"]);
    let look = &site.look;
    assert_eq!((look.theme, look.position, look.color.as_deref()), ("dark", "left", Some("#0b6e55")));
    assert_eq!((look.title.as_deref(), look.consent.as_deref()), (Some("Позвоним"), Some("Согласен.")));
    assert_eq!(site.allow, [Allowed::Country("RU".into()), Allowed::Beginning("37529".into())]);
    let limits = [site.limits.number, site.limits.address, site.limits.site].map(|rate| rate.to_string());
    assert_eq!((limits, site.challenge), (["2 per 1d", "10 per 1h", "100 per 10m"].map(String::from), Some(18)));

    let small =
        format!("{SMALL}[site.shop]\nkey = \"shop-2027\"\norigins = \"https://shop.example\"\nchallenge = true\n");
    let site = read(&small, &[]).unwrap().sites.remove(0);
    assert_eq!((&*site.line, site.language, site.look.theme, site.challenge), ("site", None, "auto", Some(16)));
    assert_eq!(site.allow, [Allowed::Country("RU".into())], "the country's own");
}

#[test]
fn every_fault_is_named_with_its_place_and_its_cure() {
    for (from, to, told) in FAULTY {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        let faults = read(&SMALL.replace(from, to), &[]).expect_err(to);
        assert_eq!(faults, *told, "{to}");
    }
}

#[test]
fn the_password_that_everybody_knows_is_taken_on_this_machine() {
    let config = read(&SMALL.replace("\"secret\"", "\"ClueCon\""), &[]).unwrap();
    assert_eq!(config.switches[0].password.reveal(), "ClueCon");
}

#[test]
fn an_empty_file_is_told_all_that_it_lacks() {
    assert_eq!(
        read("", &[]).unwrap_err(),
        [
            "perezvon.toml:1:1: there is no line; add [[line]] with a `name` and the `numbers` that clients dial",
            "perezvon.toml:1:1: there is no operator; add [[operator]] with a `name` and `dial = \"user/1001\"`",
            "perezvon.toml:1:1: there is no switch; add [switch.main] with its `password`",
            "perezvon.toml:1:1: there is no trunk; add [trunk.NAME] with `dial = \"sofia/gateway/NAME/{number}\"`",
        ]
    );
}

fn base(text: &str, variables: &[(&str, &str)]) -> Base {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Base::new("perezvon.toml", text, Path::new("."), variables)
}

/// What the file says with these settings over it.
fn laid(settings: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let over = Over::parse("settings version 12", settings);
    let config = over.and_then(|over| base(SHOP, variables).config(Some(&over)));
    config.map_err(|faults| faults.0.iter().map(ToString::to_string).collect())
}

/// A file to lay settings over.
const SHOP: &str = r#"
[switch.main]
password = "secret"
[defaults]
time_zone = "Europe/Moscow"
[defaults.redial]
attempts = 4
avoid = ["11:00-13:00"]
[trunk.provider]
dial = "sofia/gateway/provider/{number}"
per_minute = "1.90 RUB"
[calendar.main]
hours = "mon-fri 09:00-20:00"
holidays = ["2027-01-01..2027-01-08"]
[[operator]]
name = "anna"
dial = "user/1001"
[[operator]]
name = "boris"
dial = "user/1002"
[[operator]]
name = "clara"
dial = "user/1003"
ring = "45s"
[[group]]
name = "sales"
operators = ["anna", "clara"]
[[line]]
name = "site"
numbers = ["+74951112233"]
calendar = "main"
[line.redial]
no_answer = { after = "30m" }
[[line]]
name = "ads"
numbers = ["+74951112244"]
"#;

#[test]
fn settings_are_laid_over_the_file_by_name_and_key_by_key() {
    let config = laid(
        r#"
        remove = ["operator.boris", "defaults.redial.avoid", "calendar.main.holidays", "line.ads"]
        [defaults.redial]
        attempts = 5
        [trunk.provider]
        per_minute = "2 RUB"
        [[operator]]
        name = "dora"
        dial = ["user/1004", "user/1005"]
        [[group]]
        name = "sales"
        operators = ["dora", { name = "anna", level = 2 }]
        [[line]]
        name = "site"
        campaign = "spring"
        [line.redial]
        no_answer = { at = ["10:00"], from = "tomorrow" }
        track = "1m"
        [[line]]
        name = "new"
        numbers = ["+74951112255"]
        "#,
        &[],
    )
    .unwrap();
    let rules = &config.rules;
    let names = |names: Vec<&str>| names.join(" ");
    assert_eq!(names(rules.operators.keys().map(|name| &**name).collect()), "anna clara dora");
    assert_eq!(names(rules.lines.keys().map(|name| &**name).collect()), "new site");
    let members: Vec<&str> = rules.groups["sales"].operators.iter().map(|member| &*member.name).collect();
    assert_eq!((members, rules.operators["dora"].phones.len()), (vec!["dora", "anna"], 2));
    let site = &rules.lines["site"];
    assert_eq!((site.redial.attempts, site.redial.track, &*site.campaign), (5, Span::minutes(1), "spring"));
    assert_eq!(site.redial.no_answer, Again::At { times: vec![600], tomorrow: true }, "a value is replaced whole");
    assert!(site.redial.manners.avoid.is_empty() && site.calendar.is_some(), "what is removed does not hold");
    assert_eq!(rules.operators["clara"].ring, Span::seconds(45), "what is not named stays");
    assert_eq!(rules.trunks["provider"].price.as_ref().unwrap().per_minute, Amount(20_000));
}

#[test]
fn variables_stand_over_settings() {
    let variables = [("PEREZVON_DEFAULTS__REDIAL__ATTEMPTS", "9")];
    let config = laid("[defaults.redial]\nattempts = 5\ntrack = \"1m\"\n", &variables).unwrap();
    assert_eq!(config.rules.lines["site"].redial.attempts, 9);
    let over = Over::parse("new", "[defaults.redial]\nattempts = 5\ntrack = \"1m\"\n").unwrap();
    let values = base(SHOP, &variables).values(Some(&over)).unwrap();
    let of = |path: &str| {
        let found = values.iter().find(|value| config::dotted(&value.path) == path).unwrap();
        format!("{:?} {}", found.from, found.place)
    };
    assert_eq!(of("defaults.redial.attempts"), "Environment PEREZVON_DEFAULTS__REDIAL__ATTEMPTS");
    assert_eq!(of("defaults.redial.track"), "Settings new, defaults.redial.track");
    assert_eq!(of("line.site.redial.no_answer"), "File perezvon.toml:33:13");
}

/// Settings, and what is told of them over [`SHOP`].
const MISLAID: &[(&str, &[&str])] = &[
    ("x", &["settings version 12:1:2: this is not TOML: key with no value, expected `=`"]),
    (
        "[[line]]\nname = \"site\"\n[line.redial]\natempts = 3\nring = \"1s\"",
        &[
            "settings version 12, line.site.redial.atempts: there is no key `atempts` here; did you mean `attempts`?",
            "settings version 12, line.site.redial.ring: `ring` is 1s; it may be 3s to 5m",
        ],
    ),
    (
        "[[line]]\nname = \"new\"",
        &[
            "settings version 12, line.new: `numbers` is missing; they are what clients dial; a line without any has a `caller_id`",
        ],
    ),
    ("remove = [\"operator.anna\"]", &["perezvon.toml:27:14: there is no operator \"anna\"; known: boris, clara"]),
    (
        "remove = [\"operator.boris\"]\n[[operator]]\nname = \"clara\"\nring = 5",
        &["settings version 12, operator.clara.ring: 5 has no unit; write \"5s\" or \"5m\""],
    ),
    (
        "remove = [\"operator.boris\"]\n[[group]]\nname = \"sales\"\noperators = [\"anna\", \"boris\"]",
        &["settings version 12, group.sales.operators.1: there is no operator \"boris\"; known: anna, clara"],
    ),
    ("remove = [\"calendar.main\"]", &["perezvon.toml:31:12: there is no calendar \"main\"; there is none"]),
    (
        "remove = [\"line.site\"]\n[[line]]\nname = \"ads\"\ncalendar = \"man\"",
        &["settings version 12, line.ads.calendar: there is no calendar \"man\"; did you mean `main`?"],
    ),
    (
        "[switch.main]\npassword = \"x\"\n[http]\nlisten = \"0.0.0.0:1\"",
        &[
            "settings version 12, http: `http` is about this machine, and only the file says it; settings say: defaults, \
             calendar, operator, group, line, trunk",
            "settings version 12, switch: `switch` is about this machine, and only the file says it; settings say: defaults, \
             calendar, operator, group, line, trunk",
        ],
    ),
    (
        "remove = [\"store.url\", \"line\", \"trunk.provider\"]\n[trunk.provider]\ndial = \"user/1\"\n[defaults]\nzones = \"/etc/shadow\"",
        &[
            "settings version 12, defaults.zones: `zones` names a file of this machine; write it into the file, and have the daemon \
             read it anew",
            "settings version 12, line: `line` is a whole section; name what is meant in it",
            "settings version 12, store.url: `store` is about this machine, and only the file says it; settings say: defaults, \
             calendar, operator, group, line, trunk",
            "settings version 12, trunk.provider: trunk \"provider\" is a way out of this machine; write it into the file, and have \
             the daemon read it anew",
            "settings version 12, trunk.provider.dial: `dial` of a trunk is about this machine, and only the file says it; of a trunk \
             settings say: billing, cap_per_month, channels, per_minute",
        ],
    ),
    (
        "[trunk.other]\nchannels = 5",
        &[
            "perezvon.toml:28:1: `trunks` is missing; say which of \"other\", \"provider\" call back, first choice first",
            "perezvon.toml:34:1: `trunks` is missing; say which of \"other\", \"provider\" call back, first choice first",
            "settings version 12, trunk.other: `dial` is missing; write `dial = \"sofia/gateway/NAME/{number}\"`",
        ],
    ),
    (
        "[[line]]\nname = \"site\"\n[[line]]\nname = \"site\"\n",
        &["settings version 12, line.site: line \"site\" is here twice; write one of them"],
    ),
    ("remove = 5", &["settings version 12, remove: `remove` is no list; write remove = [\"line.site.redial.avoid\"]"]),
];

#[test]
fn every_fault_of_settings_is_named_with_its_place_and_its_cure() {
    for (settings, told) in MISLAID {
        assert_eq!(laid(settings, &[]).expect_err(settings), *told, "{settings}");
    }
    let long = format!("# {}", "x".repeat(config::MOST_TEXT));
    assert!(laid(&long, &[]).unwrap_err()[0].starts_with("settings version 12: settings have at most 48000 bytes"));
}

#[test]
fn what_differs_is_told_path_by_path() {
    let over = |text: &str| Over::parse("new", text).unwrap();
    let old = over("[defaults.redial]\nattempts = 5");
    let new = over(
        "remove = [\"line.site.redial.no_answer\", \"operator.boris\"]\n[[line]]\nname = \"site\"\n[line.redial]\ntrack = \"1m\"",
    );
    let told: Vec<String> = base(SHOP, &[])
        .differences(Some(&old), Some(&new))
        .unwrap()
        .into_iter()
        .map(|change| {
            let value =
                |value: Option<serde_json::Value>| value.map_or("-".to_owned(), |value| config::toml(&value).unwrap());
            format!("{}: {} > {}", config::dotted(&change.path), value(change.was), value(change.now))
        })
        .collect();
    assert_eq!(
        told,
        [
            "defaults.redial.attempts: 5 > 4",
            "line.site.redial.no_answer: { after = \"30m\" } > -",
            "line.site.redial.track: - > \"1m\"",
            "operator.boris.dial: \"user/1002\" > -",
        ]
    );
}

/// Paths that settings may have, and values that may stand there.
fn settings() -> impl proptest::strategy::Strategy<Value = Vec<(Vec<String>, serde_json::Value)>> {
    let name = prop_oneof![Just("site".to_owned()), "[a-zа-я .\"'\\\\=\n-]{1,8}"];
    let key = prop_oneof![Just("attempts".to_owned()), Just("a key".to_owned()), "[a-z_]{1,6}"];
    let leaf = prop_oneof![
        any::<i32>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
        "[\"'\\\\\n\t#=]{0,6}".prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z é\"]{1,4}", inner, 0..3)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    let section = prop::sample::select(vec!["line", "operator", "group", "calendar"]);
    let path = (section, name, prop::option::of(Just("redial")), key).prop_map(|(section, name, layer, key)| {
        let layer = layer.filter(|_| section == "line").map(str::to_owned);
        [vec![section.to_owned(), name], layer.into_iter().collect(), vec![format!("k{key}")]].concat()
    });
    prop::collection::btree_map(path, value, 0..8).prop_map(|map| map.into_iter().collect())
}

proptest! {
    /// What is written is what is read, whatever names and values it has.
    #[test]
    fn settings_that_are_written_are_read_as_they_were(set in settings(), removed in prop::collection::vec(prop::collection::vec("\\PC{1,6}", 1..3), 0..3)) {
        let removed: Vec<Vec<String>> = removed.into_iter().map(|path| [vec!["line".to_owned()], path].concat()).collect();
        let text = config::write(&set, &removed).unwrap();
        let over = Over::parse("new", &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        prop_assert_eq!(over.removed(), removed);
        prop_assert_eq!(over.set(), set);
    }

    /// Nothing laid over a file leaves it as it is, and so does what the file says itself.
    #[test]
    fn settings_that_say_nothing_new_change_nothing(what in prop::sample::subsequence(base(SHOP, &[]).values(None).unwrap(), 0..12)) {
        let file = base(SHOP, &[]);
        let set: Vec<_> = what.into_iter().filter(|value| value.path[0] != "trunk").map(|value| (value.path, value.value)).collect();
        let over = Over::parse("new", &config::write(&set, &[]).unwrap()).unwrap();
        prop_assert_eq!(file.differences(None, Some(&over)).unwrap(), []);
        let (alone, laid) = (file.config(None).unwrap(), file.config(Some(&over)).unwrap());
        prop_assert_eq!(format!("{:?}", alone.rules), format!("{:?}", laid.rules));
    }
}

/// What a form shows as the default is what holds where nobody says otherwise.
#[test]
fn defaults_that_are_shown_change_nothing_when_they_are_written() {
    for language in [Language::Ru, Language::En] {
        let usual = config::usual(language);
        let tag = if language == Language::Ru { "ru" } else { "en" };
        let file = format!("{SMALL}[defaults]\ntime_zone = \"Europe/Moscow\"\nlanguage = \"{tag}\"\n");
        let file = base(&file, &[]);
        let mut set = Vec::new();
        for (section, path) in [
            ("redial", vec!["line", "site", "redial"]),
            ("requested", vec!["line", "site", "requested"]),
            ("queue", vec!["line", "site", "queue"]),
            ("operator", vec!["operator", "anna"]),
            ("line", vec!["line", "site"]),
        ] {
            for (key, value) in usual[section].as_object().unwrap() {
                let path = path.iter().map(|part| (*part).to_owned()).chain([key.clone()]).collect::<Vec<_>>();
                set.push((path, value.clone()));
            }
        }
        let over = Over::parse("usual", &config::write(&set, &[]).unwrap()).unwrap();
        let laid = file.config(Some(&over)).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(format!("{:?}", laid.rules), format!("{:?}", file.config(None).unwrap().rules));
    }
}
