//! Events and answers of the switch become news.
//!
//! | event | news |
//! |---|---|
//! | CHANNEL_CREATE | created |
//! | CHANNEL_ANSWER | answered |
//! | CHANNEL_PARK | parked |
//! | CHANNEL_BRIDGE of two answered legs; CHANNEL_ANSWER of a phone that is bridged already | bridged |
//! | CHANNEL_UNBRIDGE | unbridged |
//! | CHANNEL_HOLD, CHANNEL_UNHOLD | held: what the phone at that channel asks for |
//! | CHANNEL_HANGUP | marked, when the dialplan set any of `perezvon_channel` and its like; ended |
//! | DTMF | key |
//! | avmd::beep | beep |
//! | CHANNEL_EXECUTE_COMPLETE of `speak` or `playback` with our Event-UUID | said |
//! | HEARTBEAT | heartbeat |
//! | callcenter::info `member-queue-start` | queued |
//! | callcenter::info `agent-status-change` | agent |
//! | sofia::register, sofia::unregister, sofia::expire | registered |
//! | perezvon::operator, fired by the dialplan on a phone that gave a directory user's password | feature |
//! | any of CHANNEL_PROGRESS, _ANSWER, _PARK, _BRIDGE, `member-queue-start` of an inbound channel with `perezvon_line` | line named, first |
//!
//! A channel's end is CHANNEL_HANGUP, which comes at once and has the cause and the SIP status; CHANNEL_HANGUP_COMPLETE
//! waits for mod_json_cdr's POST, a second and more when nobody takes it, and may come after BACKGROUND_JOB.
//!
//! A phone that sends sound before its answer (SIP 183) is bridged to the caller while it still rings: such a
//! CHANNEL_BRIDGE is nobody's conversation. It begins with the phone's answer (tried).

use super::causes;
use crate::{
    engine::{
        input::{Channel, ChannelState, Direction, Ended, Given, News},
        record::{ChannelId, Marks},
        rules::Key,
        time::Wall,
    },
    esl::{
        command::EventList,
        connection::Subscription,
        event::{Event, Format},
        frame::Limits,
        text::{Name, Unsafe},
        view::{self, Callcenter, View},
    },
};
use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;
use uuid::Uuid;

/// The events that are listened to: these and no more.
pub const EVENTS: [&str; 13] = [
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_ANSWER",
    "CHANNEL_PARK",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_HOLD",
    "CHANNEL_UNHOLD",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_HANGUP",
    "DTMF",
    "BACKGROUND_JOB",
    "HEARTBEAT",
];

/// The subclasses of CUSTOM that are listened to.
pub const SUBCLASSES: [&str; 6] =
    ["callcenter::info", "avmd::beep", "sofia::register", "sofia::unregister", "sofia::expire", OPERATOR];

/// The subclass of the event that the dialplan fires when an operator dials to be ready or away.
pub const OPERATOR: &str = "perezvon::operator";

/// The header of that event: `ready` or `away`.
pub const OPERATOR_STATE: &str = "Perezvon-Operator";

/// The channel variable by which a dialplan names the line of a call.
pub const LINE: &str = "perezvon_line";

/// The channel variables by which a dialplan says where the client came from: the marks, in their order.
pub const MARKS: [&str; 5] =
    ["perezvon_channel", "perezvon_source", "perezvon_campaign", "perezvon_page", "perezvon_tags"];

/// The headers of our own making that are read, beside those of [`crate::esl::names::ALL`].
pub const OURS: [&str; 7] = [
    "variable_perezvon_line",
    "variable_perezvon_channel",
    "variable_perezvon_source",
    "variable_perezvon_campaign",
    "variable_perezvon_page",
    "variable_perezvon_tags",
    OPERATOR_STATE,
];

