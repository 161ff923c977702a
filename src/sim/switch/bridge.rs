//! Two channels become one talk, and what is left when it ends.

use super::{
    Outside, PretendSwitch, Task,
    channel::{Other, State, Times},
};
use crate::engine::{input::Direction, record::ChannelId};

impl PretendSwitch {
    /// The dialplan's bridge: the second leg answered.
    pub(super) fn bridge_up(&mut self, caller: &ChannelId, leg: &ChannelId) {
        if self.at(caller).is_none() {
            return self.hangup(leg, "ORIGINATOR_CANCEL");
        }
        if let Some(channel) = self.at(caller) {
            channel.ties.waits = None;
        }
        if self.at(leg).is_none() {
            return self.after_bridge(caller);
        }
        // A phone that only sends sound is bridged while it rings: the caller is answered when it is.
        match self.at(leg).is_some_and(|channel| channel.answered.is_some()) {
            true => self.answer_caller(caller),
            false => self.caller_hears_early(caller),
        }
        self.bridge(caller, leg);
    }

    /// The sound of a phone that rings goes on to the caller.
    fn caller_hears_early(&mut self, caller: &ChannelId) {
        let wall = self.now.wall;
        let Some(channel) = self.at(caller).filter(|channel| !channel.has_media()) else { return };
        channel.early = true;
        channel.times.progress_media = Some(wall);
        self.tell_now("CHANNEL_PROGRESS_MEDIA", caller, &[]);
    }

    /// A phone that was bridged while it rang is answered: now there is somebody.
    pub(super) fn answers_a_bridge(&mut self, leg: &ChannelId) {
        let Some(caller) = self.at(leg).and_then(|channel| channel.ties.bridge.clone()) else { return };
        self.answer_caller(&caller);
        self.outside.push(Outside::Talking(caller, leg.clone()));
    }

