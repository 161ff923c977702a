//! A channel's life: it comes, executes, is answered, and ends.

use super::{
    Act, Caller, Outside, PretendSwitch, STEP, Task,
    channel::{App, Channel, Party, Profile, State, Ties, Times},
    dialplan,
};
use crate::{
    engine::{input::Direction, record::ChannelId, time::Span},
    switch::event::OPERATOR,
};

/// Sounds that are no music.
const DULL: [&str; 2] = ["tone_stream://", "silence_stream://"];
/// How long a caller speaks who leaves a message.
const SPEAKS: Span = Span::seconds(6);
/// What is heard, one after the other, and ended by `uuid_break`.
pub(super) const SOUNDS: [&str; 3] = ["speak", "playback", "record"];
/// A file that there is not: what plays it is over at once.
const MISSING: &str = "/missing.wav";

/// A variable of the pretend switch alone: mod_avmd listens to this channel.
pub(super) const AVMD: &str = "pretend_avmd";

impl PretendSwitch {
    /// Somebody calls the switch.
    pub fn call_in(&mut self, caller: &Caller, now: crate::engine::time::Now) -> ChannelId {
        self.tick(now);
        let id = ChannelId::new(&self.random.uuid().to_string());
        let profile = Profile {
            username: caller.user.clone().unwrap_or_else(|| caller.number.clone()),
            dialplan: "XML",
            name: caller.name.clone(),
            number: caller.number.clone(),
            orig_name: caller.name.clone(),
            orig_number: caller.number.clone(),
            destination: caller.dialled.clone(),
            source: "mod_sofia",
            context: if caller.user.is_some() { "default" } else { "public" },
            ..Profile::default()
        };
        let party = match &caller.user {
            Some(user) => Party::User(user.clone()),
            None => Party::Number(caller.number.clone()),
        };
        let name = format!("sofia/pbx/{}@127.0.0.1", caller.user.as_ref().unwrap_or(&caller.number));
        let mut channel = self.make(id.clone(), Direction::Inbound, party, profile, name);
        channel.plan = self.config.dialplan.get(&caller.dialled).cloned().unwrap_or_else(dialplan::unknown);
        channel.plan.reverse();
        channel.set("sip_req_user", &caller.dialled);
        if let Some(user) = &caller.user {
            channel.set("user_name", user);
            channel.set("domain_name", &self.config.domain);
            channel.set("presence_id", &format!("{user}@{}", self.config.domain));
        } else if channel.plan == dialplan::unknown() {
            channel.set("sip_hangup_disposition", "send_refuse");
        }
        let party = channel.party.clone();
        self.outside.push(Outside::Calls { channel: id.clone(), party, dialled: caller.dialled.clone() });
        self.channels.insert(id.clone(), channel);
        self.tell("CHANNEL_CREATE", &id, "DOWN", &[]);
        if let Some(channel) = self.at(&id) {
            channel.state = State::Execute;
            channel.ringing = true;
        }
        match (&caller.user, self.config.dialplan.contains_key(&caller.dialled)) {
            // An operator dials out: the dialplan's way to the trunk.
            (Some(_), false) => self.dial_out(&id, &caller.dialled),
            _ => self.advance(&id),
        }
        id
    }

    fn dial_out(&mut self, id: &ChannelId, number: &str) {
        let Some(gateway) = self.config.gateways.first().cloned() else { return self.advance(id) };
        if let Some(channel) = self.at(id) {
            channel.plan = vec![dialplan::Step::Bridge(format!("sofia/gateway/{gateway}/{number}"))];
        }
        self.advance(id);
    }

    pub(super) fn make(
        &mut self,
        id: ChannelId,
        direction: Direction,
        party: Party,
        profile: Profile,
        name: String,
    ) -> Channel {
        self.sessions += 1;
        Channel {
            id,
            direction,
            party,
            state: State::Init,
            since: self.now.mono,
            answered: None,
            early: false,
            cause: None,
            session: self.sessions,
            profile,
            profiles: 1,
            times: Times { created: self.now.wall, ..Times::default() },
            ringing: false,
            variables: Vec::new(),
            apps: Vec::new(),
            queue: Default::default(),
            ties: Ties::default(),
            plan: Vec::new(),
            runs: 0,
            name,
            applied: Vec::new(),
            exported: Vec::new(),
            talked_since: None,
        }
    }

