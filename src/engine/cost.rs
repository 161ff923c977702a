//! What a leg costs: from its answer to its end, by the price of the trunk that carried it.

use super::{
    money::Amount,
    record::{AttemptRecord, LegRecord, Role},
    rules::{Rules, Trunk},
    time::Span,
};

/// What stands for the number in a trunk's dial string.
const NUMBER: &str = "{number}";

/// How long a leg was answered; zero while it lives, and when nobody answered.
pub fn length(attempt: &AttemptRecord, leg: &LegRecord) -> Span {
    match (leg.answered, leg.ended.or(attempt.ended)) {
        (Some(answered), Some(ended)) => ended.since(answered),
        _ => Span::ZERO,
    }
}

/// The trunk that carried the leg at this place of the attempt, and what that costs; `None` when no trunk with a price did.
pub fn of<'r>(rules: &'r Rules, attempt: &AttemptRecord, place: usize) -> Option<(&'r Trunk, Amount)> {
    let leg = &attempt.legs[place];
    let trunk = match leg.role {
        Role::Client => rules.trunks.get(&leg.who).map(|trunk| &**trunk),
        Role::Operator => trunk_of_operator(rules, attempt, leg),
    };
    let price = trunk?.price.as_ref()?;
    Some((trunk?, price.of(length(attempt, leg))))
}

/// The trunk that an operator's phone is reached over, when it lies outside.
fn trunk_of_operator<'r>(rules: &'r Rules, attempt: &AttemptRecord, leg: &LegRecord) -> Option<&'r Trunk> {
    let phone = leg.phone.as_deref()?;
    let trunks = rules.trunks.values().filter(|trunk| trunk.switch == attempt.switch);
    trunks.filter(|trunk| carries(&trunk.dial, phone)).max_by_key(|trunk| trunk.dial.len()).map(|trunk| &**trunk)
}

/// Is this dial string the trunk's, with a number in it?
fn carries(trunk: &str, dial: &str) -> bool {
    let number = trunk.split_once(NUMBER).and_then(|(head, tail)| dial.strip_prefix(head)?.strip_suffix(tail));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_string_belongs_to_the_trunk_whose_number_it_holds() {
        for (trunk, dial, carried) in [
            ("sofia/gateway/provider/{number}", "sofia/gateway/provider/79165550101", true),
            ("sofia/gateway/provider/{number}", "sofia/gateway/other/79165550101", false),
            ("sofia/gateway/provider/{number}", "user/1001", false),
            ("sofia/external/{number}@sip.example.org", "sofia/external/+79165550101@sip.example.org", true),
            ("sofia/internal/{number}@sip.example.org", "sofia/internal/1001%office", false),
            ("sofia/gateway/p/{number}", "sofia/gateway/p/", false),
        ] {
            assert_eq!(carries(trunk, dial), carried, "{trunk} {dial}");
        }
    }
}