    /// `uuid_bridge`: both leave what they are in and are joined a moment later. `Err`: the switch's words.
    pub(super) fn uuid_bridge(&mut self, a: &ChannelId, b: &ChannelId) -> Result<String, &'static str> {
        let media = |id: &ChannelId| self.channels.get(id).filter(|c| c.alive()).map(|channel| channel.has_media());
        let (Some(media_a), Some(media_b)) = (media(a), media(b)) else { return Err("-ERR Invalid uuid\n") };
        if a == b || !media_a && !media_b {
            return Err("-ERR Invalid uuid\n");
        }
        // The one with media is the first of the two.
        let (first, second) = if media_a { (a, b) } else { (b, a) };
        let reply = format!("+OK {b}\n");
        for (id, other) in [(second, first), (first, second)] {
            self.unhook(id);
            if let Some(channel) = self.at(id) {
                channel.ties.joining = Some(other.clone());
                channel.profiles += 1;
                channel.set("bridge_uuid", other.as_str());
            }
        }
        self.note_other(first, second);
        // The second is shown to be called by the first.
        if let Some((name, number)) = self.at(first).map(|c| (c.profile.name.clone(), c.profile.number.clone()))
            && let Some(channel) = self.at(second)
        {
            (channel.profile.name, channel.profile.number) = (name, number);
        }
        for id in [second, first] {
            self.break_apps(id);
        }
        self.soon(Task::Join(first.clone(), second.clone()));
        Ok(reply)
    }

    /// Takes a channel out of the bridge, the dialling or the queue that it is in.
    pub(super) fn unhook(&mut self, id: &ChannelId) {
        let Some(channel) = self.at(id) else { return };
        channel.plan.clear();
        let ties = channel.ties.clone();
        channel.ties.waits = None;
        if let Some(dial) = ties.waits {
            self.cancel_dial(dial, "ORIGINATOR_CANCEL");
        }
        if ties.queue.is_some() {
            self.leave_queue(id, "BREAK_OUT");
        }
        if let Some(peer) = ties.bridge {
            let first = if ties.first { id.clone() } else { peer.clone() };
            self.unbridge(&first);
            self.break_apps(&first);
            self.after_bridge(&peer);
        }
    }

    /// The two hear each other, if both are still there.
    pub(super) fn join(&mut self, a: &ChannelId, b: &ChannelId) {
        let still = |switch: &mut PretendSwitch, id: &ChannelId, other: &ChannelId| {
            let Some(channel) = switch.at(id) else { return false };
            let mine = channel.ties.joining.as_ref() == Some(other);
            if mine {
                channel.ties.joining = None;
            }
            mine
        };
        match (still(self, a, b), still(self, b, a)) {
            (true, true) => {}
            (true, false) => return self.after_bridge(a),
            // Nobody looks after the second of the two: it stays as it is, alive and in silence (tried).
            (false, true) => return self.limbo(b),
            (false, false) => return,
        }
        for (id, other) in [(a, b), (b, a)] {
            if let Some(channel) = self.at(id) {
                channel.state = State::SoftExecute;
            }
            let more = [("Application", "uuid_bridge"), ("Application-Data", other.as_str())];
            self.tell_now("CHANNEL_EXECUTE", id, &more);
        }
        // A caller in a socket's park who was not answered: both are lost (tried).
        let unanswered =
            |id: &ChannelId| self.channels.get(id).is_some_and(|c| c.direction == Direction::Inbound && !c.has_media());
        if unanswered(b) {
            self.hangup(b, "DESTINATION_OUT_OF_ORDER");
            return self.hangup(a, "ORIGINATOR_CANCEL");
        }
        // A caller who was never answered is, once a person is there.
        for id in [a, b] {
            self.answer_caller(id);
        }
        self.bridge(a, b);
    }

    fn limbo(&mut self, id: &ChannelId) {
        if let Some(channel) = self.at(id) {
            channel.state = State::SoftExecute;
            channel.set("signal_bond", "");
        }
    }

    fn bridge(&mut self, a: &ChannelId, b: &ChannelId) {
        let now = self.now;
        self.note_other(a, b);
        for (id, other, first) in [(a, b, true), (b, a, false)] {
            let Some(channel) = self.at(id) else { continue };
            channel.times.bridged.get_or_insert(now.wall);
            channel.talked_since.get_or_insert(now.mono);
            channel.ties.bridge = Some(other.clone());
            channel.ties.first = first;
            channel.set("bridge_uuid", other.as_str());
            channel.set("last_bridge_to", other.as_str());
            channel.set("signal_bond", other.as_str());
        }
        self.tell_bridge("CHANNEL_BRIDGE", a, b);
        if let Some(channel) = self.at(b) {
            channel.state = State::ExchangeMedia;
            channel.set("call_uuid", a.as_str());
        }
        let answered = |id: &ChannelId| self.channels.get(id).is_some_and(|channel| channel.answered.is_some());
        if answered(a) && answered(b) {
            self.outside.push(Outside::Talking(a.clone(), b.clone()));
        }
    }

    fn tell_bridge(&mut self, name: &'static str, a: &ChannelId, b: &ChannelId) {
        let mut event = self.event(name, "");
        event.add("Bridge-A-Unique-ID", a.as_str());
        event.add("Bridge-B-Unique-ID", b.as_str());
        if let Some(channel) = self.channels.get(a) {
            channel.describe(&mut event, if channel.answered.is_some() { "ACTIVE" } else { "RINGING" });
        }
        self.emit(event);
    }

    pub(super) fn note_other(&mut self, a: &ChannelId, b: &ChannelId) {
        let (of_a, of_b) = (self.other("originator", a), self.other("originatee", b));
        if let Some(channel) = self.at(a) {
            channel.ties.other = of_b;
        }
        if let Some(channel) = self.at(b) {
            channel.ties.other = of_a;
        }
    }

    /// A channel as the other leg's events show it; of the first of the two they have no times.
    pub(super) fn other(&self, kind: &'static str, id: &ChannelId) -> Option<Box<Other>> {
        let channel = self.channels.get(id)?;
        let times = if kind == "originatee" { channel.times } else { Times::default() };
        let (name, profile) = (channel.name.clone(), channel.profile.clone());
        Some(Box::new(Other { kind, id: id.clone(), name, profile, times }))
    }

    /// `CHANNEL_UNBRIDGE` of the first of the two; both are free of each other.
    fn unbridge(&mut self, first: &ChannelId) {
        let Some(second) = self.channels.get_mut(first).and_then(|channel| channel.ties.bridge.take()) else { return };
        if let Some(channel) = self.channels.get_mut(&second) {
            channel.ties.bridge = None;
        }
        self.tell_bridge("CHANNEL_UNBRIDGE", first, &second);
        for id in [first, &second] {
            if self.at(id).is_some() {
                self.outside.push(Outside::Alone(id.clone()));
            }
        }
    }

    /// The first of the two hung up: the second goes too, unless it is to be parked.
    pub(super) fn first_hung_up(&mut self, first: &ChannelId, second: &ChannelId) {
        let stays = self.at(second).is_some_and(|channel| channel.is_set("park_after_bridge"));
        let rang = self.at(second).is_some_and(|channel| channel.answered.is_none());
        if !stays {
            self.begin_end(second, if rang { "ORIGINATOR_CANCEL" } else { "NORMAL_CLEARING" });
        }
        self.note_cause(first, second);
        self.unbridge(first);
        let over = self.talk_over(first, second);
        let gone = if stays {
            self.after_bridge(second);
            None
        } else {
            self.finish(second)
        };
        let first = self.finish(first);
        self.close_queue_talk(over, first, gone);
    }

    /// Why the bridge ended, for the caller's detail record.
    fn note_cause(&mut self, first: &ChannelId, second: &ChannelId) {
        let cause = self.channels.get(second).and_then(|channel| channel.cause.clone()).unwrap_or_default();
        if let Some(channel) = self.channels.get_mut(first) {
            channel.set("bridge_hangup_cause", &cause);
        }
    }

    /// The second of the two hung up: the first goes on as its variables say.
    pub(super) fn second_hung_up(&mut self, second: &ChannelId, first: &ChannelId) {
        let over = self.talk_over(first, second);
        self.note_cause(first, second);
        // The tie is gone with the channel; the event still names it.
        let channel = self.finish(second);
        self.unbridge(first);
        if over.is_none() {
            return self.after_bridge(first);
        }
        let member = match self.at(first).is_some() {
            true => {
                self.begin_end(first, "NORMAL_CLEARING");
                self.finish(first)
            }
            false => None,
        };
        self.close_queue_talk(over, member, channel);
    }

    /// What a survivor does: it is parked, goes on in its dialplan, or hangs up.
    pub(super) fn after_bridge(&mut self, id: &ChannelId) {
        let Some(channel) = self.at(id) else { return };
        channel.ties.joining = None;
        channel.set("signal_bond", "");
        // Used up by one park.
        if channel.take("park_after_bridge").is_some_and(|value| value == "true") {
            return self.park_state(id);
        }
        let in_dialplan = channel.apps.iter().any(|app| app.name == "bridge");
        if in_dialplan && !channel.is_set("hangup_after_bridge") {
            self.break_apps(id);
            return self.advance(id);
        }
        self.hangup(id, "NORMAL_CLEARING");
    }

    /// `uuid_park`: it leaves everything and waits.
    pub(super) fn park_state(&mut self, id: &ChannelId) {
        self.unhook(id);
        self.break_apps(id);
        let Some(channel) = self.at(id) else { return };
        channel.state = State::Park;
        channel.ties.joining = None;
        self.park(id);
    }

    /// A REFER: the other one of the bridge is transferred to a user's phone; this one, left alone, ends as its variables say.
    pub(super) fn refer(&mut self, id: &ChannelId, user: u16) {
        let Some(peer) = self.at(id).and_then(|channel| channel.ties.bridge.clone()) else { return };
        self.transfer(&peer, &format!("bridge:user/{user}"));
        // It hears the colleague's phone ring.
        self.outside.push(Outside::Music(peer));
    }

    /// `uuid_transfer UUID APP[:ARG][,APP…] inline`: it leaves everything and executes these.
    pub(super) fn transfer(&mut self, id: &ChannelId, apps: &str) {
        self.unhook(id);
        let Some(channel) = self.at(id) else { return };
        channel.profiles += 1;
        // The applications stand where the number dialled was, until the first of them is executed.
        let dialled = std::mem::replace(&mut channel.profile.destination, apps.to_owned());
        self.break_apps(id);
        let Some(channel) = self.at(id) else { return };
        channel.profile.destination = dialled;
        channel.state = State::Execute;
        channel.ties.joining = None;
        for app in apps.split(',') {
            let (name, data) = app.split_once(':').unwrap_or((app, ""));
            self.execute(id, name, data, None);
        }
    }
}
