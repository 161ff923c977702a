//! What trunks' calls have cost this month, and the cap at which a trunk is used no more until the next.

use super::{
    Name, cost,
    effect::AlarmKind,
    hours::local,
    machine::{Cx, Engine},
    record::{AttemptRecord, Spent, Write},
    rules::{Cap, Line, Trunk},
    time::Wall,
};
use jiff::{ToSpan, tz::TimeZone};

/// The month of an instant: twelve times the year, and the months of it that are over.
fn month(at: Wall, zone: &TimeZone) -> u32 {
    let date = zone.to_datetime(at.timestamp()).date();
    (i32::from(date.year()) * 12 + i32::from(date.month()) - 1) as u32
}

impl Engine {
    /// An attempt is over: what its legs have cost counts for the month. A talk that goes on over a cap is not cut.
    pub(super) fn spend(&mut self, attempt: &AttemptRecord, cx: &mut Cx) {
        for place in 0..attempt.legs.len() {
            let Some((trunk, amount)) = cost::of(&self.rules, attempt, place) else { continue };
            let Some(cap) = trunk.cap.clone().filter(|_| amount.0 > 0) else { continue };
            let (name, month) = (trunk.name.clone(), month(cx.now.wall, &cap.zone));
            let spent = self.spent.entry((name.clone(), month)).or_default();
            let before = *spent;
            *spent += amount;
            let now = *spent;
            cx.write(Write::Spent(Spent { trunk: name.clone(), month, amount: now }));
            if before < cap.a_month && now >= cap.a_month {
                let text = format!(
                    "trunk {name} has cost {now} of {} this month: nobody is dialled over it any more",
                    cap.a_month
                );
                cx.alarm(AlarmKind::Cap, text);
            }
        }
    }

    /// When every trunk of the line has cost what it may this month: the beginning of the next.
    pub(super) fn rests_until(&self, line: &Line) -> Option<Wall> {
        let trunks = || line.trunks.iter().filter_map(|name| self.rules.trunks.get(name));
        if !trunks().all(|trunk| self.is_spent(trunk)) {
            return None;
        }
        let next = |cap: &Cap| {
            let first = cap.zone.to_datetime(self.clock?.wall.timestamp()).date().first_of_month();
            local(&cap.zone, first.checked_add(1.month()).ok()?.at(0, 0, 0, 0))
        };
        trunks().filter_map(|trunk| next(trunk.cap.as_ref()?)).min()
    }

    /// Has this trunk cost as much this month as it may?
    pub(super) fn is_spent(&self, trunk: &Trunk) -> bool {
        let (Some(cap), Some(now)) = (&trunk.cap, self.clock) else { return false };
        let key: (Name, u32) = (trunk.name.clone(), month(now.wall, &cap.zone));
        self.spent.get(&key).is_some_and(|spent| *spent >= cap.a_month)
    }
}