    /// A person does something with the phone of this channel; of a channel that is over, nothing comes.
    pub fn act(&mut self, id: &ChannelId, act: Act, now: crate::engine::time::Now) {
        self.tick(now);
        if self.at(id).is_none() {
            return;
        }
        match act {
            Act::Ring => self.rings(id),
            Act::EarlyMedia => self.early_media(id),
            Act::Answer => self.answered(id),
            Act::Reject(status) => self.reject(id, status),
            Act::Press(key) => self.pressed(id, key),
            Act::Beep => self.beeps(id),
            Act::Refer(user) => self.refer(id, user),
            Act::Hangup => {
                let cancelled = self.at(id).is_some_and(|c| c.direction == Direction::Inbound && c.answered.is_none());
                if cancelled {
                    self.at(id).into_iter().for_each(|channel| channel.set("sip_invite_failure_status", "487"));
                }
                self.hangup(id, if cancelled { "ORIGINATOR_CANCEL" } else { "NORMAL_CLEARING" });
            }
        }
    }

    fn pressed(&mut self, id: &ChannelId, key: char) {
        if self.at(id).is_none_or(|channel| channel.answered.is_none()) {
            return;
        }
        let digit = key.to_string();
        let how = [("DTMF-Digit", digit.as_str()), ("DTMF-Duration", "2080"), ("DTMF-Source", "RTP")];
        self.tell_now("DTMF", id, &how);
        self.outside.push(Outside::Pressed(id.clone(), key));
    }

    /// mod_avmd tells one beep twice, the second time with the channel's headers.
    fn beeps(&mut self, id: &ChannelId) {
        self.outside.push(Outside::Beeps(id.clone()));
        if self.at(id).is_none_or(|channel| !channel.is_set(AVMD)) {
            return;
        }
        for whole in [false, true] {
            let mut event = self.event("CUSTOM", "avmd::beep");
            event.add("Unique-ID", id.as_str());
            event.add("Call-command", "avmd");
            event.add("Beep-Status", "DETECTED");
            if let Some(channel) = self.channels.get(id).filter(|_| whole) {
                channel.describe(&mut event, channel.call_state());
            }
            self.emit(event);
        }
    }

    fn rings(&mut self, id: &ChannelId) {
        let wall = self.now.wall;
        let Some(channel) = self.at(id).filter(|channel| !channel.ringing && channel.answered.is_none()) else {
            return;
        };
        channel.times.progress = Some(wall);
        self.tell_now("CHANNEL_PROGRESS", id, &[]);
        if let Some(channel) = self.at(id) {
            channel.ringing = true;
        }
        self.caller_hears_ringing(id);
    }

    fn early_media(&mut self, id: &ChannelId) {
        let wall = self.now.wall;
        let Some(channel) = self.at(id).filter(|channel| !channel.has_media()) else { return };
        channel.early = true;
        channel.times.progress_media = Some(wall);
        let ignored = channel.is_set("ignore_early_media");
        self.tell_now("CHANNEL_PROGRESS_MEDIA", id, &[]);
        if !ignored {
            self.won(id);
        }
    }

    pub(super) fn answered(&mut self, id: &ChannelId) {
        let now = self.now;
        let Some(channel) = self.at(id).filter(|channel| channel.answered.is_none()) else { return };
        let call = channel.call_state();
        channel.answer(now);
        channel.set("endpoint_disposition", "ANSWER");
        self.tell("CHANNEL_ANSWER", id, call, &[]);
        self.execute_on(id, "execute_on_answer");
        self.answers_a_bridge(id);
        self.won(id);
    }

    /// Executes every variable whose name begins so: `APP ARGUMENT`, or `APP::ARGUMENT` (`switch_channel_execute_on`).
    pub(super) fn execute_on(&mut self, id: &ChannelId, prefix: &str) {
        let Some(channel) = self.at(id) else { return };
        let named = channel.variables.iter().filter(|(name, _)| name.starts_with(prefix));
        let all: Vec<String> = named.map(|(_, value)| value.clone()).collect();
        for what in all {
            let (app, data) = what.split_once("::").or_else(|| what.split_once(' ')).unwrap_or((&what, ""));
            self.execute(id, app, data, None);
        }
    }