/// The subscription of a connection.
///
/// # Errors
/// None: the names are constants that a test reads.
pub fn subscription() -> Result<Subscription, Unsafe> {
    let names = |list: &[&str]| list.iter().map(|name| Name::new(name)).collect::<Result<Vec<_>, _>>();
    let events = EventList { events: names(&EVENTS)?, subclasses: names(&SUBCLASSES)? };
    Ok(Subscription { format: Format::Plain, events })
}

/// What an event tells, in order. BACKGROUND_JOB is an answer, read by [`super::order::Purpose::done`].
pub fn news(event: &Event, tell: &mut impl FnMut(News)) {
    match event.view() {
        View::Create(channel) => tell_some(described(channel).map(News::Created), tell),
        View::Progress(channel) => line_named(channel, tell),
        View::Answer(channel) => {
            of_channel(channel, News::Answered, tell);
            tell_some(bridged_by_answer(channel), tell);
        }
        View::Park(channel) => of_channel(channel, News::Parked, tell),
        View::Bridge(channel) => {
            line_named(channel, tell);
            if channel.answered_at().is_some() && channel.other_answered_at().is_some() {
                tell_some(pair(channel).map(|(a, b)| News::Bridged(a, b)), tell);
            }
        }
        View::Unbridge(channel) => tell_some(pair(channel).map(|(a, b)| News::Unbridged(a, b)), tell),
        View::Hangup(channel) => {
            tell_some(marked(channel), tell);
            tell_some(ended(channel).map(News::Ended), tell);
        }
        View::ExecuteComplete(channel) => tell_some(said(channel), tell),
        View::Heartbeat => tell(News::Heartbeat),
        View::Callcenter(told) => callcenter(told, tell),
        View::Registration(phone) => {
            let user = phone.user().map(|user| News::Registered { user: user.into(), here: phone.here() });
            tell_some(user, tell);
        }
        View::Dtmf(channel) => tell_some(key(channel), tell),
        View::Other if event.subclass().as_deref() == Some(OPERATOR) => tell_some(feature(event), tell),
        View::Beep(channel) => tell_some(id(channel).map(News::Beep), tell),
        View::Other => tell_some(held(event), tell),
        View::Job(_) => {}
    }
}

fn held(event: &Event) -> Option<News> {
    let on = match &*event.name() {
        "CHANNEL_HOLD" => true,
        "CHANNEL_UNHOLD" => false,
        _ => return None,
    };
    Some(News::Held(id(event.channel())?, on))
}

fn tell_some(news: Option<News>, tell: &mut impl FnMut(News)) {
    if let Some(news) = news {
        tell(news);
    }
}

fn of_channel(channel: view::Channel<'_>, news: fn(ChannelId) -> News, tell: &mut impl FnMut(News)) {
    line_named(channel, tell);
    tell_some(id(channel).map(news), tell);
}

fn id(channel: view::Channel<'_>) -> Option<ChannelId> {
    channel.id().map(|id| ChannelId::new(&id))
}

fn pair(channel: view::Channel<'_>) -> Option<(ChannelId, ChannelId)> {
    channel.bridge().map(|(a, b)| (ChannelId::new(&a), ChannelId::new(&b)))
}

fn key(channel: view::Channel<'_>) -> Option<News> {
    Some(News::Key(id(channel)?, Key::new(channel.digit()?)?))
}

/// The talk that a phone's answer begins when it was bridged while it rang; the caller, if it was not answered either, is
/// so a moment later.
fn bridged_by_answer(channel: view::Channel<'_>) -> Option<News> {
    let caller = channel.bridged_to()?;
    let phone = direction(channel)? == Direction::Outbound;
    if phone { Some(News::Bridged(ChannelId::new(&caller), id(channel)?)) } else { None }
}

fn direction(channel: view::Channel<'_>) -> Option<Direction> {
    Some(match channel.direction()? {
        view::Direction::Inbound => Direction::Inbound,
        view::Direction::Outbound => Direction::Outbound,
    })
}

