//! The switch itself: its version, its clock, its limits, its modules.

use super::{
    super::{
        finding::{Finding, Verdict},
        need::{Need, whys},
        told::{Answer, Brought, Status, rows},
    },
    unknown,
};
use std::collections::BTreeSet;

/// The oldest version that is known to do what is asked of it, by its documentation.
const OLDEST: (u32, u32) = (1, 10);
/// A clock further off than this is worth a word, in milliseconds.
const OFF: u64 = 2_000;
/// One further off than this gives every call a wrong time.
const FAR_OFF: u64 = 60_000;
/// How many new calls begin in one moment at least: an operator and a client.
const LEAST_PER_SECOND: u32 = 2;

pub fn version(status: &Answer) -> Option<Finding> {
    let status = Status::read(status.text()?)?;
    let mut numbers = status.version.split('.').map(|n| n.parse::<u32>().unwrap_or_default());
    let old = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) < OLDEST;
    let version = format!("FreeSWITCH {}", status.version);
    Some(match (status.ready, old) {
        (false, _) => Finding::fault(
            "version",
            format!("{version} takes no calls"),
            "it is paused or shutting down: `fsctl resume`, or wait for its restart",
        ),
        (true, true) => Finding::warning(
            "version",
            format!("{version} is older than {}.{}, with which nobody has tried this", OLDEST.0, OLDEST.1),
            "install a newer one",
        ),
        (true, false) => Finding::ok("version", version),
    })
}

pub fn clock(ahead: Option<i64>) -> Finding {
    let Some(ahead) = ahead else {
        return Finding::warning("clock", "not known: the switch told no time", "compare `date` on both machines");
    };
    let (off, way) = (ahead.unsigned_abs(), if ahead < 0 { "behind" } else { "ahead of" });
    let text = format!("the switch's clock is {}.{} s {way} ours", off / 1000, off % 1000 / 100);
    let cure = "let both machines keep time (chrony, systemd-timesyncd); `fsctl sync_clock` has the switch read its \
                machine's clock anew";
    match off {
        0..=OFF => Finding::ok("clock", "the switch's clock and ours agree"),
        off if off <= FAR_OFF => Finding::warning("clock", text, cure),
        _ => Finding::fault("clock", text, cure),
    }
}

/// What the switch takes at once, beside what the configuration may ask of it.
pub fn limits(need: &Need, status: &Answer) -> Vec<Finding> {
    let status = match (status, status.text().and_then(Status::read)) {
        (_, Some(status)) => status,
        (Answer::Denied, None) => return vec![unknown("limits", need.user.as_deref(), "status")],
        (_, None) => return vec![unknown("limits", None, "status")],
    };
    let (now, most) = status.sessions;
    let sessions = match need.calls {
        calls if calls > most => Finding::fault(
            "max-sessions",
            format!("the switch takes {most} calls at once; trunks and operators come to {calls}"),
            format!(
                "max-sessions in switch.conf.xml: {calls} and what else the switch carries, or fewer `channels` of the trunks"
            ),
        ),
        calls if calls.saturating_add(now) > most => Finding::warning(
            "max-sessions",
            format!("the switch takes {most} calls at once and has {now} now; trunks and operators come to {calls}"),
            "raise max-sessions in switch.conf.xml (`fsctl max_sessions N` does it at once)",
        ),
        calls => Finding::ok("max-sessions", format!("{most} calls at once, {calls} at the most are ours")),
    };
    let wanted = need.rung.max(LEAST_PER_SECOND);
    let per_second = match status.per_second {
        most if most < LEAST_PER_SECOND => Finding::fault(
            "sessions-per-second",
            format!("the switch takes {most} new calls a second: an operator's and a client's would not both be made"),
            "raise sessions-per-second in switch.conf.xml (`fsctl sps N` does it at once)",
        ),
        most if most < wanted => Finding::warning(
            "sessions-per-second",
            format!("the switch takes {most} new calls a second; {wanted} operators may be rung in one"),
            "raise sessions-per-second in switch.conf.xml (`fsctl sps N` does it at once)",
        ),
        most => Finding::ok("sessions-per-second", format!("{most} new calls a second")),
    };
    vec![sessions, per_second]
}

/// Modules without which calls go on, and something is lost.
const CAN_DO_WITHOUT: [&str; 2] = ["mod_json_cdr", "mod_tone_stream"];

/// Is every module there that is needed, and every kind of dial string, and every voice?
pub fn modules(need: &Need, modules: &Answer) -> Vec<Finding> {
    let Some(brought) = rows::<Brought>(modules) else {
        let user = need.user.as_deref().filter(|_| *modules == Answer::Denied);
        return vec![unknown("modules", user, "show")];
    };
    let loaded: BTreeSet<&str> = brought.iter().map(|row| row.module.as_str()).collect();
    let has = |kind: &str, name: &str| brought.iter().any(|row| row.kind == kind && row.name == name);
    let mut missing = Vec::new();
    for (name, what_for) in need.modules.iter().filter(|(name, _)| !loaded.contains(name.as_str())) {
        let text = format!("{name} is not loaded: {}", whys(what_for));
        let cure = format!("`load {name}`, and a line for it in modules.conf.xml");
        let mut finding = Finding::fault("module", text, cure).of(name);
        if CAN_DO_WITHOUT.contains(&name.as_str()) {
            finding.verdict = Verdict::Warning;
        }
        missing.push(finding);
    }
    for (kind, who) in need.endpoints.iter().filter(|(kind, _)| !has("endpoint", kind)) {
        let text = format!("no module dials `{kind}/…`: {}", whys(who));
        missing.push(Finding::fault("module", text, endpoint_cure(kind)).of(kind));
    }
    for speaker in &need.voices {
        let engine = bare(&speaker.engine);
        if !speaks(modules, engine) {
            let text = format!("no module speaks as the engine `{engine}` of [voice]");
            let cure = format!("`load mod_{engine}`, and a line for it in modules.conf.xml");
            missing.push(Finding::fault("module", text, cure).of(format!("mod_{engine}")));
        }
    }
    if missing.is_empty() {
        let names: Vec<&str> = need.modules.keys().map(String::as_str).collect();
        missing.push(Finding::ok("module", format!("all that are needed are loaded: {}", names.join(" "))));
    }
    missing
}

/// Is there an engine of this name? Where the modules are not known, there may be.
pub fn speaks(modules: &Answer, engine: &str) -> bool {
    let brought = rows::<Brought>(modules);
    brought.is_none_or(|rows| rows.iter().any(|row| row.kind == "speech" && row.name == bare(engine)))
}

/// An engine may have its own parts behind a colon (`unimrcp:profile`).
fn bare(engine: &str) -> &str {
    engine.split(':').next().unwrap_or_default()
}

fn endpoint_cure(kind: &str) -> String {
    match kind {
        "sofia" => "`load mod_sofia`, and a line for it in modules.conf.xml".to_owned(),
        "user" | "group" | "error" | "pickup" => "`load mod_dptools`, and a line for it in modules.conf.xml".to_owned(),
        "null" | "loopback" => "`load mod_loopback`, and a line for it in modules.conf.xml".to_owned(),
        _ => format!("load the module that brings `{kind}`, or write the dial string with another"),
    }
}
