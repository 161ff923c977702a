//! What the configuration needs of one switch.

use crate::{
    config::{Config, Voices},
    engine::{
        Name,
        rules::{Heard, Language, Line, Queue, Then, Way},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

/// Each thing that is needed, with what it is needed for.
pub type Wanted = BTreeMap<String, BTreeSet<String>>;

/// What is needed of one switch.
#[derive(Clone, Debug, Default)]
pub struct Need {
    /// `host:port` of its event socket.
    pub address: String,
    /// As whom we log in; `None`: by the socket's own password.
    pub user: Option<String>,
    /// Is our password the well-known one?
    pub known_password: bool,
    /// Modules, by name.
    pub modules: Wanted,
    /// Kinds of dial strings (`sofia`, `user`).
    pub endpoints: Wanted,
    /// Gateways of mod_sofia.
    pub gateways: Wanted,
    /// Profiles of mod_sofia that dial strings name.
    pub profiles: Wanted,
    /// What `playback` plays: music, files.
    pub sounds: Wanted,
    /// Folders in which it records.
    pub folders: Wanted,
    /// Who speaks there.
    pub voices: Vec<Speaker>,
    /// Are operators agents of mod_callcenter?
    pub agents: bool,
    /// Calls at once that the trunks and the operators come to.
    pub calls: u32,
    /// How many phones may be rung in one moment.
    pub rung: u32,
    /// Where call records go to; `None`: nowhere.
    pub records: Option<SocketAddr>,
    /// Where the dialplan gives us callers; `None`: nowhere.
    pub outbound: Option<SocketAddr>,
}

/// A voice of the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Of which language.
    pub language: Language,
    /// The engine (`flite`).
    pub engine: String,
    /// The voice (`slt`).
    pub voice: String,
    /// A command renders texts; the voice speaks when that cannot.
    pub second: bool,
}

impl Need {
    /// What this configuration needs of the switch of this name.
    pub fn of(config: &Config, switch: &Name) -> Need {
        let mut need = Need { outbound: config.outbound.as_ref().map(|outbound| outbound.listen), ..Need::default() };
        if let Some(of) = config.switches.iter().find(|of| of.name == *switch) {
            need.address.clone_from(&of.address);
            need.user.clone_from(&of.user);
            need.known_password = of.password.reveal() == crate::config::DEFAULT_PASSWORD;
        }
        need.records = config.listen;
        need.always();
        need.trunks(config, switch);
        need.operators(config);
        for line in config.rules.lines.values() {
            need.line(line);
        }
        need.speakers(config);
        need
    }

    fn always(&mut self) {
        self.module("mod_commands", "every order that is given to the switch");
        self.module("mod_dptools", "parking, playing and speaking");
        self.module("mod_tone_stream", "the ringing that operators hear, and the tone before a message");
        if self.records.is_some() {
            self.module("mod_json_cdr", "calls that came while the daemon was away");
        }
    }

    fn module(&mut self, name: &str, what_for: impl Into<String>) {
        self.modules.entry(name.to_owned()).or_default().insert(what_for.into());
    }

    fn trunks(&mut self, config: &Config, switch: &Name) {
        for trunk in config.rules.trunks.values().filter(|trunk| trunk.switch == *switch) {
            self.dial(&trunk.dial, &format!("trunk {}", trunk.name));
            self.calls = self.calls.saturating_add(trunk.channels);
        }
    }

    fn operators(&mut self, config: &Config) {
        for operator in config.rules.operators.values() {
            for phone in &operator.phones {
                self.dial(&phone.dial, &format!("operator {}", operator.name));
            }
            self.calls = self.calls.saturating_add(operator.calls);
            self.rung = self.rung.saturating_add(1);
            if let Some(agent) = &operator.agent {
                self.agents = true;
                self.module("mod_callcenter", format!("agent {agent} of operator {}", operator.name));
            }
        }
    }

    /// What a dial string needs: `sofia/gateway/provider/{number}`, `sofia/internal/1003%domain`, `user/1001`.
    fn dial(&mut self, dial: &str, who: &str) {
        let add = |wanted: &mut Wanted, what: &str| {
            wanted.entry(what.to_owned()).or_default().insert(who.to_owned());
        };
        let mut parts = dial.split('/');
        let kind = parts.next().unwrap_or_default();
        add(&mut self.endpoints, kind);
        match (kind, parts.next(), parts.next()) {
            ("sofia", Some("gateway"), Some(name)) => add(&mut self.gateways, name),
            ("sofia", Some(profile), Some(_)) => add(&mut self.profiles, profile),
            _ => {}
        }
    }

    fn line(&mut self, line: &Line) {
        let name = &line.name;
        if let Some(queue) = &line.callcenter {
            self.module("mod_callcenter", format!("queue {queue} of line {name}"));
        }
        for redial in [&line.redial, &line.requested] {
            if redial.machine.beep {
                self.module("mod_avmd", format!("the beep of voicemails on line {name}"));
            }
            if let Some(record) = &redial.record {
                self.folder(&record.file, &format!("recordings of line {name}"));
            }
            if let Some(first) = &redial.client_first {
                self.sound(&first.music, &format!("music of line {name}"));
            }
        }
        if self.outbound.is_some() {
            self.queue(&line.queue, name);
        }
    }

    fn queue(&mut self, queue: &Queue, line: &Name) {
        self.sound(&queue.music, &format!("music of line {line}"));
        let ways = [&queue.closed, &queue.nobody, &queue.full, &queue.late];
        let ways: Vec<&Way> = ways.into_iter().chain(queue.keys.iter().map(|(_, way)| way)).collect();
        let said = ways.iter().map(|way| &way.say).chain([&queue.greeting, &queue.announce.say]);
        for heard in said.flatten() {
            if let Heard::Sound(sound) = heard {
                self.sound(sound, &format!("heard by callers of line {line}"));
            }
        }
        if ways.iter().any(|way| way.then == Then::Voicemail) {
            self.folder(&queue.voicemail.file, &format!("messages of line {line}"));
        }
    }

    fn sound(&mut self, sound: &str, what_for: &str) {
        self.sounds.entry(sound.to_owned()).or_default().insert(what_for.to_owned());
        if sound.starts_with("local_stream://") {
            self.module("mod_local_stream", what_for);
        } else if sound.ends_with(".wav") {
            self.module("mod_sndfile", what_for);
        }
    }

    /// The part of a file's template that is the same for all.
    fn folder(&mut self, file: &str, what_for: &str) {
        let fixed = file.split('{').next().unwrap_or_default();
        let folder = fixed.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.folders.entry(folder.to_owned()).or_default().insert(what_for.to_owned());
        self.module("mod_sndfile", what_for);
    }

    /// The voices of the languages that lines speak.
    fn speakers(&mut self, config: &Config) {
        let Voices { ru, en, .. } = &config.voice;
        for (language, of) in [(Language::Ru, ru), (Language::En, en)] {
            if !config.rules.lines.values().any(|line| line.language == language) {
                continue;
            }
            let (engine, voice) = (of.engine.clone(), of.voice.clone());
            if of.command.is_some() {
                self.module("mod_sndfile", "announcements that are rendered");
            }
            self.voices.push(Speaker { language, engine, voice, second: of.command.is_some() });
        }
    }
}

/// What things are needed for, in a line.
pub fn whys(whys: &BTreeSet<String>) -> String {
    let few: Vec<&str> = whys.iter().take(3).map(String::as_str).collect();
    match whys.len() {
        0..=3 => few.join(", "),
        more => format!("{} and {} more", few.join(", "), more - 3),
    }
}
