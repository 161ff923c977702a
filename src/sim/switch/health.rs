//! How a pretend switch is, for those who examine it: what it lacks, and the answers that tell of it, as a real one gives them.

use super::{PretendSwitch, channel::Party};
use crate::engine::time::Span;
use serde_json::json;
use std::collections::BTreeSet;

/// What is not as it should be.
#[derive(Clone, Debug)]
pub struct Health {
    /// Does its access list let anybody in?
    pub shut: bool,
    /// A second password that its socket takes.
    pub also_takes: Option<String>,
    /// Api commands that are refused to everybody.
    pub denied: BTreeSet<String>,
    /// Modules that are not loaded.
    pub lacks: BTreeSet<String>,
    /// What it cannot play, or record into: texts that begin so; and voices (`flite|slt`), which say nothing.
    pub cannot: BTreeSet<String>,
    /// How far its clock is ahead, in milliseconds.
    pub ahead: i64,
    /// Calls at once, and new ones a second.
    pub most: (u32, u32),
    /// The codecs of its profiles.
    pub codecs: String,
    /// Its configuration of mod_json_cdr, and its dialplan.
    pub xml: (String, String),
}

impl Default for Health {
    fn default() -> Health {
        Health {
            shut: false,
            also_takes: None,
            denied: BTreeSet::new(),
            lacks: BTreeSet::new(),
            cannot: BTreeSet::new(),
            ahead: 0,
            most: (5000, 1000),
            codecs: "PCMA,PCMU".to_owned(),
            xml: (NOTHING.to_owned(), NOTHING.to_owned()),
        }
    }
}

/// `xml_locate` of what there is not.
const NOTHING: &str = "can't find anything\n";
/// A line above and below a table of mod_sofia.
const RULE: &str = "=================================================================================================";

/// What the modules bring, as far as anybody asks: the kind, the name, the module.
const BROUGHT: [(&str, &str, &str); 20] = [
    ("api", "originate", "mod_commands"),
    ("api", "avmd", "mod_avmd"),
    ("api", "callcenter_config", "mod_callcenter"),
    ("api", "sofia", "mod_sofia"),
    ("application", "park", "mod_dptools"),
    ("application", "socket", "mod_event_socket"),
    ("codec", "G.711 alaw", "CORE_PCM_MODULE"),
    ("codec", "G.711 ulaw", "CORE_PCM_MODULE"),
    ("codec", "OPUS (STANDARD)", "mod_opus"),
    ("endpoint", "error", "mod_dptools"),
    ("endpoint", "loopback", "mod_loopback"),
    ("endpoint", "null", "mod_loopback"),
    ("endpoint", "sofia", "mod_sofia"),
    ("endpoint", "user", "mod_dptools"),
    ("file", "local_stream", "mod_local_stream"),
    ("file", "tone_stream", "mod_tone_stream"),
    ("file", "wav", "mod_sndfile"),
    ("generic", "mod_json_cdr", "mod_json_cdr"),
    ("speech", "flite", "mod_flite"),
    ("speech", "tts_commandline", "mod_tts_commandline"),
];

impl PretendSwitch {
    /// The answers to those who examine; `None`: it is none of their questions.
    pub(super) fn examined(&self, text: &str) -> Option<String> {
        let words: Vec<&str> = text.split(' ').collect();
        let health = &self.config.health;
        Some(match words.as_slice() {
            ["show", "modules", ..] => self.modules(),
            ["show", "registrations", ..] => self.registrations(),
            ["sofia", ..] if health.lacks.contains("mod_sofia") => "-ERR sofia Command not found!\n".to_owned(),
            ["sofia", "status", "gateway", name] => self.gateway_status(name),
            ["sofia", "status", "profile", name] => self.profile_status(name),
            ["xml_locate", "dialplan"] => health.xml.1.clone(),
            ["xml_locate", ..] => health.xml.0.clone(),
            _ => return None,
        })
    }

    fn modules(&self) -> String {
        let rows: Vec<_> = BROUGHT
            .iter()
            .filter(|(.., module)| !self.config.health.lacks.contains(*module))
            .map(|(kind, name, module)| {
                json!({ "type": kind, "name": name, "ikey": module, "filename": format!("/usr/lib/freeswitch/mod/{module}.so") })
            })
            .collect();
        json!({ "row_count": rows.len(), "rows": rows }).to_string()
    }

    fn registrations(&self) -> String {
        let row = |user: &String| {
            json!({ "reg_user": user, "realm": self.config.domain, "token": format!("register-{user}"),
                    "url": format!("sofia/internal/sip:{user}@192.0.2.10:5060"), "expires": "1785000000",
                    "network_ip": "192.0.2.10", "network_port": "5060", "network_proto": "udp", "hostname": "pretend",
                    "metadata": "" })
        };
        let rows: Vec<_> = self.registered.iter().map(row).collect();
        match rows.is_empty() {
            true => "{\"row_count\":0}".to_owned(),
            false => json!({ "row_count": rows.len(), "rows": rows }).to_string(),
        }
    }

    fn gateway_status(&self, name: &str) -> String {
        if !self.config.gateways.contains(name) {
            return "Invalid Gateway!\n".to_owned();
        }
        let (state, status) = if self.down.contains(name) { ("FAIL_WAIT", "DOWN") } else { ("REGED", "UP") };
        format!(
            "{RULE}\nName    \t{name}\nProfile \texternal\nScheme  \tDigest\nPassword\tyes\nPing    \t0\n\
             State   \t{state}\nStatus  \t{status}\nUptime  \t0s\n{RULE}\n"
        )
    }

    fn profile_status(&self, name: &str) -> String {
        if !["external", "internal"].contains(&name) {
            return "Invalid Profile!\n".to_owned();
        }
        let codecs = &self.config.health.codecs;
        format!(
            "{RULE}\nName             \t{name}\nDomain Name      \tN/A\nCODECS IN        \t{codecs}\n\
             CODECS OUT       \t{codecs}\nTEL-EVENT        \t101\n"
        )
    }

    /// Can it play this, or record there?
    pub(super) fn can(&self, what: &str) -> bool {
        !self.config.health.cannot.iter().any(|beginning| what.starts_with(beginning))
    }

    /// How long a voice speaks so many signs; one that is not there ends at once.
    pub(super) fn speaks(&self, data: &str, signs: usize) -> Span {
        if self.can(data) { Span(300 + signs as u64 * self.config.speech.0) } else { super::STEP }
    }

    /// Who is at a channel that is no telephone: nobody, and it answers at once.
    pub(super) fn is_null(party: &Party) -> bool {
        matches!(party, Party::Number(number) if number.starts_with(NULL))
    }
}

/// How the party of a `null/…` begins.
pub(super) const NULL: &str = "null/";