/// The dialplan's name for the line; on a caller's own channel alone, since `export` copies it to the legs that ring.
fn line(channel: view::Channel<'_>) -> Option<Box<str>> {
    let line = channel.variable(LINE)?;
    (direction(channel) == Some(Direction::Inbound)).then(|| line.into())
}

fn line_named(channel: view::Channel<'_>, tell: &mut impl FnMut(News)) {
    if let Some(line) = line(channel) {
        tell_some(id(channel).map(|id| News::LineNamed(id, line)), tell);
    }
}

/// Where the client came from, as the dialplan has it at the call's end; on a caller's own channel alone.
fn marked(channel: view::Channel<'_>) -> Option<News> {
    let marks = marks(|name| channel.variable(name));
    let is_caller = direction(channel) == Some(Direction::Inbound);
    if is_caller && !marks.is_empty() { Some(News::Marked(id(channel)?, Box::new(marks))) } else { None }
}

/// The marks among channel variables.
pub fn marks<'a>(get: impl Fn(&'static str) -> Option<Cow<'a, str>>) -> Marks {
    let [channel, source, campaign, page, tags] =
        MARKS.map(|name| get(name).map_or_else(String::new, |mark| mark.into_owned()));
    Marks { channel, source, campaign, page, tags }
}

/// A channel as its CHANNEL_CREATE or its `uuid_dump` shows it.
fn described(channel: view::Channel<'_>) -> Option<Channel> {
    let direction = direction(channel)?;
    let boxed = |value: Option<Cow<'_, str>>| value.map_or_else(Box::default, |value| Box::<str>::from(&*value));
    Some(Channel {
        id: id(channel)?,
        direction,
        user: user(channel, direction).map(Into::into),
        caller: boxed(channel.caller_number()),
        name: boxed(channel.caller_name()),
        dialled: boxed(dialled(channel, direction)),
        line: line(channel),
        created: Wall((channel.created_at().or_else(|| channel.at()).unwrap_or(0) / 1000) as i64),
    })
}