    fn reject(&mut self, id: &ChannelId, status: u16) {
        let (cause, phrase) = refusal(status);
        if let Some(channel) = self.at(id) {
            channel.set("sip_invite_failure_status", &status.to_string());
            channel.set("sip_invite_failure_phrase", phrase);
            channel.set("proto_specific_hangup_cause", &format!("sip:{status}"));
        }
        self.hangup(id, cause);
    }

    /// Executes an application: its event, its work, and, when it is done at once, the end of it.
    pub(super) fn execute(&mut self, id: &ChannelId, name: &str, data: &str, uuid: Option<&str>) {
        let uuid = uuid.map_or_else(|| self.random.uuid().to_string(), str::to_owned);
        let Some(channel) = self.at(id) else { return };
        if channel.state == State::Init || channel.state == State::ConsumeMedia && channel.ties.dial.is_none() {
            channel.state = State::Execute;
        }
        channel.runs += 1;
        let run = channel.runs;
        channel.apps.push(App { name: name.to_owned(), data: data.to_owned(), uuid, run });
        channel.applied.push((name.to_owned(), data.to_owned()));
        channel.set("current_application_data", data);
        channel.set("current_application", name);
        if data.contains("${") && !channel.is_set("app_disable_expand_variables") {
            let text = data.to_owned();
            self.expanded.push(text);
        }
        self.tell_app("CHANNEL_EXECUTE", id, run, None);
        self.work(id, name, data, run);
    }

    fn work(&mut self, id: &ChannelId, name: &str, data: &str, run: u32) {
        match name {
            "park" => self.park(id),
            "socket" => self.socket_app(id, data, run),
            "bridge" => self.bridge_app(id, data),
            "callcenter" => self.join_queue(id, data),
            "speak" => {
                let text = data.splitn(3, '|').last().unwrap_or_default().to_owned();
                let span = self.speaks(data, text.chars().count());
                self.outside.push(Outside::Hears(id.clone(), text));
                self.later(span, Task::AppDone(id.clone(), run));
            }
            "playback" | "sleep" => {
                let span = data.rsplit("//").next().and_then(|text| text.parse().ok()).unwrap_or(3000);
                let missing = data.ends_with(MISSING) || !self.can(data);
                let span = if missing { STEP.0 } else { span };
                // A tone is nothing that anybody would listen to, and silence is none.
                let dull = missing || name == "sleep" || DULL.iter().any(|kind| data.starts_with(kind));
                self.outside.push(match dull {
                    true => Outside::Hears(id.clone(), String::new()),
                    false => Outside::Music(id.clone()),
                });
                if missing || (!data.ends_with("loops=-1") && !data.starts_with("local_stream://")) {
                    self.later(Span(span), Task::AppDone(id.clone(), run));
                }
            }
            "record" => self.record_app(id, data, run),
            "transfer" => self.transfer_app(id, data),
            "hangup" => self.hangup(id, if data.is_empty() { "NORMAL_CLEARING" } else { data }),
            _ => {
                self.work_at_once(id, name, data);
                self.app_done(id, run);
            }
        }
    }

    /// `record FILE SECONDS THRESHOLD SILENCE`: the caller speaks for a while; it ends by their silence or at its limit.
    fn record_app(&mut self, id: &ChannelId, data: &str, run: u32) {
        let mut words = data.rsplitn(4, ' ');
        let silence = words.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let limit = words.nth(1).and_then(|text| text.parse().ok()).unwrap_or(u64::MAX / 1000);
        let file = words.next().unwrap_or_default().to_owned();
        self.outside.push(Outside::Recorded(id.clone(), file));
        let span = (SPEAKS + Span::seconds(silence)).min(Span::seconds(limit));
        self.later(span, Task::AppDone(id.clone(), run));
    }

    /// `transfer EXTENSION [XML CONTEXT]`: it leaves what it did, and its dialplan goes on at that extension.
    fn transfer_app(&mut self, id: &ChannelId, data: &str) {
        self.unhook(id);
        self.break_apps(id);
        let extension = data.split(' ').next().unwrap_or_default();
        let plan = self.config.dialplan.get(extension).cloned().unwrap_or_else(dialplan::unknown);
        let Some(channel) = self.at(id) else { return };
        channel.profiles += 1;
        channel.profile.destination = extension.to_owned();
        channel.state = State::Execute;
        channel.ties.joining = None;
        channel.plan = plan;
        channel.plan.reverse();
        self.advance(id);
    }

