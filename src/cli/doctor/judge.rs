//! From what a switch told to what the doctor says of it. Pure: the same answers, the same findings.

mod door;
mod house;
mod posts;
mod tries;
mod ways;

pub use ways::{phones, profiles};

use super::{
    finding::Finding,
    need::Need,
    told::{Shut, Told},
};

/// What is to be said of a switch.
pub fn switch(need: &Need, told: &Result<Told, Shut>) -> Vec<Finding> {
    let told = match told {
        Ok(told) => told,
        Err(shut) => return vec![door::shut(need, shut)],
    };
    let mut findings = vec![door::open(need), door::password(need, told)];
    findings.extend(door::rights(need, told));
    findings.extend(house::version(&told.status));
    findings.push(house::clock(told.ahead));
    findings.extend(house::limits(need, &told.status));
    findings.extend(house::modules(need, &told.modules));
    findings.extend(ways::gateways(need, &told.gateways));
    findings.extend(ways::codecs(need, told));
    findings.extend(posts::records(need, told));
    findings.extend(posts::outbound(need, told));
    findings.extend(tries::all(need, told));
    findings
}

/// What is said where the switch would not tell.
fn unknown(check: &'static str, user: Option<&str>, command: &str) -> Finding {
    let (text, cure) = match user {
        Some(user) => (
            format!("not known: the user {user} may not ask `{command}`"),
            format!(
                "add {command} to its esl-allowed-api, as freeswitch/directory/perezvon.xml has it, and `reloadxml`"
            ),
        ),
        None => {
            (format!("not known: the switch does not answer `{command}`"), format!("ask it by `fs_cli -x '{command}'`"))
        }
    };
    Finding::warning(check, text, cure)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            finding::Verdict,
            told::{Answer, Status},
        },
        *,
    };

    /// As a real switch said it.
    const STATUS: &str = "UP 0 years, 0 days, 0 hours, 3 minutes, 1 second, 702 milliseconds, 397 microseconds\n\
        FreeSWITCH (Version 1.11.3-dev  64bit) is ready\n1 session(s) since startup\n0 session(s) - peak 1, last 5min 1 \n\
        0 session(s) per Sec out of max 200, peak 1, last 5min 1 \n1000 session(s) max\nmin idle cpu 0.00/12.57\n\
        Current Stack Size/Max 240K/8192K\n";

    fn verdicts(findings: &[Finding]) -> Vec<(&'static str, Verdict)> {
        findings.iter().map(|finding| (finding.check, finding.verdict)).collect()
    }

    #[test]
    fn a_status_is_read_and_nonsense_is_not() {
        let read = Status::read(STATUS).unwrap();
        assert_eq!((read.version.as_str(), read.ready), ("1.11.3-dev 64bit", true));
        assert_eq!((read.sessions, read.per_second), ((0, 1000), 200));
        assert!(!Status::read(&STATUS.replace("is ready", "is not ready")).unwrap().ready);
        for nonsense in
            ["", "-ERR no", "FreeSWITCH (Version x", "FreeSWITCH (Version 1.10) is ready\nmany session(s) max"]
        {
            assert_eq!(Status::read(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn a_switch_that_takes_no_calls_and_an_old_one_are_told() {
        let said = |text: &str| house::version(&Answer::Said(text.to_owned())).map(|finding| finding.verdict);
        assert_eq!(said(STATUS), Some(Verdict::Ok));
        assert_eq!(said(&STATUS.replace("is ready", "is not ready")), Some(Verdict::Fault));
        assert_eq!(said(&STATUS.replace("1.11.3", "1.8.7")), Some(Verdict::Warning));
        assert_eq!(said("nonsense"), None);
    }

    #[test]
    fn clocks_that_differ_are_judged_by_how_far() {
        let judged = |ahead| house::clock(ahead).verdict;
        assert_eq!([Some(0), Some(-2_000), Some(2_000)].map(judged), [Verdict::Ok; 3]);
        assert_eq!([Some(2_001), Some(-60_000), None].map(judged), [Verdict::Warning; 3]);
        assert_eq!([Some(60_001), Some(i64::MIN)].map(judged), [Verdict::Fault; 2]);
        assert_eq!(house::clock(Some(-61_500)).text, "the switch's clock is 61.5 s behind ours");
    }

    #[test]
    fn limits_are_held_against_what_may_come() {
        let judged = |calls, rung| {
            let need = Need { calls, rung, ..Need::default() };
            verdicts(&house::limits(&need, &Answer::Said(STATUS.replace("0 session(s) - ", "900 session(s) - "))))
        };
        let of = |sessions, second| vec![("max-sessions", sessions), ("sessions-per-second", second)];
        assert_eq!(judged(100, 200), of(Verdict::Ok, Verdict::Ok));
        assert_eq!(judged(101, 201), of(Verdict::Warning, Verdict::Warning));
        assert_eq!(judged(1001, 1), of(Verdict::Fault, Verdict::Ok));
        assert_eq!(verdicts(&house::limits(&Need::default(), &Answer::None)), [("limits", Verdict::Warning)]);
    }

    #[test]
    fn a_gateway_is_up_registering_or_of_no_use() {
        let judged = |state: &str, status: &str| {
            let text = format!("Name    \tgw\nProfile \texternal\nState   \t{state}\nStatus  \t{status}");
            let need = Need { gateways: [("gw".to_owned(), [].into())].into(), ..Need::default() };
            ways::gateways(&need, &[("gw".to_owned(), Answer::Said(text))].into())[0].verdict
        };
        assert_eq!([("REGED", "UP"), ("NOREG", "UP (ping)")].map(|(a, b)| judged(a, b)), [Verdict::Ok; 2]);
        assert_eq!(judged("TRYING", "UP"), Verdict::Warning);
        for (state, status) in [("REGED", "DOWN (ping)"), ("FAIL_WAIT", "DOWN"), ("NOREG", "DOWN"), ("EXPIRED", "UP")] {
            assert_eq!(judged(state, status), Verdict::Fault, "{state} {status}");
        }
    }

    #[test]
    fn a_socket_of_the_dialplan_is_ours_by_its_port_and_must_hold_the_caller() {
        let need = Need { outbound: "127.0.0.1:8084".parse().ok(), ..Need::default() };
        let judged = |dialplan: &str| {
            let told = Told { dialplan: Answer::Said(dialplan.to_owned()), ..Told::default() };
            posts::outbound(&need, &told).map(|finding| finding.verdict)
        };
        let action = |data: &str| format!("<action application=\"socket\" data=\"{data}\"></action>");
        assert_eq!(judged(&action("pbx.example:8084 async full")), Some(Verdict::Ok));
        assert_eq!(judged(&action("127.0.0.1:8084 async")), Some(Verdict::Fault));
        assert_eq!(judged(&action("127.0.0.1:8085 async full")), Some(Verdict::Warning));
        assert_eq!(judged("<action application=\"bridge\" data=\"8084 async full\"></action>"), Some(Verdict::Warning));
        assert_eq!(posts::outbound(&need, &Told { dialplan: Answer::Denied, ..Told::default() }), None);
    }
}