/// The directory user whose phone it is; of an inbound channel at least the user that its SIP From names.
fn user(channel: view::Channel<'_>, direction: Direction) -> Option<Cow<'_, str>> {
    channel.presence_user().or_else(|| match direction {
        Direction::Inbound => channel.user().or_else(|| channel.claimed_user()),
        Direction::Outbound => channel.dialled_user(),
    })
}

/// What was dialled first. A transfer overwrites the destination and leaves the SIP request's user.
fn dialled(channel: view::Channel<'_>, direction: Direction) -> Option<Cow<'_, str>> {
    let requested = || channel.requested().filter(|user| !user.starts_with("gw+"));
    match direction {
        Direction::Inbound if channel.transfers() > 0 => requested().or_else(|| channel.destination()),
        _ => channel.destination(),
    }
}

fn ended(channel: view::Channel<'_>) -> Option<Ended> {
    let cause = channel.hangup_cause().unwrap_or(Cow::Borrowed("NONE"));
    Some(Ended {
        id: id(channel)?,
        outcome: causes::outcome(&cause, channel.sip_failure()),
        unregistered: causes::is_unregistered(&cause),
        cause: cause.into(),
        line: line(channel),
    })
}

/// The end of what we say, play or record. A dialplan's playback has a token that we never gave.
fn said(channel: view::Channel<'_>) -> Option<News> {
    if !matches!(channel.application()?.as_ref(), "speak" | "playback" | "record") {
        return None;
    }
    let token = Uuid::try_parse(&channel.application_id()?).ok()?;
    Some(News::Said { id: id(channel)?, token })
}

/// A file that we had played and that the switch could not read: nobody heard it, though it counts as said. `PLAYBACK ERROR` says
/// nothing: what a bridge cuts off ends with it, too (tried).
pub fn unplayed(event: &Event) -> Option<String> {
    let View::ExecuteComplete(channel) = event.view() else { return None };
    let ours = channel.application()? == "playback" && direction(channel) == Some(Direction::Outbound);
    let failed = channel.application_response()? == "FILE NOT FOUND";
    (ours && failed).then(|| channel.application_data().unwrap_or_default().into_owned())
}

fn callcenter(told: Callcenter<'_>, tell: &mut impl FnMut(News)) {
    match told.action().as_deref() {
        Some("member-queue-start") => {
            line_named(told.channel(), tell);
            let member = told.member_leg().map(|id| ChannelId::new(&id)).or_else(|| id(told.channel()));
            tell_some(member.and_then(|id| Some(News::Queued(id, told.queue()?.into()))), tell);
        }
        Some("agent-status-change") => {
            if let (Some(agent), Some(status)) = (told.agent(), told.agent_status()) {
                tell(News::Agent { agent: agent.into(), available: takes_calls(&status) });
            }
        }
        _ => {}
    }
}

/// Whose phone it is must be known by a password, or anybody could send an operator away: an inbound call's presence is what
/// its SIP From claims (tried).
fn feature(event: &Event) -> Option<News> {
    let user = event.channel().user()?;
    let ready = match &*event.get(OPERATOR_STATE)? {
        "ready" => true,
        "away" => false,
        _ => return None,
    };
    Some(News::Feature { user: user.into(), ready })
}

/// mod_callcenter's statuses (`cc_agent_status`): `Logged Out`, `Available`, `Available (On Demand)`, `On Break`.
fn takes_calls(status: &str) -> bool {
    status == "Available" || status == "Available (On Demand)"
}

/// The answer to `uuid_dump UUID json`; `None` when it cannot be read.
pub fn channel_state(dump: &Bytes, limits: &Limits) -> Option<ChannelState> {
    let event = Event::json(dump, limits).ok()?;
    let dumped = event.channel();
    let channel = described(dumped)?;
    let answered = dumped.is_answered();
    // `bridge_uuid` is there as soon as a bridge is asked for; the time, when the two hear each other.
    let talks = answered && dumped.bridged_at().is_some();
    let bridged = dumped.bridged_to().filter(|_| talks).map(|id| ChannelId::new(&id));
    let parked = bridged.is_none() && is_parked(dumped, channel.direction);
    Some(ChannelState { answered, parked, bridged, channel, transfers: dumped.transfers() })
}

/// What the reply to an outbound socket's `connect` tells; `None` of a channel that nobody called in on.
pub fn given(event: &Event) -> Option<Given> {
    let shown = event.channel();
    let channel = described(shown).filter(|channel| channel.direction == Direction::Inbound)?;
    let (answered, transfers) = (shown.is_answered(), shown.transfers());
    Some(Given { channel, answered, transfers, marks: marks(|name| shown.variable(name)) })
}

/// The id that the switch's core gives itself at each start: in every event, and in the reply to `connect`.
pub fn core(event: &Event) -> Option<Box<str>> {
    event.get("Core-UUID").filter(|core| !core.is_empty()).map(Into::into)
}

/// `current_application` stays what we last had a leg of ours do, which never left its park.
fn is_parked(channel: view::Channel<'_>, direction: Direction) -> bool {
    channel.state().as_deref() == Some("CS_EXECUTE")
        && match channel.executes().as_deref() {
            Some("park") => true,
            Some("speak" | "playback") => direction == Direction::Outbound,
            _ => false,
        }
}

/// The answer to `show channels as json`; `None` when it cannot be read. Rows without an id or a direction are left out.
pub fn channel_list(json: &[u8]) -> Option<Vec<Channel>> {
    #[derive(Deserialize)]
    struct Table<'a> {
        /// Absent when there is no channel.
        #[serde(default, borrow)]
        rows: Vec<Row<'a>>,
        #[serde(rename = "row_count")]
        _count: u64,
    }
    let table: Table<'_> = serde_json::from_slice(json).ok()?;
    Some(table.rows.into_iter().filter_map(Row::channel).collect())
}

#[derive(Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    uuid: Cow<'a, str>,
    #[serde(borrow)]
    direction: Cow<'a, str>,
    #[serde(borrow)]
    created_epoch: Cow<'a, str>,
    #[serde(borrow)]
    presence_id: Cow<'a, str>,
    #[serde(borrow)]
    initial_cid_num: Cow<'a, str>,
    #[serde(borrow)]
    initial_cid_name: Cow<'a, str>,
    #[serde(borrow)]
    initial_dest: Cow<'a, str>,
}

