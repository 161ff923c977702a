//! Dialling: one or more legs at once for a job, for a caller whose dialplan bridges, or for a mod_callcenter queue.

use super::{
    DialId, Outside, PretendSwitch, Task,
    channel::{Party, Profile, State},
    command,
    health::NULL,
};
use crate::engine::{input::Direction, record::ChannelId, time::Span};

/// How long an originate may ring when it says nothing (`switch_ivr_originate`).
const DEFAULT_TIMEOUT: Span = Span::seconds(60);

/// Legs that ring for one purpose; the first to answer wins.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub legs: Vec<ChannelId>,
    pub purpose: Purpose,
    pub cause: String,
}

/// What the winner is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// An `originate` of a listener.
    Job(Job),
    /// A caller waits in `bridge`.
    Caller(ChannelId),
    /// A caller waits in a queue, an agent is offered.
    Agent { queue: String, agent: String, member: ChannelId },
}

/// A background job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub id: String,
    pub arg: String,
    pub app: String,
    pub args: String,
}

/// A leg that has won goes to its application.
#[derive(Clone, Debug)]
pub(super) struct Landing {
    pub leg: ChannelId,
    pub job: Job,
}

/// What stands in for a channel's name, profile and party.
struct Target {
    party: Party,
    name: String,
    number: String,
}

impl PretendSwitch {
    /// `originate`, as a background job.
    pub(super) fn originate(&mut self, job: Job) {
        let Some(asked) = command::originate(&job.arg) else {
            return self.job_done(&job, "originate", "-USAGE: <call url> <exten>|&<application_name>(<app_args>)\n");
        };
        for (_, uuid) in asked.legs.iter().flat_map(|(variables, _)| variables).filter(|(k, _)| k == "origination_uuid")
        {
            if !self.chosen.insert(uuid.clone()) {
                self.repeated.push(uuid.clone());
            }
        }
        let job = Job { app: asked.app, args: asked.args, ..job };
        let timeout = asked.legs.first().and_then(|(variables, _)| number(variables, "originate_timeout"));
        let purpose = Purpose::Job(job.clone());
        if let Err(cause) = self.dial(&asked.legs, timeout.unwrap_or(DEFAULT_TIMEOUT), purpose) {
            self.job_done(&job, "originate", &format!("-ERR {cause}\n"));
        }
    }

    pub(super) fn dial_for_caller(&mut self, id: &ChannelId, to: &str, timeout: Span) {
        let legs = command::legs(to, &[]).unwrap_or_default();
        if self.dial(&legs, timeout, Purpose::Caller(id.clone())).is_err() {
            self.caller_goes_on(id);
        }
    }

