//! Hang-up causes and what they mean for the one who was dialled.
//!
//! | meaning | causes (`switch_call_cause_t`) |
//! |---|---|
//! | busy | USER_BUSY, BUSY_EVERYWHERE |
//! | no-answer | NO_ANSWER, NO_USER_RESPONSE, NO_PICKUP, ALLOTTED_TIMEOUT, SUBSCRIBER_ABSENT, USER_NOT_REGISTERED, NORMAL_CLEARING |
//! | invalid | UNALLOCATED_NUMBER, INVALID_NUMBER_FORMAT, NUMBER_CHANGED |
//! | declined | DECLINE, UNWANTED, and CALL_REJECTED with SIP 603 or 607 |
//! | cancelled (by us) | ORIGINATOR_CANCEL, LOSE_RACE, MANAGER_REQUEST |
//! | unknown | NONE, CRASH, SYSTEM_SHUTDOWN, PICKED_OFF, BLIND_TRANSFER, ATTENDED_TRANSFER, BOWOUT |
//! | network | everything else: the way to the client is out of order, or we were not let in |
//!
//! NO_ROUTE_DESTINATION (SIP 485, 604) counts as network: a route's fault until it is proven to be the number's. 403 and
//! 603 both come as CALL_REJECTED; only `sip_invite_failure_status` tells them apart, and without it the client is given
//! the benefit of the doubt, since *declined* ends a callback for good.

use crate::engine::record::Outcome;

/// What a cause means for the one who was dialled and did not come to talk. `sip` is the SIP answer, when there was one.
pub fn outcome(cause: &str, sip: Option<u16>) -> Outcome {
    match cause {
        "USER_BUSY" | "BUSY_EVERYWHERE" => Outcome::Busy,
        "NO_ANSWER"
        | "NO_USER_RESPONSE"
        | "NO_PICKUP"
        | "ALLOTTED_TIMEOUT"
        | "SUBSCRIBER_ABSENT"
        | "USER_NOT_REGISTERED"
        | "NORMAL_CLEARING" => Outcome::NoAnswer,
        "UNALLOCATED_NUMBER" | "INVALID_NUMBER_FORMAT" | "NUMBER_CHANGED" => Outcome::Invalid,
        "DECLINE" | "UNWANTED" => Outcome::Declined,
        "CALL_REJECTED" => rejected(sip),
        "ORIGINATOR_CANCEL" | "LOSE_RACE" | "MANAGER_REQUEST" => Outcome::Cancelled,
        "NONE" | "CRASH" | "SYSTEM_SHUTDOWN" | "PICKED_OFF" | "BLIND_TRANSFER" | "ATTENDED_TRANSFER" | "BOWOUT" => {
            Outcome::Unknown
        }
        _ => Outcome::Network,
    }
}

/// CALL_REJECTED, by its SIP answer. A `Reason` header of the peer can bring it with 486 or 480 as well.
fn rejected(sip: Option<u16>) -> Outcome {
    match sip {
        Some(603 | 607) => Outcome::Declined,
        Some(486 | 600) => Outcome::Busy,
        Some(480) => Outcome::NoAnswer,
        _ => Outcome::Network,
    }
}

/// The phone was not there to ring: nobody registered, or no such user.
pub fn is_unregistered(cause: &str) -> bool {
    matches!(cause, "USER_NOT_REGISTERED" | "SUBSCRIBER_ABSENT")
}

/// The cause in the words of a refusal: `-ERR USER_BUSY` gives `USER_BUSY`, `-ERR No such channel!` the sentence.
pub fn cause_of(refusal: &str) -> &str {
    let text = refusal.trim();
    text.strip_prefix("-ERR").map_or(text, str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::*;

    #[test]
    fn every_cause_has_its_meaning() {
        for (cause, sip, meaning) in [
            ("USER_BUSY", Some(486), Busy),
            ("USER_BUSY", Some(600), Busy),
            ("BUSY_EVERYWHERE", None, Busy),
            ("NO_ANSWER", Some(487), NoAnswer),
            ("NO_USER_RESPONSE", Some(480), NoAnswer),
            ("ALLOTTED_TIMEOUT", None, NoAnswer),
            ("SUBSCRIBER_ABSENT", None, NoAnswer),
            ("UNALLOCATED_NUMBER", Some(404), Invalid),
            ("NUMBER_CHANGED", Some(410), Invalid),
            ("INVALID_NUMBER_FORMAT", Some(484), Invalid),
            ("NO_ROUTE_DESTINATION", Some(604), Network),
            ("CALL_REJECTED", Some(603), Declined),
            ("CALL_REJECTED", Some(607), Declined),
            ("UNWANTED", Some(607), Declined),
            ("CALL_REJECTED", Some(403), Network),
            ("CALL_REJECTED", Some(401), Network),
            ("CALL_REJECTED", Some(402), Network),
            ("CALL_REJECTED", Some(407), Network),
            ("CALL_REJECTED", Some(608), Network),
            ("CALL_REJECTED", None, Network),
            ("RECOVERY_ON_TIMER_EXPIRE", Some(408), Network),
            ("NORMAL_TEMPORARY_FAILURE", Some(503), Network),
            ("NETWORK_OUT_OF_ORDER", Some(502), Network),
            ("NORMAL_CIRCUIT_CONGESTION", None, Network),
            ("SWITCH_CONGESTION", None, Network),
            ("GATEWAY_DOWN", None, Network),
            ("INVALID_GATEWAY", None, Network),
            ("DESTINATION_OUT_OF_ORDER", None, Network),
            ("ORIGINATOR_CANCEL", Some(487), Cancelled),
            ("LOSE_RACE", Some(487), Cancelled),
            ("MANAGER_REQUEST", None, Cancelled),
            ("A_CAUSE_OF_THE_FUTURE", None, Network),
        ] {
            assert_eq!(outcome(cause, sip), meaning, "{cause} {sip:?}");
        }
    }

    #[test]
    fn a_refusal_names_its_cause() {
        assert_eq!(cause_of("-ERR USER_BUSY\n"), "USER_BUSY");
        assert_eq!(cause_of("-ERR No such channel!\n"), "No such channel!");
        assert_eq!(cause_of("-ERR\n"), "");
    }

    #[test]
    fn an_absent_phone_is_told_from_one_that_rings() {
        assert!(is_unregistered("USER_NOT_REGISTERED") && is_unregistered("SUBSCRIBER_ABSENT"));
        assert!(!is_unregistered("NO_ANSWER"));
    }
}
