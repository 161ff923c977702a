//! mod_callcenter, as far as its events show it: queues in which callers wait, agents who are offered them.

use super::{
    PretendSwitch, Task,
    channel::{Channel, State},
    dial::Purpose,
    event::Event,
};
use crate::engine::{
    record::ChannelId,
    time::{Mono, Span},
};

/// How long an agent's phone rings.
const AGENT_TIMEOUT: Span = Span::seconds(15);
/// How long an agent who did not answer, or has talked, is left alone.
const AGENT_PAUSE: Span = Span::seconds(10);
/// How often the queue looks for an agent.
const SEARCH: Span = Span(1000);
/// How long it takes to look for the first time.
const FIRST_SEARCH: Span = Span(80);
/// How long a caller waits at most.
const MAX_WAIT: Span = Span::minutes(5);

/// What an agent says of the agent's own readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    /// Takes calls.
    Available,
    /// A break.
    OnBreak,
    /// Gone.
    LoggedOut,
}

impl AgentStatus {
    fn as_str(self) -> &'static str {
        match self {
            AgentStatus::Available => "Available",
            AgentStatus::OnBreak => "On Break",
            AgentStatus::LoggedOut => "Logged Out",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Agent {
    contact: String,
    status: AgentStatus,
    busy: bool,
    next: Mono,
}

impl Agent {
    pub fn new(contact: &str) -> Agent {
        Agent { contact: contact.to_owned(), status: AgentStatus::LoggedOut, busy: false, next: Mono(0) }
    }

    pub fn clear(&mut self) {
        self.busy = false;
    }
}

/// A caller in a queue.
#[derive(Clone, Debug)]
pub(super) struct Member {
    channel: ChannelId,
    uuid: String,
    joined: i64,
    number: String,
    name: String,
    /// The agent who is being rung for the caller.
    offered: Option<(String, super::DialId)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    agents: Vec<String>,
    waiting: Vec<Member>,
    talking: Vec<(Member, String)>,
}

impl Queue {
    pub fn new(agents: &[String]) -> Queue {
        Queue { agents: agents.to_vec(), ..Queue::default() }
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
        self.talking.clear();
    }
}

/// A talk that a queue has to close.
#[derive(Clone, Debug)]
pub(super) struct Over {
    queue: String,
    agent: String,
    member: Member,
    caller: Option<Box<Channel>>,
    leg: Option<Box<Channel>>,
}

impl PretendSwitch {
    /// An agent becomes available, or no longer is (`callcenter_config agent set status`).
    pub fn set_agent(&mut self, agent: &str, status: AgentStatus, now: crate::engine::time::Now) -> bool {
        self.tick(now);
        let Some(known) = self.agents.get_mut(agent) else { return false };
        known.status = status;
        let mut event = self.event("CUSTOM", "callcenter::info");
        event.add("CC-Agent", agent);
        event.add("CC-Action", "agent-status-change");
        event.add("CC-Agent-Status", status.as_str());
        self.emit(event);
        true
    }

    /// `callcenter_config agent list`.
    pub(super) fn agent_list(&self) -> String {
        let mut text = String::from("name|instance_id|uuid|type|contact|status|state|max_no_answer|wrap_up_time\n");
        for (name, agent) in &self.agents {
            let state = if agent.busy { "In a queue call" } else { "Waiting" };
            let status = agent.status.as_str();
            text.push_str(&format!("{name}|single_box||callback|{}|{status}|{state}|0|10\n", agent.contact));
        }
        text.push_str("+OK\n");
        text
    }

    pub(super) fn join_queue(&mut self, id: &ChannelId, name: &str) {
        let uuid = self.random.uuid().to_string();
        let (wall, name) = (self.now.wall, name.to_owned());
        let Some(channel) = self.at(id) else { return };
        let member = Member {
            channel: id.clone(),
            uuid: uuid.clone(),
            joined: wall.0 / 1000,
            number: channel.profile.number.clone(),
            name: channel.profile.name.clone(),
            offered: None,
        };
        channel.ties.queue = Some(name.clone());
        channel.set("cc_side", "member");
        channel.set("cc_member_uuid", &uuid);
        channel.set("cc_queue_joined_epoch", &member.joined.to_string());
        channel.set("cc_queue", &name);
        self.tell_member("member-queue-start", &name, &member, None, &[]);
        self.queues.entry(name.clone()).or_default().waiting.push(member);
        self.count_members(&name);
        self.tell_now("PLAYBACK_START", id, &[]);
        self.later(FIRST_SEARCH, Task::Offer(name));
        self.later(MAX_WAIT, Task::QueueTimeout(id.clone()));
    }

    fn count_members(&mut self, queue: &str) {
        let count = self.queues.get(queue).map_or(0, |queue| queue.waiting.len());
        let mut event = self.event("CUSTOM", "callcenter::info");
        event.add("CC-Queue", queue);
        event.add("CC-Action", "members-count");
        event.add("CC-Count", &count.to_string());
        event.add("CC-Selection", "Single-Queue");
        self.emit(event);
    }

    /// An event of a member's channel; `gone` is the channel when it is no more.
    fn tell_member(
        &mut self,
        action: &str,
        queue: &str,
        member: &Member,
        gone: Option<&Channel>,
        more: &[(&str, &str)],
    ) {
        let mut event = self.event("CUSTOM", "callcenter::info");
        if let Some(channel) = gone.or_else(|| self.channels.get(&member.channel)) {
            channel.describe(&mut event, channel.call_state());
        }
        event.add("CC-Queue", queue);
        event.add("CC-Action", action);
        more.iter().for_each(|(name, value)| event.add(name, value));
        member.describe(&mut event);
        self.emit(event);
    }

    fn agent_state(&mut self, agent: &str, state: &str) {
        let mut event = self.event("CUSTOM", "callcenter::info");
        event.add("CC-Agent", agent);
        event.add("CC-Action", "agent-state-change");
        event.add("CC-Agent-State", state);
        self.emit(event);
    }

    /// Looks for agents for those who wait, first in, first out.
    pub(super) fn offer(&mut self, name: &str) {
        let Some(queue) = self.queues.get(name) else { return };
        let unoffered: Vec<ChannelId> = queue
            .waiting
            .iter()
            .filter(|member| member.offered.is_none())
            .map(|member| member.channel.clone())
            .collect();
        for id in unoffered {
            let Some(agent) = self.free_agent(name) else { break };
            self.ring_agent(name, &agent, &id);
        }
        if self.queues.get(name).is_some_and(|queue| !queue.waiting.is_empty()) {
            self.later(SEARCH, Task::Offer(name.to_owned()));
        }
    }

    fn free_agent(&self, queue: &str) -> Option<String> {
        let agents = &self.queues.get(queue)?.agents;
        agents.iter().find(|name| self.is_free(name)).cloned()
    }

    /// Available, not offered, not tracked on another call (`callcenter_track`, `skip_agents_with_external_calls`).
    fn is_free(&self, name: &str) -> bool {
        let tracked = |channel: &Channel| channel.variable("cc_tracked_agent") == Some(name);
        self.agents
            .get(name)
            .is_some_and(|agent| agent.status == AgentStatus::Available && !agent.busy && agent.next <= self.now.mono)
            && !self.channels.values().any(tracked)
    }

    fn ring_agent(&mut self, queue: &str, name: &str, id: &ChannelId) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        agent.busy = true;
        let contact = agent.contact.clone();
        let Some(member) = self.member(queue, id).cloned() else { return };
        self.agent_state(name, "Receiving");
        let mut event = self.event("CUSTOM", "callcenter::info");
        event.add("CC-Queue", queue);
        event.add("CC-Action", "agent-offering");
        event.add("CC-Agent", name);
        event.add("CC-Agent-Type", "callback");
        event.add("CC-Agent-System", "single_box");
        member.describe(&mut event);
        self.emit(event);
        let variables = vec![
            ("cc_queue".to_owned(), queue.to_owned()),
            ("cc_member_uuid".to_owned(), member.uuid.clone()),
            ("cc_member_session_uuid".to_owned(), id.to_string()),
            ("cc_agent".to_owned(), name.to_owned()),
            ("cc_agent_type".to_owned(), "callback".to_owned()),
            ("cc_side".to_owned(), "agent".to_owned()),
        ];
        let purpose = Purpose::Agent { queue: queue.to_owned(), agent: name.to_owned(), member: id.clone() };
        match self.dial(&[(variables, contact)], AGENT_TIMEOUT, purpose) {
            Ok(dial) => {
                if let Some(member) = self.member(queue, id) {
                    member.offered = Some((name.to_owned(), dial));
                }
            }
            Err(cause) => self.agent_failed(queue, name, id, cause),
        }
    }

    fn member(&mut self, queue: &str, id: &ChannelId) -> Option<&mut Member> {
        self.queues.get_mut(queue)?.waiting.iter_mut().find(|member| member.channel == *id)
    }

    /// The agent did not answer, or the caller left first.
    pub(super) fn agent_failed(&mut self, queue: &str, agent: &str, member: &ChannelId, cause: &str) {
        if let Some(member) = self.member(queue, member) {
            member.offered = None;
            let member = member.clone();
            let mut event = self.event("CUSTOM", "callcenter::info");
            event.add("CC-Queue", queue);
            event.add("CC-Action", "bridge-agent-fail");
            event.add("CC-Hangup-Cause", cause);
            event.add("CC-Agent", agent);
            event.add("CC-Agent-System", "single_box");
            member.describe(&mut event);
            self.emit(event);
        }
        self.release_agent(agent);
    }

    fn release_agent(&mut self, name: &str) {
        let next = self.now.mono + AGENT_PAUSE;
        let Some(agent) = self.agents.get_mut(name) else { return };
        agent.busy = false;
        agent.next = next;
        self.agent_state(name, "Waiting");
    }

    pub(super) fn agent_answered(&mut self, name: &str, agent: &str, id: &ChannelId, leg: &ChannelId) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let Some(at) = queue.waiting.iter().position(|member| member.channel == *id) else {
            return self.hangup(leg, "ORIGINATOR_CANCEL");
        };
        let member = queue.waiting.remove(at);
        queue.talking.push((member.clone(), agent.to_owned()));
        let mut event = self.event("CUSTOM", "callcenter::info");
        if let Some(channel) = self.channels.get(leg) {
            channel.describe(&mut event, "ACTIVE");
        }
        event.add("CC-Queue", name);
        event.add("CC-Action", "bridge-agent-start");
        event.add("CC-Agent", agent);
        event.add("CC-Agent-System", "single_box");
        event.add("CC-Agent-UUID", leg.as_str());
        event.add("CC-Member-Joined-Time", &member.joined.to_string());
        member.describe(&mut event);
        self.emit(event);
        self.note_other(id, leg);
        if let Some(channel) = self.at(id) {
            channel.ties.queue = None;
            channel.ties.joining = Some(leg.clone());
            channel.profiles += 1;
            channel.set("cc_agent", agent);
            channel.set("cc_agent_uuid", leg.as_str());
            channel.set("bridge_uuid", leg.as_str());
        }
        self.tell_now("PLAYBACK_STOP", id, &[]);
        self.count_members(name);
        if let Some(channel) = self.at(leg) {
            channel.ties.joining = Some(id.clone());
            channel.profiles += 1;
            channel.set("bridge_uuid", id.as_str());
            channel.state = State::Execute;
        }
        self.break_apps(id);
        self.agent_state(agent, "In a queue call");
        self.soon(Task::Join(id.clone(), leg.clone()));
    }