    fn work_at_once(&mut self, id: &ChannelId, name: &str, data: &str) {
        match name {
            "answer" => self.answer_caller(id),
            "set" => self.at(id).into_iter().for_each(|channel| drop(dialplan::set(channel, data))),
            "export" => self.at(id).into_iter().for_each(|channel| {
                let name = dialplan::set(channel, data);
                channel.exported.extend(name);
            }),
            "sched_hangup" => self.sched_hangup(id, data),
            "ring_ready" => self.caller_rings(id),
            "avmd_start" => self.at(id).into_iter().for_each(|channel| channel.set(AVMD, "true")),
            "event" => self.event_app(id, data),
            "callcenter_track" => self.at(id).into_iter().for_each(|channel| channel.set("cc_tracked_agent", data)),
            _ => {}
        }
    }

    /// `event NAME=VALUE,…` with the one subclass that anybody listens to here.
    fn event_app(&mut self, id: &ChannelId, data: &str) {
        let headers = || data.split(',').filter_map(|header| header.split_once('='));
        if !headers().any(|(name, value)| name == "Event-Subclass" && value == OPERATOR) {
            return;
        }
        let mut event = self.event("CUSTOM", OPERATOR);
        event.name_last();
        headers().filter(|(name, _)| !name.starts_with("Event-")).for_each(|(name, value)| event.add(name, value));
        if let Some(channel) = self.channels.get(id) {
            channel.describe(&mut event, channel.call_state());
        }
        self.emit(event);
    }

    /// `sched_hangup +SECONDS [CAUSE]`.
    pub(super) fn sched_hangup(&mut self, id: &ChannelId, data: &str) {
        let mut words = data.split_whitespace();
        let seconds = words.next().and_then(|text| text.trim_start_matches('+').parse().ok()).unwrap_or(0);
        let cause = words.next().unwrap_or("ALLOTTED_TIMEOUT").to_owned();
        self.later(Span::seconds(seconds), Task::Cap(id.clone(), cause));
    }

    /// The switch answers the caller.
    pub(super) fn answer_caller(&mut self, id: &ChannelId) {
        let now = self.now;
        let Some(channel) = self.at(id).filter(|channel| channel.answered.is_none()) else { return };
        let call = channel.call_state();
        channel.answer(now);
        channel.set("endpoint_disposition", "ANSWER");
        self.tell("CHANNEL_ANSWER", id, call, &[]);
        self.outside.push(Outside::Answered(id.clone()));
    }

    /// Parks: it waits for a command, at most `park_timeout` seconds, which this one park uses up.
    pub(super) fn park(&mut self, id: &ChannelId) {
        let Some(channel) = self.at(id) else { return };
        let run = channel.apps.last().map_or(0, |app| app.run);
        let limit = channel.take("park_timeout");
        self.tell_now("CHANNEL_PARK", id, &[]);
        if let Some(limit) = limit {
            let (seconds, cause) = limit.split_once(':').unwrap_or((&limit, "NORMAL_CLEARING"));
            if let Ok(seconds) = seconds.parse() {
                self.later(Span::seconds(seconds), Task::ParkTimeout(id.clone(), run, cause.to_owned()));
            }
        }
    }

    pub(super) fn park_timeout(&mut self, id: &ChannelId, run: u32, cause: &str) {
        let still = self.channels.get(id).is_some_and(|channel| {
            channel.alive()
                && channel.ties.bridge.is_none()
                && (channel.apps.iter().any(|app| app.run == run && app.name == "park")
                    || run == 0 && channel.state == State::Park)
        });
        if still {
            self.hangup(id, cause);
        }
    }