impl Default for Row<'_> {
    fn default() -> Self {
        let empty = || Cow::Borrowed("");
        Row {
            uuid: empty(),
            direction: empty(),
            created_epoch: empty(),
            presence_id: empty(),
            initial_cid_num: empty(),
            initial_cid_name: empty(),
            initial_dest: empty(),
        }
    }
}

impl Row<'_> {
    fn channel(self) -> Option<Channel> {
        let direction = match &*self.direction {
            "inbound" => Direction::Inbound,
            "outbound" => Direction::Outbound,
            _ => return None,
        };
        // The table has no user of a SIP From; a caller's own number is all there is to know a phone by.
        let user = match (self.presence_id.split('@').next(), direction) {
            (Some(user), _) if !user.is_empty() => Some(user),
            (_, Direction::Inbound) => Some(&*self.initial_cid_num).filter(|number| !number.is_empty()),
            _ => None,
        };
        let created = self.created_epoch.parse::<i64>().unwrap_or(0).saturating_mul(1000);
        (!self.uuid.is_empty()).then(|| Channel {
            id: ChannelId::new(&self.uuid),
            direction,
            user: user.map(Into::into),
            caller: self.initial_cid_num.as_ref().into(),
            name: self.initial_cid_name.as_ref().into(),
            dialled: self.initial_dest.as_ref().into(),
            line: None,
            created: Wall(created),
        })
    }
}

