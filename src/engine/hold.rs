//! Talks on hold: a client whom somebody has forgotten there is noticed.
//!
//! | state | becomes | when |
//! |---|---|---|
//! | talks | on hold | the phone at either side of a talk puts it on hold |
//! | on hold | talks | … and takes it back; or the side is gone |
//! | on hold | on hold, told | it has lasted for the line's `longest_hold`: an alarm, once a hold |
//!
//! Which of the two holds the other is not asked: nobody talks with the client either way. After a lost connection a hold is
//! forgotten: whether it goes on nobody said.

use super::{
    Name,
    attempt::{Attempt, Stage},
    effect::AlarmKind,
    machine::{Cx, Engine, Kind, Timer},
    record::ChannelId,
    rules::Line,
    status::HoldView,
    time::{Now, Span},
};
use std::sync::Arc;

impl Engine {
    /// A phone puts its talk on hold, or takes it back.
    pub(super) fn held(&mut self, id: &ChannelId, on: bool, cx: &mut Cx) {
        if !on {
            self.holds.remove(id);
            return;
        }
        if !self.channels.contains_key(id) || self.holds.contains_key(id) {
            return;
        }
        self.holds.insert(id.clone(), cx.now.mono);
        if let Some((line, _)) = self.talk_at(id) {
            self.timers.insert((cx.now.mono + line.queue.longest_hold, Timer::Hold(id.clone())));
        }
    }

    /// A hold may have lasted for too long.
    pub(super) fn held_for_long(&mut self, id: &ChannelId, cx: &mut Cx) {
        let (Some(since), Some((line, operator))) = (self.holds.get(id).copied(), self.talk_at(id)) else { return };
        let span = cx.now.mono.since(since);
        // The timer of an earlier hold of the same phone; or the other side has held for longer, and that was told.
        if span < line.queue.longest_hold || self.is_held_by_other(id) {
            return;
        }
        let (who, line) = (operator.as_deref().unwrap_or("somebody"), &line.name);
        cx.alarm(AlarmKind::Hold, format!("line {line}: a talk with {who} has been on hold for {} s", span.0 / 1000));
    }

    fn is_held_by_other(&self, id: &ChannelId) -> bool {
        let other = self.channels.get(id).and_then(|followed| followed.bridged.as_ref());
        let since = |id: &ChannelId| self.holds.get(id).map(|since| (*since, id.clone()));
        other.and_then(since).is_some_and(|other| Some(other) < since(id))
    }

    /// A lost connection says nothing of what goes on: no hold of that switch is known any more.
    pub(super) fn forget_holds(&mut self, switch: &Name) {
        let channels = &self.channels;
        self.holds.retain(|id, _| channels.get(id).is_some_and(|followed| followed.switch != *switch));
    }

    /// The line and the operator of the talk in which this channel is.
    fn talk_at(&self, id: &ChannelId) -> Option<(Arc<Line>, Option<Name>)> {
        let followed = self.channels.get(id)?;
        match &followed.kind {
            Kind::Leg(job) => of_attempt(self.attempts.get(job)?),
            Kind::Caller(caller) => {
                caller.record.served?;
                let handed = caller.record.queue.as_ref().and_then(|queue| queue.handed_to.clone());
                let line = self.rules.lines.get(&caller.record.line)?;
                Some((line.clone(), handed.or_else(|| caller.record.operator.clone())))
            }
            // Not rung by us: with whom they talk says whose client it is.
            Kind::Operator { name, .. } => {
                let other = self.channels.get(followed.bridged.as_ref()?)?;
                let line = match &other.kind {
                    Kind::Caller(caller) => self.rules.lines.get(&caller.record.line)?.clone(),
                    Kind::Leg(job) => of_attempt(self.attempts.get(job)?)?.0,
                    Kind::Operator { .. } => return None,
                };
                Some((line, Some(name.clone())))
            }
        }
    }

    /// Talks on hold, the longest first.
    pub(super) fn hold_views(&self, now: Now) -> Vec<HoldView> {
        let view = |(id, since): (&ChannelId, &_)| {
            let (line, operator) = self.talk_at(id).filter(|_| !self.is_held_by_other(id))?;
            let held: Span = now.mono.since(*since);
            Some(HoldView { line: line.name.clone(), operator, held })
        };
        let mut views: Vec<HoldView> = self.holds.iter().filter_map(view).collect();
        views.sort_by(|a, b| b.held.cmp(&a.held).then_with(|| (&a.line, &a.operator).cmp(&(&b.line, &b.operator))));
        views
    }
}

fn of_attempt(at: &Attempt) -> Option<(Arc<Line>, Option<Name>)> {
    let talks = at.record.joined.is_some() && matches!(at.stage, Stage::Talking | Stage::Parted);
    talks.then(|| (at.line.clone(), at.record.handed_to.clone().or_else(|| at.record.operator.clone())))
}
