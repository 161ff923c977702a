//! The ways out: gateways, what they speak, the phones of operators.

use super::{
    super::{
        finding::Finding,
        need::{Need, Wanted, whys},
        told::{Answer, Brought, Registered, Told, rows, value},
    },
    unknown,
};
use crate::{config::Config, engine::rules::Operator};
use std::collections::BTreeMap;

/// Each gateway that a dial string names: is it there, registered, up?
pub fn gateways(need: &Need, told: &BTreeMap<String, Answer>) -> Vec<Finding> {
    let one = |(name, who): (&String, _)| {
        let answer = told.get(name).unwrap_or(&Answer::None);
        match answer {
            Answer::Said(text) => gateway(name, &whys(who), text),
            Answer::Denied => unknown("gateway", need.user.as_deref(), "sofia"),
            // mod_sofia itself is missed elsewhere.
            Answer::Unknown | Answer::None => unknown("gateway", None, "sofia status gateway"),
        }
        .of(name)
    };
    need.gateways.iter().map(one).collect()
}

fn gateway(name: &str, who: &str, text: &str) -> Finding {
    let (Some(state), Some(status)) = (value(text, "State"), value(text, "Status")) else {
        return Finding::fault(
            "gateway",
            format!("the switch has no gateway {name}: {who}"),
            "write the name as sip_profiles/external has it, or add it there and `sofia profile external rescan`",
        );
    };
    let profile = value(text, "Profile").unwrap_or("external");
    match state {
        "REGED" | "NOREG" if status.starts_with("UP") => {
            let how = if state == "REGED" { "registered" } else { "up, without registration" };
            Finding::ok("gateway", format!("{how}: {who}"))
        }
        "TRYING" | "REGISTER" | "UNREGED" if status.starts_with("UP") => {
            Finding::warning("gateway", format!("it is about to register ({state}): {who}"), "ask again in a minute")
        }
        _ => Finding::fault(
            "gateway",
            format!("it is not up ({state}, {status}): {who}"),
            format!(
                "compare its username, password, realm and proxy with the provider's; `sofia profile {profile} siptrace on` \
                 shows what the provider answers"
            ),
        ),
    }
}

/// Codecs as a profile names them, and as the modules do that bring them. One that is not here is not judged.
const CODECS: [(&str, &str); 8] = [
    ("PCMU", "G.711 ulaw"),
    ("PCMA", "G.711 alaw"),
    ("OPUS", "OPUS (STANDARD)"),
    ("G722", "G.722"),
    ("G729", "G.729"),
    ("GSM", "GSM"),
    ("iLBC", "iLBC"),
    ("SPEEX", "Speex"),
];

/// Does each profile that is dialled over speak a codec that a module brings?
pub fn codecs(need: &Need, told: &Told) -> Vec<Finding> {
    let brought: Vec<Brought> = rows(&told.modules).unwrap_or_default();
    let mut findings = Vec::new();
    for (profile, answer) in &told.profiles {
        let Some(text) = answer.text() else { continue };
        let finding = match value(text, "CODECS OUT") {
            Some(codecs) => spoken(codecs, &brought),
            None => Finding::fault(
                "codecs",
                format!(
                    "the switch has no profile {profile}: {}",
                    whys(need.profiles.get(profile).unwrap_or(&[].into()))
                ),
                "write the name as sip_profiles has it; `sofia status` names those that run",
            ),
        };
        findings.push(finding.of(profile));
    }
    findings
}

fn spoken(codecs: &str, brought: &[Brought]) -> Finding {
    let lacks = |codec: &&str| {
        // `PCMU@8000h@20i` and `opus@48000h` are such.
        let name = codec.split('@').next().unwrap_or_default();
        let known = CODECS.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
        known.is_some_and(|(_, long)| !brought.iter().any(|row| row.kind == "codec" && row.name.starts_with(long)))
    };
    let all: Vec<&str> = codecs.split(',').map(str::trim).filter(|codec| !codec.is_empty()).collect();
    let missing: Vec<&str> = all.iter().copied().filter(lacks).collect();
    let cure = "name codecs in outbound-codec-prefs of the profile (PCMA,PCMU need no module), or load the module";
    match (all.len(), missing.len()) {
        (all, missing) if all == missing => {
            Finding::fault("codecs", format!("no module speaks any codec of it ({codecs})"), cure)
        }
        (_, 0) => Finding::ok("codecs", all.join(" ")),
        _ => Finding::warning("codecs", format!("{}: no module speaks it", missing.join(" ")), cure),
    }
}

/// Is each operator's phone registered at any of the switches? An operator who went home has switched it off: no fault. Of a
/// switch that does not let us in, that has been said.
pub fn phones(config: &Config, registrations: &[&Answer]) -> Vec<Finding> {
    let tables: Vec<Option<Vec<Registered>>> = registrations.iter().map(|answer| rows(answer)).collect();
    let here: Vec<Registered> = tables.iter().flatten().flatten().cloned().collect();
    if registrations.contains(&&Answer::None) {
        return Vec::new();
    }
    let all_told = tables.iter().all(Option::is_some);
    config.rules.operators.values().filter_map(|operator| phone(operator, &here, all_told)).collect()
}

fn phone(operator: &Operator, here: &[Registered], all_told: bool) -> Option<Finding> {
    let users: Vec<&str> = operator.phones.iter().filter_map(|phone| phone.dial.strip_prefix("user/")).collect();
    if users.is_empty() {
        return None;
    }
    let is_here = |dial: &&str| {
        let (user, realm) = dial.split_once('@').unwrap_or((dial, ""));
        here.iter().any(|phone| phone.user == user && (realm.is_empty() || phone.realm == realm))
    };
    let absent: Vec<&str> = users.iter().copied().filter(|user| !is_here(user)).collect();
    let finding = match (absent.is_empty(), all_told) {
        (true, _) => Finding::ok("phone", format!("registered: {}", users.join(" "))),
        (false, false) => unknown("phone", None, "show registrations"),
        (false, true) => Finding::warning(
            "phone",
            format!("not registered: {}", absent.join(" ")),
            "switch the phone on; if it is, compare its user and domain with the dial string of the operator",
        ),
    };
    Some(finding.of(&*operator.name))
}

/// The profiles by which gateways and phones go, beside those that dial strings name.
pub fn profiles(need: &Need, gateways: &BTreeMap<String, Answer>) -> Wanted {
    let mut wanted = need.profiles.clone();
    for (name, answer) in gateways {
        if let Some(profile) = answer.text().and_then(|text| value(text, "Profile")) {
            wanted.entry(profile.to_owned()).or_default().insert(format!("gateway {name}"));
        }
    }
    wanted
}