/// The answer to `callcenter_config agent list`: a table with `|` between its columns, its first line their names.
pub fn agents(table: &str) -> Vec<News> {
    let mut lines = table.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split('|').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let (Some(name), Some(status)) = (column("name"), column("status")) else { return Vec::new() };
    lines
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let (agent, status) = (cells.get(name)?, cells.get(status)?);
            Some(News::Agent { agent: (*agent).into(), available: takes_calls(status) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::esl::event::EventBuilder;

    fn told(event: EventBuilder) -> Vec<News> {
        let mut all = Vec::new();
        for bytes in [Event::plain(event.to_plain().into(), &Limits::default()), {
            Event::json(&event.to_json(), &Limits::default())
        }] {
            let mut told = Vec::new();
            news(&bytes.unwrap(), &mut |news| told.push(news));
            all.push(told);
        }
        assert_eq!(all[0], all[1], "plain and JSON tell the same");
        all.remove(0)
    }

    fn create() -> EventBuilder {
        EventBuilder::new("CHANNEL_CREATE")
            .header("Unique-ID", "u1")
            .header("Caller-Caller-ID-Number", "79161234567")
            .header("Caller-Caller-ID-Name", "${system(id)}\n\n, {x}")
            .header("Caller-Destination-Number", "74951112233")
            .header("Caller-Channel-Created-Time", "1795406997873596")
    }

    #[test]
    fn the_subscription_is_made_of_good_names() {
        let subscription = subscription().unwrap();
        assert_eq!(subscription.events.events.len(), EVENTS.len());
        assert_eq!(subscription.events.subclasses.len(), SUBCLASSES.len());
    }

    #[test]
    fn a_channel_comes_with_its_caller_as_it_is() {
        let news = told(create().header("Call-Direction", "inbound").header("Caller-Username", "79161234567"));
        let [News::Created(channel)] = news.as_slice() else { panic!("{news:?}") };
        assert_eq!((&*channel.caller, &*channel.dialled), ("79161234567", "74951112233"));
        assert_eq!(&*channel.name, "${system(id)}\n\n, {x}");
        assert_eq!(channel.user.as_deref(), Some("79161234567"));
        assert_eq!((channel.direction, channel.created), (Direction::Inbound, Wall(1_795_406_997_873)));
    }

    #[test]
    fn a_phone_is_known_by_its_presence() {
        let news = told(create().header("Call-Direction", "outbound").header("Channel-Presence-ID", "1001@pbx"));
        let [News::Created(channel)] = news.as_slice() else { panic!("{news:?}") };
        assert_eq!(channel.user.as_deref(), Some("1001"));
    }

    #[test]
    fn half_an_event_tells_nothing() {
        assert_eq!(told(EventBuilder::new("CHANNEL_CREATE").header("Unique-ID", "u1")), []);
        assert_eq!(told(EventBuilder::new("CHANNEL_ANSWER")), []);
        assert_eq!(told(EventBuilder::new("CHANNEL_BRIDGE").header("Bridge-A-Unique-ID", "a")), []);
        assert_eq!(told(EventBuilder::custom("callcenter::info").header("CC-Action", "agent-status-change")), []);
        assert_eq!(told(EventBuilder::custom("sofia::register")), []);
    }

    #[test]
    fn only_our_own_words_are_said() {
        let token = Uuid::from_u128(7);
        let complete = |application: &str, uuid: &str| {
            EventBuilder::new("CHANNEL_EXECUTE_COMPLETE")
                .header("Unique-ID", "u1")
                .header("Application", application)
                .header("Application-UUID", uuid)
        };
        let said = || News::Said { id: ChannelId::new("u1"), token };
        assert_eq!(told(complete("speak", &token.to_string())), [said()]);
        let played = |direction| complete("playback", &token.to_string()).header("Call-Direction", direction);
        assert_eq!(told(played("outbound")), [said()]);
        assert_eq!(told(played("inbound")), [said()], "a caller who is put through may hear of the recording first");
        let answers = |direction, response| {
            let event =
                played(direction).header("Application-Data", "/v/1.wav").header("Application-Response", response);
            unplayed(&Event::plain(event.to_plain().into(), &Limits::default()).unwrap())
        };
        assert_eq!(answers("outbound", "FILE NOT FOUND").as_deref(), Some("/v/1.wav"));
        assert_eq!((answers("outbound", "FILE PLAYED"), answers("inbound", "FILE NOT FOUND")), (None, None));
        assert_eq!(answers("outbound", "PLAYBACK ERROR"), None);
        assert_eq!(told(complete("park", &token.to_string())), []);
        assert_eq!(told(complete("speak", "say-1")), []);
    }

    #[test]
    fn a_phone_holds_its_talk_and_takes_it_back() {
        for (name, on) in [("CHANNEL_HOLD", true), ("CHANNEL_UNHOLD", false)] {
            assert_eq!(told(EventBuilder::new(name).header("Unique-ID", "u1")), [News::Held(ChannelId::new("u1"), on)]);
            assert_eq!(told(EventBuilder::new(name)), []);
        }
    }

    #[test]
    fn a_line_is_named_on_the_callers_own_channel_alone() {
        let answer = |direction: &str| {
            EventBuilder::new("CHANNEL_ANSWER")
                .header("Unique-ID", "u1")
                .header("Call-Direction", direction)
                .variable("perezvon_line", "site")
        };
        let id = || ChannelId::new("u1");
        assert_eq!(told(answer("inbound")), [News::LineNamed(id(), "site".into()), News::Answered(id())]);
        assert_eq!(told(answer("outbound")), [News::Answered(id())]);
    }

    #[test]
    fn agents_and_phones_come_and_go() {
        let agent = |status: &str| {
            EventBuilder::custom("callcenter::info")
                .header("CC-Action", "agent-status-change")
                .header("CC-Agent", "1001@default")
                .header("CC-Agent-Status", status)
        };
        for (status, available) in
            [("Available", true), ("Available (On Demand)", true), ("On Break", false), ("Logged Out", false)]
        {
            assert_eq!(told(agent(status)), [News::Agent { agent: "1001@default".into(), available }]);
        }
        for (subclass, header, here) in
            [("sofia::register", "from-user", true), ("sofia::unregister", "from-user", false), {
                ("sofia::expire", "user", false)
            }]
        {
            let event = EventBuilder::custom(subclass).header(header, "1001");
            assert_eq!(told(event), [News::Registered { user: "1001".into(), here }]);
        }
    }

    #[test]
    fn an_operator_dials_to_be_ready_or_away() {
        let dials =
            |state: &str| EventBuilder::custom(OPERATOR).header("Unique-ID", "u1").header(OPERATOR_STATE, state);
        for (state, ready) in [("away", false), ("ready", true)] {
            let feature = News::Feature { user: "1001".into(), ready };
            assert_eq!(told(dials(state).variable("user_name", "1001")), [feature]);
        }
        assert_eq!(told(dials("asleep").variable("user_name", "1001")), []);
        let claimed = dials("away").header("Channel-Presence-ID", "1001@pbx").header("Caller-Username", "1001");
        assert_eq!(told(claimed), [], "anybody may claim that");
    }

    #[test]
    fn the_table_of_agents_is_read_by_its_first_line() {
        let table = "name|instance_id|uuid|type|contact|status|state\n1001@default|single_box||callback|user/1001|\
                     Available|Waiting\n1002@default|single_box||callback|user/1002|On Break|Waiting\n+OK\n";
        let agent = |agent: &str, available| News::Agent { agent: agent.into(), available };
        assert_eq!(agents(table), [agent("1001@default", true), agent("1002@default", false)]);
        assert_eq!(agents("-ERR"), []);
    }

    #[test]
    fn a_dump_tells_how_a_channel_stands() {
        let dump = |state: &str, application: &str, other: &str, since: u64| {
            let event = EventBuilder::new("CHANNEL_DATA")
                .header("Channel-State", state)
                .header("Unique-ID", "u1")
                .header("Call-Direction", "outbound")
                .header("Answer-State", "answered")
                .header("Caller-Channel-Bridged-Time", since)
                .variable("current_application", application)
                .variable("bridge_uuid", other);
            channel_state(&event.to_json().into(), &Limits::default()).unwrap()
        };
        let parked = dump("CS_EXECUTE", "park", "", 0);
        assert!(parked.answered && parked.parked && parked.bridged.is_none());
        assert!(dump("CS_EXECUTE", "speak", "", 0).parked);
        assert!(!dump("CS_CONSUME_MEDIA", "", "", 0).parked);
        let asked = dump("CS_RESET", "park", "u2", 0);
        assert_eq!((asked.parked, asked.bridged), (false, None), "asked to be bridged, and waits for the other");
        let bridged = dump("CS_SOFT_EXECUTE", "speak", "u2", 1_795_418_058_745_490);
        assert_eq!((bridged.parked, bridged.bridged), (false, Some(ChannelId::new("u2"))));
        assert_eq!(channel_state(&Bytes::from_static(b"-ERR No such channel!\n"), &Limits::default()), None);
    }

    #[test]
    fn the_list_of_channels_is_read() {
        assert_eq!(channel_list(br#"{"row_count": 0}"#), Some(vec![]));
        assert_eq!(channel_list(b"-ERR"), None);
        let rows = br#"{"row_count":2,"rows":[{"uuid":"a","direction":"inbound","created_epoch":"1795418057",
            "initial_cid_num":"79161234567","initial_dest":"74951112233","initial_cid_name":"A \"quoted\" name",
            "presence_id":""},{"uuid":"","direction":"inbound"}]}"#;
        let list = channel_list(rows).unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!((&*list[0].dialled, &*list[0].name), ("74951112233", "A \"quoted\" name"));
        assert_eq!(list[0].created, Wall(1_795_418_057_000));
    }
}