    /// A caller who waits leaves: hung up, or taken out of the queue.
    pub(super) fn leave_queue(&mut self, id: &ChannelId, reason: &str) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let Some(name) = channel.ties.queue.take() else { return };
        channel.set("cc_cause", "cancel");
        channel.set("cc_cancel_reason", reason);
        let Some(queue) = self.queues.get_mut(&name) else { return };
        let Some(at) = queue.waiting.iter().position(|member| member.channel == *id) else { return };
        let member = queue.waiting.remove(at);
        if let Some((agent, dial)) = member.offered.clone() {
            self.cancel_dial(dial, "ORIGINATOR_CANCEL");
            self.release_agent(&agent);
        }
        self.tell_now("PLAYBACK_STOP", id, &[]);
        let left = (self.now.wall.0 / 1000).to_string();
        let joined = member.joined.to_string();
        let more = [
            ("CC-Cause", "Cancel"),
            ("CC-Cancel-Reason", reason),
            ("CC-Member-Leaving-Time", left.as_str()),
            ("CC-Member-Joined-Time", joined.as_str()),
        ];
        self.tell_member("member-queue-end", &name, &member, None, &more);
        self.count_members(&name);
    }

    pub(super) fn queue_timeout(&mut self, id: &ChannelId) {
        if self.at(id).is_some_and(|channel| channel.ties.queue.is_some()) {
            self.leave_queue(id, "TIMEOUT");
            self.break_apps(id);
            self.advance(id);
        }
    }

    /// Is the talk of these two a queue's? Then the queue has to close it.
    pub(super) fn talk_over(&mut self, caller: &ChannelId, leg: &ChannelId) -> Option<(String, Member, String)> {
        let talks = |member: &Member| member.channel == *caller || member.channel == *leg;
        for (name, queue) in &mut self.queues {
            if let Some(at) = queue.talking.iter().position(|(member, _)| talks(member)) {
                let (member, agent) = queue.talking.remove(at);
                return Some((name.clone(), member, agent));
            }
        }
        None
    }

    pub(super) fn close_queue_talk(
        &mut self,
        over: Option<(String, Member, String)>,
        caller: Option<Box<Channel>>,
        leg: Option<Box<Channel>>,
    ) {
        if let Some((queue, member, agent)) = over {
            self.soon(Task::QueueOver(Box::new(Over { queue, agent, member, caller, leg })));
        }
    }

    pub(super) fn queue_over(&mut self, over: Over) {
        let Over { queue, agent, member, caller, leg } = over;
        let joined = member.joined.to_string();
        let more = [
            ("CC-Hangup-Cause", "SUCCESS"),
            ("CC-Agent", agent.as_str()),
            ("CC-Agent-System", "single_box"),
            ("CC-Agent-Bridged", "true"),
            ("CC-Member-Joined-Time", joined.as_str()),
        ];
        self.tell_member("bridge-agent-end", &queue, &member, leg.as_deref(), &more);
        let more = [
            ("CC-Hangup-Cause", "SUCCESS"),
            ("CC-Cause", "Terminated"),
            ("CC-Agent", agent.as_str()),
            ("CC-Agent-System", "single_box"),
            ("CC-Member-Joined-Time", joined.as_str()),
        ];
        self.tell_member("member-queue-end", &queue, &member, caller.as_deref(), &more);
        self.release_agent(&agent);
    }
}

impl Member {
    fn describe(&self, event: &mut Event) {
        event.add("CC-Member-UUID", &self.uuid);
        event.add("CC-Member-Session-UUID", self.channel.as_str());
        event.add("CC-Member-CID-Name", &self.name);
        event.add("CC-Member-CID-Number", &self.number);
    }
}