    /// An application of this run is over, if it still runs: the next one, or the one under it, goes on.
    pub(super) fn app_done(&mut self, id: &ChannelId, run: u32) {
        let Some(channel) = self.at(id) else { return };
        let Some(at) = channel.apps.iter().position(|app| app.run == run) else { return };
        let app = &channel.apps[at];
        let sound = app.name == "sleep" || SOUNDS.contains(&app.name.as_str());
        let data = app.data.clone();
        let played = if self.can(&data) { "FILE PLAYED" } else { "FILE NOT FOUND" };
        self.tell_app("CHANNEL_EXECUTE_COMPLETE", id, run, Some(played));
        let Some(channel) = self.at(id) else { return };
        channel.apps.remove(at);
        let goes_on = channel.apps.is_empty() && channel.direction == Direction::Inbound;
        if !sound {
            return;
        }
        let next = channel.queue.pop_front();
        self.outside.push(Outside::Silence(id.clone()));
        if let Some((name, data, uuid)) = next {
            self.execute(id, &name, &data, uuid.as_deref());
        } else if goes_on {
            self.advance(id);
        } else {
            self.after_sound(id);
        }
    }

    /// `sendmsg … execute`: at once, or after the sound that is heard now.
    pub(super) fn send_app(&mut self, id: &ChannelId, name: &str, data: &str, uuid: Option<&str>) {
        let Some(channel) = self.at(id) else { return };
        if channel.apps.last().is_some_and(|app| SOUNDS.contains(&app.name.as_str())) {
            channel.queue.push_back((name.to_owned(), data.to_owned(), uuid.map(str::to_owned)));
        } else {
            self.execute(id, name, data, uuid);
        }
    }

    /// Ends every application of a channel, the innermost first: it is bridged, parked or hung up.
    pub(super) fn break_apps(&mut self, id: &ChannelId) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.queue.clear();
        }
        while let Some(run) = self.channels.get(id).and_then(|channel| channel.apps.last()).map(|app| app.run) {
            self.tell_app("CHANNEL_EXECUTE_COMPLETE", id, run, Some("_none_"));
            let Some(channel) = self.channels.get_mut(id) else { return };
            let app = channel.apps.pop();
            if channel.alive() && app.is_some_and(|app| SOUNDS.contains(&app.name.as_str())) {
                self.outside.push(Outside::Silence(id.clone()));
            }
        }
    }

    /// `done`: what a sound that ends answers; any other application answers nothing.
    fn tell_app(&mut self, name: &'static str, id: &ChannelId, run: u32, done: Option<&str>) {
        let Some(app) = self.channels.get(id).and_then(|c| c.apps.iter().find(|app| app.run == run)).cloned() else {
            return;
        };
        let mut more = vec![("Application", app.name.as_str()), ("Application-Data", app.data.as_str())];
        if let Some(response) = done {
            more.push(("Application-Response", if app.name == "playback" { response } else { "_none_" }));
        }
        more.push(("Application-UUID", app.uuid.as_str()));
        self.tell_now(name, id, &more);
    }

    /// Ends a channel, with everything that hangs on it.
    pub(super) fn hangup(&mut self, id: &ChannelId, cause: &str) {
        let Some(channel) = self.channels.get(id).filter(|channel| channel.alive()) else { return };
        let ties = channel.ties.clone();
        let peer = ties.bridge.clone();
        self.begin_end(id, cause);
        if let Some(dial) = ties.dial {
            return self.leg_lost(dial, id, cause);
        }
        match peer {
            Some(peer) if ties.first => self.first_hung_up(id, &peer),
            Some(peer) => self.second_hung_up(id, &peer),
            None => {
                if let Some(dial) = ties.waits {
                    self.cancel_dial(dial, "ORIGINATOR_CANCEL");
                }
                if ties.queue.is_some() {
                    self.leave_queue(id, "NONE");
                }
                self.finish(id);
            }
        }
    }

    /// `CHANNEL_HANGUP`: the state is still the one before.
    pub(super) fn begin_end(&mut self, id: &ChannelId, cause: &str) {
        let wall = self.now.wall;
        let Some(channel) = self.at(id) else { return };
        let call = channel.call_state();
        channel.cause = Some(cause.to_owned());
        channel.times.hangup = Some(wall);
        if channel.direction == Direction::Outbound && channel.answered.is_none() && channel.ties.dial.is_some() {
            channel.state = State::ConsumeMedia;
        }
        self.tell("CHANNEL_HANGUP", id, call, &[]);
    }

    /// What is left of an end: applications, `CHANNEL_HANGUP_COMPLETE`, the detail record. The channel is then no more.
    pub(super) fn finish(&mut self, id: &ChannelId) -> Option<Box<Channel>> {
        self.break_apps(id);
        let wall = self.now.wall;
        let channel = self.channels.get_mut(id)?;
        let cause = channel.cause.clone().unwrap_or_default();
        if channel.direction == Direction::Outbound && channel.answered.is_none() && channel.ringing {
            // The switch cancels a phone that rings, which answers 487.
            channel.set("sip_invite_failure_status", "487");
            channel.set("sip_invite_failure_phrase", "Request Terminated");
        }
        channel.state = State::Reporting;
        channel.set("hangup_cause", &cause);
        let times: Vec<(String, String)> = cdr_times(channel, wall);
        times.iter().for_each(|(name, value)| channel.set(name, value));
        if self.is_wanted("CHANNEL_HANGUP_COMPLETE") {
            let mut event = self.event("CHANNEL_HANGUP_COMPLETE", "");
            event.add("Hangup-Cause", &cause);
            self.channels.get(id)?.describe(&mut event, "HANGUP");
            self.emit(event);
        }
        let record = super::cdr::record(self.channels.get(id)?, &self.core);
        self.cdrs.push(record);
        self.outside.push(Outside::Gone(id.clone(), cause));
        self.control_ends(id);
        let channel = self.channels.remove(id)?;
        self.ghosts.retain(|(until, _)| *until > self.now.mono);
        self.ghosts.push((self.now.mono + self.config.lag, channel.clone()));
        Some(Box::new(channel))
    }

    /// The time from one step of a call to the next.
    pub(super) fn soon(&mut self, task: Task) {
        self.later(STEP, task);
    }
}