    /// Dials; `Err` with the cause when no leg could even be made.
    pub(super) fn dial(
        &mut self,
        legs: &[command::Leg],
        timeout: Span,
        purpose: Purpose,
    ) -> Result<DialId, &'static str> {
        self.last_dial += 1;
        let dial = DialId(self.last_dial);
        let (mut made, mut cause) = (Vec::new(), "CHAN_NOT_IMPLEMENTED");
        for (variables, endpoint) in legs {
            match self.make_leg(dial, variables, endpoint, &purpose) {
                Ok(id) => made.push(id),
                Err(why) => cause = why,
            }
        }
        if made.is_empty() {
            return Err(cause);
        }
        if let Purpose::Caller(caller) = &purpose
            && let Some(channel) = self.at(caller)
        {
            channel.ties.waits = Some(dial);
        }
        self.dials.insert(dial, Dial { legs: made.clone(), purpose, cause: String::new() });
        self.later(timeout, Task::DialTimeout(dial));
        made.iter().for_each(|id| self.start_leg(id));
        Ok(dial)
    }

    fn target(&self, endpoint: &str) -> Result<Target, &'static str> {
        let mut parts = endpoint.splitn(2, '/');
        match (parts.next(), parts.next()) {
            (Some("user"), Some(user)) => {
                let user = user.split('@').next().unwrap_or(user);
                if !self.config.users.contains_key(user) {
                    return Err("SUBSCRIBER_ABSENT");
                }
                if !self.registered.contains(user) {
                    return Err("USER_NOT_REGISTERED");
                }
                let name = format!("sofia/internal/{user}@192.0.2.10:5060");
                Ok(Target { party: Party::User(user.to_owned()), name, number: user.to_owned() })
            }
            (Some("sofia"), Some(rest)) => {
                let Some((gateway, number)) = rest.strip_prefix("gateway/").and_then(|rest| rest.split_once('/'))
                else {
                    return Err("INVALID_PROFILE");
                };
                match (self.config.gateways.contains(gateway), self.down.contains(gateway)) {
                    (false, _) => Err("INVALID_GATEWAY"),
                    (true, true) => Err("GATEWAY_DOWN"),
                    _ => Ok(Target {
                        party: Party::Number(number.to_owned()),
                        name: format!("sofia/pbx/{number}"),
                        number: number.to_owned(),
                    }),
                }
            }
            (Some("null"), Some(_)) if !self.config.health.lacks.contains("mod_loopback") => {
                let party = Party::Number(endpoint.to_owned());
                Ok(Target { party, name: endpoint.to_owned(), number: endpoint[NULL.len()..].to_owned() })
            }
            _ => Err("CHAN_NOT_IMPLEMENTED"),
        }
    }

    /// Why an endpoint cannot be dialled now.
    pub(super) fn endpoint_fault(&self, endpoint: &str) -> Option<&'static str> {
        self.target(endpoint).err()
    }

    fn make_leg(
        &mut self,
        dial: DialId,
        variables: &[(String, String)],
        endpoint: &str,
        purpose: &Purpose,
    ) -> Result<ChannelId, &'static str> {
        let target = self.target(endpoint)?;
        let chosen =
            variables.iter().rev().find(|(name, _)| name == "origination_uuid").map(|(_, value)| value.clone());
        let id = ChannelId::new(&chosen.unwrap_or_else(|| self.random.uuid().to_string()));
        if self.channels.contains_key(&id) {
            // Tried on a real switch: a uuid that is alive is refused before anything is sent.
            return Err("DESTINATION_OUT_OF_ORDER");
        }
        let originator = match purpose {
            Purpose::Caller(caller) => Some(caller.clone()),
            _ => None,
        };
        let profile = self.leg_profile(variables, &target, purpose);
        let mut channel = self.make(id.clone(), Direction::Outbound, target.party.clone(), profile, target.name);
        channel.ties.dial = Some(dial);
        variables.iter().for_each(|(name, value)| channel.set(name, value));
        if let Party::User(user) = &target.party {
            channel.set("dialed_user", user);
            channel.set("dialed_domain", &self.config.domain);
            channel.set("presence_id", &format!("{user}@{}", self.config.domain));
        }
        if let Some(caller) = originator {
            channel.set("originator", caller.as_str());
            channel.set("call_uuid", caller.as_str());
            channel.ties.other = self.other("originator", &caller);
            if let Some(caller) = self.at(&caller) {
                let exported = caller.exported.iter().filter_map(|name| Some((name, caller.variable(name)?)));
                exported.for_each(|(name, value)| channel.set(name, value));
                if let Party::User(user) = &target.party {
                    caller.set("dialed_user", user);
                }
            }
        }
        self.channels.insert(id.clone(), channel);
        Ok(id)
    }

    fn leg_profile(&self, variables: &[(String, String)], target: &Target, purpose: &Purpose) -> Profile {
        let value = |name: &str| variables.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let inherited = match purpose {
            Purpose::Caller(id) => self.channels.get(id),
            _ => None,
        };
        let (member, source) = match purpose {
            Purpose::Caller(id) => (self.channels.get(id), "mod_sofia"),
            Purpose::Agent { member, .. } => (self.channels.get(member), "src/switch_ivr_originate.c"),
            Purpose::Job(_) => (None, "src/switch_ivr_originate.c"),
        };
        let number = value("origination_caller_id_number")
            .or_else(|| member.map(|channel| channel.profile.orig_number.clone()))
            .unwrap_or_else(|| "0000000000".to_owned());
        let name = value("origination_caller_id_name")
            .or_else(|| member.map(|channel| channel.profile.orig_name.clone()))
            .unwrap_or_default();
        Profile {
            name: name.clone(),
            number: number.clone(),
            orig_name: name,
            orig_number: number,
            callee_name: "Outbound Call".to_owned(),
            callee_number: target.number.clone(),
            destination: target.number.clone(),
            source,
            context: if matches!(purpose, Purpose::Caller(_)) { "public" } else { "default" },
            username: inherited.map(|channel| channel.profile.username.clone()).unwrap_or_default(),
            dialplan: inherited.map_or("", |channel| channel.profile.dialplan),
        }
    }

    fn start_leg(&mut self, id: &ChannelId) {
        self.tell("CHANNEL_CREATE", id, "DOWN", &[]);
        let Some(channel) = self.at(id) else { return };
        channel.state = State::ConsumeMedia;
        let party = channel.party.clone();
        let (shown, name) = (channel.profile.number.clone(), channel.profile.name.clone());
        let variables = channel.variables.clone();
        self.execute_on(id, "execute_on_originate");
        if PretendSwitch::is_null(&party) {
            return self.answered(id);
        }
        self.outside.push(Outside::Invite { channel: id.clone(), party, shown, name, variables });
    }

    /// The caller whose dialplan bridges hears that it rings.
    pub(super) fn caller_hears_ringing(&mut self, leg: &ChannelId) {
        let Some(dial) = self.at(leg).and_then(|channel| channel.ties.dial) else { return };
        let Some(Purpose::Caller(caller)) = self.dials.get(&dial).map(|dial| dial.purpose.clone()) else { return };
        self.caller_rings(&caller);
    }

    /// The caller hears that it rings; once.
    pub(super) fn caller_rings(&mut self, caller: &ChannelId) {
        let wall = self.now.wall;
        let Some(channel) = self.at(caller).filter(|channel| channel.times.progress.is_none()) else { return };
        if channel.answered.is_none() {
            channel.times.progress = Some(wall);
            self.tell_now("CHANNEL_PROGRESS", caller, &[]);
        }
    }

    /// A leg was answered, or its early media counts as it: the others stop ringing and its purpose is served.
    pub(super) fn won(&mut self, leg: &ChannelId) {
        let Some(id) = self.at(leg).and_then(|channel| channel.ties.dial.take()) else { return };
        let Some(dial) = self.dials.remove(&id) else { return };
        for other in dial.legs.iter().filter(|other| *other != leg) {
            self.begin_end(other, "LOSE_RACE");
            self.finish(other);
        }
        match dial.purpose {
            Purpose::Job(job) => self.soon(Task::Land(Box::new(Landing { leg: leg.clone(), job }))),
            Purpose::Caller(caller) => self.soon(Task::BridgeUp(caller, leg.clone())),
            Purpose::Agent { queue, agent, member } => self.agent_answered(&queue, &agent, &member, leg),
        }
    }

    /// The job's answer and the leg's application come in either order, as recorded.
    pub(super) fn land(&mut self, Landing { leg, job }: Landing) {
        let done = format!("+OK {leg}\n");
        let alive = self.at(&leg).is_some();
        let first = self.random.chance(50);
        if first || !alive {
            self.job_done(&job, "originate", &done);
        }
        if let Some(channel) = self.at(&leg) {
            channel.flip();
            channel.state = State::Execute;
            self.execute(&leg, &job.app, &job.args, None);
        }
        if !first && alive {
            self.job_done(&job, "originate", &done);
        }
    }

    /// A leg ended before it was answered.
    pub(super) fn leg_lost(&mut self, id: DialId, leg: &ChannelId, cause: &str) {
        let last = self.dials.get_mut(&id).is_some_and(|dial| {
            dial.legs.retain(|other| other != leg);
            dial.cause = cause.to_owned();
            dial.legs.is_empty()
        });
        let dial = if last { self.dials.remove(&id) } else { None };
        let first = self.random.chance(50);
        match dial {
            Some(dial) if first => {
                self.failed(dial);
                self.finish(leg);
            }
            dial => {
                self.finish(leg);
                dial.into_iter().for_each(|dial| self.failed(dial));
            }
        }
    }

    fn failed(&mut self, dial: Dial) {
        match dial.purpose {
            Purpose::Job(job) => self.job_done(&job, "originate", &format!("-ERR {}\n", dial.cause)),
            Purpose::Caller(caller) => self.caller_goes_on(&caller),
            Purpose::Agent { queue, agent, member } => self.agent_failed(&queue, &agent, &member, &dial.cause),
        }
    }

    fn caller_goes_on(&mut self, caller: &ChannelId) {
        let Some(channel) = self.at(caller) else { return };
        channel.ties.waits = None;
        self.break_apps(caller);
        self.advance(caller);
    }

    pub(super) fn dial_timeout(&mut self, id: DialId) {
        let Some(dial) = self.dials.get(&id) else { return };
        for leg in dial.legs.clone() {
            self.hangup(&leg, "NO_ANSWER");
        }
    }

    /// Nobody waits for these legs any more.
    pub(super) fn cancel_dial(&mut self, id: DialId, cause: &str) {
        let Some(dial) = self.dials.remove(&id) else { return };
        for leg in dial.legs {
            self.begin_end(&leg, cause);
            self.finish(&leg);
        }
    }

    /// `BACKGROUND_JOB`: the result of a `bgapi`, for whoever listens, be it on another connection than the one that asked.
    pub(super) fn job_done(&mut self, job: &Job, command: &str, result: &str) {
        let mut event = self.event("BACKGROUND_JOB", "");
        event.add("Job-UUID", &job.id);
        event.add("Job-Command", command);
        event.add("Job-Command-Arg", &job.arg);
        let event = event.with_body(result.to_owned());
        self.emit(event);
    }
}

fn number(variables: &[(String, String)], name: &str) -> Option<Span> {
    let (_, value) = variables.iter().rev().find(|(key, _)| key == name)?;
    value.parse().ok().map(Span::seconds)
}