/// The variables that a channel has once it is over (`switch_channel_set_timestamps`).
fn cdr_times(channel: &Channel, end: crate::engine::time::Wall) -> Vec<(String, String)> {
    let times = channel.times;
    let mut out = Vec::with_capacity(16);
    for (name, at) in [
        ("start", Some(times.created)),
        ("answer", times.answered),
        ("bridge", times.bridged),
        ("progress", times.progress),
        ("end", Some(end)),
    ] {
        let micros = at.map_or(0, |at| at.0.saturating_mul(1000));
        if let Some(at) = at {
            let stamp = at.timestamp().to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
            out.push((format!("{name}_stamp"), stamp));
        }
        out.push((format!("{name}_epoch"), (micros / 1_000_000).to_string()));
        out.push((format!("{name}_uepoch"), micros.to_string()));
    }
    let length = end.since(times.created);
    let billed = times.answered.map_or(Span::ZERO, |at| end.since(at));
    out.push(("duration".to_owned(), (length.0 / 1000).to_string()));
    out.push(("billsec".to_owned(), (billed.0 / 1000).to_string()));
    out.push(("mduration".to_owned(), length.0.to_string()));
    out.push(("billmsec".to_owned(), billed.0.to_string()));
    out
}

/// A SIP refusal as the switch understands it (`sofia_glue_sip_cause_to_freeswitch`).
fn refusal(status: u16) -> (&'static str, &'static str) {
    match status {
        486 => ("USER_BUSY", "Busy Here"),
        600 => ("USER_BUSY", "Busy Everywhere"),
        480 => ("NO_USER_RESPONSE", "Temporarily Unavailable"),
        404 => ("UNALLOCATED_NUMBER", "Not Found"),
        410 => ("NUMBER_CHANGED", "Gone"),
        484 => ("INVALID_NUMBER_FORMAT", "Address Incomplete"),
        485 | 604 => ("NO_ROUTE_DESTINATION", "Ambiguous"),
        401 | 402 | 403 | 407 => ("CALL_REJECTED", "Forbidden"),
        603 => ("CALL_REJECTED", "Decline"),
        608 => ("CALL_REJECTED", "Rejected"),
        408 | 504 => ("RECOVERY_ON_TIMER_EXPIRE", "Timeout"),
        502 => ("NETWORK_OUT_OF_ORDER", "Bad Gateway"),
        487 => ("ORIGINATOR_CANCEL", "Request Terminated"),
        _ => ("NORMAL_TEMPORARY_FAILURE", "Service Unavailable"),
    }
}
