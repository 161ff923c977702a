//! Effects become commands, and what their replies mean.
//!
//! | effect | command | refusal, by reply or job |
//! |---|---|---|
//! | originate | `bgapi originate` with our leg and job ids; its `+OK` reply tells *taken* | refused, with the outcome of the error word |
//! | say | `sendmsg` execute `speak`, or `playback` of what was rendered, its token as Event-UUID | refused |
//! | music | `api uuid_setvar … socket_resume true` (see below), `sendmsg` execute `playback`, its token as Event-UUID | refused |
//! | let go | `api uuid_setvar … app_disable_expand_variables false` | not told |
//! | record | `api uuid_setvar … RECORD_STEREO true`, `api uuid_record … start FILE` | refused |
//! | listen | `api avmd … stop`, which mod_avmd answers by `+ERR`: it is there, so `sendmsg` execute `avmd_start` (see `listen`) | refused |
//! | ringback | `sendmsg` execute `playback` of a tone, for ever: `uuid_bridge` and `uuid_break` end it | not told |
//! | hush | `api uuid_break … all` | refused |
//! | bridge | `api uuid_setvar … socket_resume false` (see below), `bgapi uuid_bridge`: it may wait for media, and events would wait with it | refused |
//! | answer | `api uuid_setvar … hangup_after_bridge true`, `sendmsg` execute `answer` | refused |
//! | transfer | `api uuid_setvar … socket_resume false`, `sendmsg` execute `transfer EXTENSION XML CONTEXT` | refused |
//! | take a message | `sendmsg` execute `playback` of a tone, `record`, its token as Event-UUID | refused |
//! | park | `api uuid_setvar … socket_resume false`, `api uuid_setvar … park_timeout`, `api uuid_transfer … answer,park inline` | refused |
//! | hang up | `api uuid_kill` | refused |
//! | ask for a leg | `api uuid_dump … json`; `-ERR No such channel!` tells that it is gone | refused |
//! | ask for channels | `api show channels as json` | no list |
//!
//! A leg that we dial dies without us: `originate_timeout` while it rings, `park_timeout` while it waits for us,
//! `sched_hangup` whatever happens, `hangup_after_bridge` when the other one goes. `ignore_early_media` keeps a gateway's
//! 183 from passing for somebody who is there. `app_disable_expand_variables` keeps the arguments of its applications
//! from being expanded: a caller named `${system(...)}` would run a program else. While two talk nothing of ours is executed, and
//! it is off, for a dialplan to which one of them is transferred (the words left to a machine have passed `voice::clean`).
//!
//! `socket_resume` is for callers whom a dialplan gave to us ([`crate::esl::outbound`]): should we die while one hears music that never ends, the
//! dialplan goes on. On a caller who talks, or was sent elsewhere, it would tear the talk and leave the caller in silence (tried); on other channels
//! it is nothing. So it is off before a caller leaves its park, and on again when a bridge came to nothing and there is music.

use super::{causes, event};
use crate::{
    engine::{
        effect::{Effect, Originate, Words},
        input::{Asked, News},
        number::Number,
        record::{ChannelId, Job, Outcome, Role},
        rules::Language,
        time::Span,
    },
    esl::{
        command::{ApiCommand, Command, Execute},
        connection::Reply,
        dial::{self, Template},
        frame::Limits,
        outbound::RESUME,
        text::{Digits, Line, Name, Unsafe, Value, Word},
    },
    voice::{self, Names, Sounds},
};
use std::sync::Arc;
use uuid::Uuid;

/// What a caller hears while a phone rings: 425 Hz, one second in five (ITU-T E.180, as Russia and most of Europe have it).
const RINGBACK: &str = "tone_stream://%(1000,4000,425);loops=-1";

/// The number that is shown of a caller who shows none.
const HIDDEN: &str = "anonymous";
/// The tone after which a caller leaves a message.
const BEEP: &str = "tone_stream://%(500,0,1000)";
/// A message that is silent for so many seconds is over.
const MESSAGE_SILENCE: u32 = 5;
/// … and what is louder than this is no silence: mod_dptools' own default.
const SILENCE_LEVEL: u32 = 200;

/// What the switch says when there is no such channel.
const NO_CHANNEL: &str = "No such channel!";

/// Who speaks: an engine of the switch and a voice of it for each language, as the start of `speak`'s argument (`flite|slt`).
#[derive(Clone, Debug, Default)]
pub struct Speakers {
    /// The Russian one.
    pub ru: String,
    /// The English one.
    pub en: String,
    /// In which letters they say clients' names.
    pub names: Names,
    /// What was rendered, to be played instead.
    pub sounds: Option<Arc<dyn Sounds>>,
}

impl Speakers {
    fn of(&self, language: Language) -> &str {
        match language {
            Language::Ru => &self.ru,
            Language::En => &self.en,
        }
    }
}

/// A command, and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What is sent.
    pub command: Command,
    /// How its reply is understood.
    pub purpose: Purpose,
}

/// What a command is for: enough to understand its reply, and its job's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Dial this leg.
    Originate(ChannelId),
    /// Join this operator's leg with a client's.
    Bridge(ChannelId),
    /// Speak on this leg.
    Say(ChannelId),
    /// Can it listen for a beep on this leg?
    Listen(ChannelId),
    /// Record what this operator's leg talks.
    Record(ChannelId),
    /// Something that need not succeed, and whose failure nobody waits for.
    Aside,
    /// A safe thing done to this channel.
    Safe(ChannelId),
    /// How does this channel stand?
    State(ChannelId),
    /// Which channels are there?
    Channels(Uuid),
    /// Which agents are there?
    Agents,
}

/// The commands of an effect, in order; none for one that is not the switch's business.
///
/// # Errors
/// The effect cannot be said to the switch (a dial string or an id with a sign that no command may carry): the news that
/// the engine is to be told instead.
pub fn orders(effect: &Effect, speakers: &Speakers) -> Result<Vec<Order>, Box<News>> {
    let api = |command, purpose| Order { command: Command::Api(command), purpose };
    match effect {
        Effect::Originate(leg) => told(&leg.leg, Asked::Originate, originate(leg)),
        Effect::Say { leg, token, words, .. } => told(leg, Asked::Say, say(leg, *token, words, speakers)),
        Effect::Music { leg, token, what, .. } => told(leg, Asked::Say, music(leg, *token, what)),
        Effect::LetGo { channel, .. } => told(channel, Asked::Other, let_go(channel)),
        Effect::Record { leg, client, file, stereo, .. } => {
            told(leg, Asked::Record, record(leg, client, file, *stereo))
        }
        Effect::Listen { leg, sure, .. } => told(leg, Asked::Listen, listen(leg, *sure)),
        Effect::Ringback { leg, .. } => told(leg, Asked::Other, ringback(leg)),
        Effect::Hush { leg, .. } => told(
            leg,
            Asked::Other,
            word(leg).map(|id| vec![api(ApiCommand::UuidBreak(id), Purpose::Safe(leg.clone()))]),
        ),
        Effect::Bridge { operator, client, .. } => told(operator, Asked::Bridge, bridge(operator, client)),
        Effect::Park { channel, limit, .. } => told(channel, Asked::Other, park(channel, *limit)),
        Effect::Hangup { channel, cause, .. } => {
            let kill = |id| -> Result<_, Unfit> {
                Ok(vec![api(
                    ApiCommand::UuidKill(id, Some(Name::new(cause.as_str())?)),
                    Purpose::Safe(channel.clone()),
                )])
            };
            told(channel, Asked::Other, word(channel).and_then(kill))
        }
        Effect::AskLeg { channel, .. } => {
            let dump = |id| vec![api(ApiCommand::UuidDump(id), Purpose::State(channel.clone()))];
            told(channel, Asked::Other, word(channel).map(dump))
        }
        Effect::AskChannels { token, .. } => Ok(vec![api(ApiCommand::ShowChannels, Purpose::Channels(*token))]),
        Effect::Answer { channel, .. } => told(channel, Asked::Other, answer(channel)),
        Effect::Transfer { channel, extension, context, .. } => {
            told(channel, Asked::Other, transfer(channel, extension, context))
        }
        Effect::TakeMessage { channel, token, file, longest, .. } => {
            told(channel, Asked::Say, take_message(channel, *token, file, *longest))
        }
        // Said on the connection of its `socket`, not here.
        Effect::GiveBack { .. } => Ok(Vec::new()),
        Effect::Alarm(_) | Effect::Notice(_) => Ok(Vec::new()),
    }
}

/// The question for all agents of mod_callcenter, asked once a connection.
pub fn ask_agents() -> Order {
    Order { command: Command::Api(ApiCommand::CallcenterAgents), purpose: Purpose::Agents }
}

/// Why an effect cannot be said.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Text(#[from] Unsafe),
    #[error(transparent)]
    Words(#[from] voice::TemplateError),
    #[error("the dial string has a place for a number, and there is none")]
    NoNumber,
}

fn told(id: &ChannelId, what: Asked, orders: Result<Vec<Order>, Unfit>) -> Result<Vec<Order>, Box<News>> {
    orders.map_err(|why| Box::new(withheld(id, what, &format!("not sent: {why}"))))
}

/// A command that was never sent.
fn withheld(id: &ChannelId, what: Asked, text: &str) -> News {
    News::Refused { id: id.clone(), what, text: text.into(), outcome: Outcome::Unknown, unregistered: false }
}

fn word(id: &ChannelId) -> Result<Word, Unfit> {
    Ok(Word::new(id.as_str())?)
}

fn originate(leg: &Originate) -> Result<Vec<Order>, Unfit> {
    let template = Template::new(&leg.dial)?;
    let endpoint = match &leg.number {
        Some(number) => template.fill(&Digits::new(number)?),
        None => template.endpoint().ok_or(Unfit::NoNumber)?,
    };
    let mut originate = dial::Originate::new(endpoint);
    let cap = Span(leg.cap.0.saturating_add(leg.ring.0)).as_seconds_up();
    // A caller who hides the number is shown as most telephones show such a call.
    let shown = Value::new(&leg.shown.map_or_else(|| HIDDEN.to_owned(), Number::digits))?;
    let role = match leg.role {
        Role::Operator => "operator",
        Role::Client => "client",
    };
    let mut set = |name: &str, value: Value| -> Result<(), Unsafe> {
        originate.variables.push((Name::new(name)?, value));
        Ok(())
    };
    set("origination_uuid", Value::new(leg.leg.as_str())?)?;
    set("origination_caller_id_name", Value::lossy(&leg.shown_name).unwrap_or_else(|| shown.clone()))?;
    set("origination_caller_id_number", shown)?;
    set("originate_timeout", Value::from(leg.ring.as_seconds_up()))?;
    set("ignore_early_media", Value::from(true))?;
    set("app_disable_expand_variables", Value::from(true))?;
    set("execute_on_originate", Value::new(&format!("sched_hangup +{cap} ALLOTTED_TIMEOUT"))?)?;
    set("hangup_after_bridge", Value::from(true))?;
    set("park_timeout", Value::from(leg.park.as_seconds_up()))?;
    if let Some(agent) = &leg.track {
        // Not on originate: `user/…` is an originate within an originate, each of which would count the call, and its end
        // counts it off once, so that the agent's queue would never call again (tried).
        set("execute_on_answer", Value::new(&format!("callcenter_track {agent}"))?)?;
    }
    set("perezvon_leg", Value::new(role)?)?;
    match leg.of {
        Job::Callback(id) => set("perezvon_callback", Value::from(id.0))?,
        Job::Live(id) => set("perezvon_caller", Value::new(&format!("{:x}", id.0))?)?,
    }
    set("perezvon_attempt", Value::from(u64::from(leg.attempt)))?;
    let command = Command::BgApi { job: leg.job, command: ApiCommand::Originate(originate) };
    Ok(vec![Order { command, purpose: Purpose::Originate(leg.leg.clone()) }])
}

fn say(leg: &ChannelId, token: Uuid, words: &Words, speakers: &Speakers) -> Result<Vec<Order>, Unfit> {
    let text = voice::render(words, speakers.names)?;
    let sound = speakers.sounds.as_ref().and_then(|sounds| sounds.of(words.language, &text));
    let (application, argument) = match sound {
        Some(file) => ("playback", file),
        None => ("speak", format!("{}|{text}", speakers.of(words.language))),
    };
    let speak = Execute {
        argument: Some(Line::new(&argument)?),
        event_uuid: Some(Word::from(token)),
        lock: true,
        ..Execute::new(Some(word(leg)?), Name::new(application)?)
    };
    Ok(vec![Order { command: Command::Execute(speak), purpose: Purpose::Say(leg.clone()) }])
}

fn music(leg: &ChannelId, token: Uuid, what: &str) -> Result<Vec<Order>, Unfit> {
    let playback = Execute {
        argument: Some(Line::new(what)?),
        event_uuid: Some(Word::from(token)),
        lock: true,
        ..Execute::new(Some(word(leg)?), Name::new("playback")?)
    };
    Ok(vec![resume(leg, true)?, Order { command: Command::Execute(playback), purpose: Purpose::Say(leg.clone()) }])
}

/// Whether the dialplan of a caller who was given to us goes on the moment that we are gone.
fn resume(channel: &ChannelId, on: bool) -> Result<Order, Unfit> {
    let set = ApiCommand::UuidSetVar(word(channel)?, Name::new(RESUME)?, Some(Value::from(on)));
    Ok(Order { command: Command::Api(set), purpose: Purpose::Aside })
}

/// The caller's channel ends with the talk: nothing of the dialplan is left to be done for who has talked.
fn answer(channel: &ChannelId) -> Result<Vec<Order>, Unfit> {
    let id = word(channel)?;
    let ends = ApiCommand::UuidSetVar(id.clone(), Name::new("hangup_after_bridge")?, Some(Value::from(true)));
    let answer = Execute { lock: true, ..Execute::new(Some(id), Name::new("answer")?) };
    Ok(vec![
        Order { command: Command::Api(ends), purpose: Purpose::Aside },
        Order { command: Command::Execute(answer), purpose: Purpose::Safe(channel.clone()) },
    ])
}

fn transfer(channel: &ChannelId, extension: &str, context: &str) -> Result<Vec<Order>, Unfit> {
    let argument = Line::new(&format!("{extension} XML {context}"))?;
    let transfer =
        Execute { argument: Some(argument), lock: true, ..Execute::new(Some(word(channel)?), Name::new("transfer")?) };
    Ok(vec![
        resume(channel, false)?,
        Order { command: Command::Execute(transfer), purpose: Purpose::Safe(channel.clone()) },
    ])
}

fn take_message(channel: &ChannelId, token: Uuid, file: &str, longest: Span) -> Result<Vec<Order>, Unfit> {
    let argument = format!("{file} {} {SILENCE_LEVEL} {MESSAGE_SILENCE}", longest.as_seconds_up());
    let beep = Execute {
        argument: Some(Line::new(BEEP)?),
        lock: true,
        ..Execute::new(Some(word(channel)?), Name::new("playback")?)
    };
    let record = Execute {
        argument: Some(Line::new(&argument)?),
        event_uuid: Some(Word::from(token)),
        lock: true,
        ..Execute::new(Some(word(channel)?), Name::new("record")?)
    };
    Ok(vec![
        Order { command: Command::Execute(beep), purpose: Purpose::Aside },
        Order { command: Command::Execute(record), purpose: Purpose::Say(channel.clone()) },
    ])
}

fn ringback(leg: &ChannelId) -> Result<Vec<Order>, Unfit> {
    let playback = Execute {
        argument: Some(Line::new(RINGBACK)?),
        lock: true,
        ..Execute::new(Some(word(leg)?), Name::new("playback")?)
    };
    Ok(vec![Order { command: Command::Execute(playback), purpose: Purpose::Aside }])
}

fn bridge(operator: &ChannelId, client: &ChannelId) -> Result<Vec<Order>, Unfit> {
    let command = ApiCommand::UuidBridge(word(operator)?, word(client)?);
    let job = bridge_job(operator, client);
    let bridge = Order { command: Command::BgApi { job, command }, purpose: Purpose::Bridge(operator.clone()) };
    Ok(vec![resume(client, false)?, bridge])
}

/// A job's id made of the two it joins (FNV-1a, 128 bits): the same bridge has the same job.
fn bridge_job(operator: &ChannelId, client: &ChannelId) -> Uuid {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    const START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let bytes = operator.as_str().bytes().chain([0]).chain(client.as_str().bytes());
    let hash = bytes.fold(START, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid()
}

/// An application that is not there ends the channel, so that the module is asked for first. Its own `avmd … start` takes the
/// wrong sample rate for a leg that talks, and hears nothing (1.11.3-dev, tried).
fn listen(leg: &ChannelId, sure: bool) -> Result<Vec<Order>, Unfit> {
    let id = word(leg)?;
    Ok(vec![match sure {
        true => Order {
            command: Command::Execute(Execute::new(Some(id), Name::new("avmd_start")?)),
            purpose: Purpose::Aside,
        },
        false => Order { command: Command::Api(ApiCommand::AvmdStop(id)), purpose: Purpose::Listen(leg.clone()) },
    }])
}

fn let_go(channel: &ChannelId) -> Result<Vec<Order>, Unfit> {
    let name = Name::new("app_disable_expand_variables")?;
    let off = ApiCommand::UuidSetVar(word(channel)?, name, Some(Value::from(false)));
    Ok(vec![Order { command: Command::Api(off), purpose: Purpose::Aside }])
}

fn record(leg: &ChannelId, client: &ChannelId, file: &str, stereo: bool) -> Result<Vec<Order>, Unfit> {
    let id = word(client)?;
    let stereo = stereo.then(|| -> Result<_, Unfit> {
        let both = ApiCommand::UuidSetVar(id.clone(), Name::new("RECORD_STEREO")?, Some(Value::from(true)));
        Ok(Order { command: Command::Api(both), purpose: Purpose::Aside })
    });
    let start = Command::Api(ApiCommand::UuidRecord(id.clone(), Line::new(file)?));
    let start = Order { command: start, purpose: Purpose::Record(leg.clone()) };
    Ok(stereo.transpose()?.into_iter().chain([start]).collect())
}

fn park(channel: &ChannelId, limit: Span) -> Result<Vec<Order>, Unfit> {
    let id = word(channel)?;
    let limit = Some(Value::from(limit.as_seconds_up()));
    let limit = ApiCommand::UuidSetVar(id.clone(), Name::new("park_timeout")?, limit);
    Ok(vec![
        resume(channel, false)?,
        Order { command: Command::Api(limit), purpose: Purpose::Aside },
        Order { command: Command::Api(ApiCommand::UuidTransferToPark(id)), purpose: Purpose::Safe(channel.clone()) },
    ])
}

impl Purpose {
    /// What the reply to an `api` or a `sendmsg` tells.
    pub fn replied(&self, reply: &Reply, limits: &Limits, tell: &mut impl FnMut(News)) {
        let refused = reply.is_err();
        let body = &reply.frame().body;
        match self {
            Purpose::State(id) if refused && causes::cause_of(&reply.text()) == NO_CHANNEL => {
                tell(News::State(id.clone(), None));
            }
            Purpose::State(id) if !refused => match event::channel_state(body, limits) {
                Some(state) => tell(News::State(id.clone(), Some(Box::new(state)))),
                None => self.refused("-ERR the answer cannot be read").into_iter().for_each(tell),
            },
            Purpose::Channels(token) => {
                tell(News::Channels { token: *token, list: if refused { None } else { event::channel_list(body) } });
            }
            Purpose::Listen(id) if !refused => tell(News::CanListen(id.clone())),
            Purpose::Agents if !refused => event::agents(&reply.text()).into_iter().for_each(tell),
            _ if refused => self.refused(&reply.text()).into_iter().for_each(tell),
            _ => {}
        }
    }

    /// What it tells that a `bgapi` was taken.
    pub fn taken(&self) -> Option<News> {
        match self {
            Purpose::Originate(leg) => Some(News::Taken(leg.clone())),
            _ => None,
        }
    }

    /// What the result of a background job tells.
    pub fn done(&self, result: &str) -> Option<News> {
        if result.starts_with('-') { self.refused(result) } else { None }
    }

    /// What a refusal tells, in the switch's words.
    pub fn refused(&self, text: &str) -> Option<News> {
        let text = text.trim_end();
        let (id, what) = self.about()?;
        let cause = causes::cause_of(text);
        let (outcome, unregistered) = match what {
            Asked::Originate => (causes::outcome(cause, None), causes::is_unregistered(cause)),
            _ => (Outcome::Unknown, false),
        };
        Some(News::Refused { id: id.clone(), what, text: text.into(), outcome, unregistered })
    }

    /// What is told when the command was never sent: the connection is gone or too much waits.
    pub fn unsent(&self, why: &str) -> Option<News> {
        match self {
            Purpose::Channels(token) => Some(News::Channels { token: *token, list: None }),
            _ => self.about().map(|(id, what)| withheld(id, what, &format!("not sent: {why}"))),
        }
    }

    fn about(&self) -> Option<(&ChannelId, Asked)> {
        match self {
            Purpose::Originate(id) => Some((id, Asked::Originate)),
            Purpose::Bridge(id) => Some((id, Asked::Bridge)),
            Purpose::Say(id) => Some((id, Asked::Say)),
            Purpose::Listen(id) => Some((id, Asked::Listen)),
            Purpose::Record(id) => Some((id, Asked::Record)),
            Purpose::Safe(id) | Purpose::State(id) => Some((id, Asked::Other)),
            Purpose::Aside | Purpose::Channels(_) | Purpose::Agents => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        effect::{Facts, HangupCause},
        record::CallbackId,
    };

    const LEG: &str = "b80c1247-b4eb-4863-a47d-0c70c6f8cb15";

    fn leg() -> Originate {
        Originate {
            switch: "main".into(),
            leg: ChannelId::new(LEG),
            job: Uuid::from_u128(1),
            role: Role::Client,
            dial: "sofia/gateway/provider/{number}".into(),
            number: Some("79161234567".into()),
            shown: "+74951112233".parse().ok(),
            shown_name: "Anna".into(),
            ring: Span::seconds(30),
            cap: Span::seconds(3600),
            park: Span(59_001),
            track: None,
            of: CallbackId(42).into(),
            attempt: 2,
        }
    }

    fn speakers() -> Speakers {
        Speakers { ru: "tts_commandline|ru".into(), en: "flite|slt".into(), ..Speakers::default() }
    }

    fn sent(effect: Effect) -> String {
        let orders = orders(&effect, &speakers()).unwrap();
        orders.iter().map(|order| String::from_utf8(order.command.to_bytes().to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_leg_is_dialled_with_all_its_limits() {
        assert_eq!(
            sent(Effect::Originate(Box::new(leg()))),
            "bgapi originate {origination_uuid=b80c1247-b4eb-4863-a47d-0c70c6f8cb15,origination_caller_id_name=Anna,\
             origination_caller_id_number=74951112233,originate_timeout=30,ignore_early_media=true,\
             app_disable_expand_variables=true,execute_on_originate='sched_hangup +3630 ALLOTTED_TIMEOUT',\
             hangup_after_bridge=true,park_timeout=60,perezvon_leg=client,perezvon_callback=42,perezvon_attempt=2}\
             sofia/gateway/provider/79161234567 &park()\nJob-UUID: 00000000-0000-0000-0000-000000000001\n\n"
        );
    }

    #[test]
    fn an_agents_leg_keeps_its_queue_away() {
        let operator = Originate {
            role: Role::Operator,
            dial: "user/1001".into(),
            number: None,
            track: Some("1001@default".into()),
            ..leg()
        };
        let sent = sent(Effect::Originate(Box::new(operator)));
        assert!(sent.contains(",execute_on_answer='callcenter_track 1001@default',perezvon_leg=operator,"), "{sent}");
        assert!(sent.contains("}user/1001 &park()"), "{sent}");
    }

    #[test]
    fn a_hostile_name_stays_a_name() {
        for name in [
            "${system(touch /tmp/x)}",
            "a'b\"c\\d",
            "line\r\n\r\nbreak",
            "a,b{c}|d[e]<f>^^:g",
            "x:_:sofia/gateway/provider/1",
            "\0\u{1b}[2J\u{2028}",
            "mod_event_socket reload",
            "",
        ] {
            let effect = Effect::Originate(Box::new(Originate { shown_name: name.into(), ..leg() }));
            let [order] = orders(&effect, &speakers()).unwrap().try_into().unwrap();
            let Command::BgApi { command: ApiCommand::Originate(sent), .. } = &order.command else { panic!() };
            assert_eq!(sent.endpoint.as_str(), "sofia/gateway/provider/79161234567");
            assert_eq!(sent.variables.len(), 12, "{name:?}");
            let bytes = order.command.to_bytes();
            assert_eq!(Command::parse(&bytes).as_ref(), Ok(&order.command), "{name:?}");
            assert!(!bytes.windows(2).any(|two| two == b"${"), "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_told_back() {
        let number = Originate { number: Some("1;rm".into()), ..leg() };
        let missing = Originate { number: None, ..leg() };
        for leg in [number, missing] {
            let news = orders(&Effect::Originate(Box::new(leg)), &speakers()).unwrap_err();
            assert!(
                matches!(*news, News::Refused { what: Asked::Originate, outcome: Outcome::Unknown, .. }),
                "{news:?}"
            );
        }
        let hangup = Effect::Hangup {
            switch: "main".into(),
            channel: ChannelId::new("a b\n\napi shutdown"),
            cause: HangupCause::Done,
        };
        assert!(matches!(*orders(&hangup, &speakers()).unwrap_err(), News::Refused { what: Asked::Other, .. }));
    }

    #[test]
    fn words_are_spoken_by_the_voice_of_their_language() {
        let words = |template: &str, language| {
            Box::new(Words {
                template: template.into(),
                language,
                facts: Facts { name: "a|b${x}".into(), ..Facts::default() },
            })
        };
        let say =
            |words| Effect::Say { switch: "main".into(), leg: ChannelId::new(LEG), token: Uuid::from_u128(9), words };
        let sent = sent(say(words("Вызов, {{ name }}.", Language::Ru)));
        assert_eq!(
            sent,
            "sendmsg b80c1247-b4eb-4863-a47d-0c70c6f8cb15\ncall-command: execute\nexecute-app-name: speak\n\
             Event-UUID: 00000000-0000-0000-0000-000000000009\nevent-lock: true\n\
             execute-app-arg: tts_commandline|ru|Вызов, a b x .\n\n"
        );
        let latin =
            Words { facts: Facts { name: "Anna".into(), ..Facts::default() }, ..*words("{{ name }}", Language::Ru) };
        let letters = Speakers { names: Names::Transliterate, ..speakers() };
        let [order] = orders(&say(Box::new(latin)), &letters).unwrap().try_into().unwrap();
        assert!(String::from_utf8_lossy(&order.command.to_bytes()).ends_with("|ru|Анна\n\n"));
        let silent = orders(&say(words("{{ nobody }}", Language::En)), &speakers());
        assert!(matches!(*silent.unwrap_err(), News::Refused { what: Asked::Say, .. }));
    }

    #[test]
    fn safe_things_have_their_commands() {
        let (switch, a, b) = (|| "main".into(), || ChannelId::new("a1"), || ChannelId::new("b1"));
        let bridge = sent(Effect::Bridge { switch: switch(), operator: a(), client: b() });
        let begins = "api uuid_setvar b1 socket_resume false\n\nbgapi uuid_bridge a1 b1\nJob-UUID: ";
        assert!(bridge.starts_with(begins), "{bridge}");
        assert_eq!(
            sent(Effect::Park { switch: switch(), channel: a(), limit: Span::seconds(60) }),
            "api uuid_setvar a1 socket_resume false\n\napi uuid_setvar a1 park_timeout 60\n\napi uuid_transfer a1 answer,park inline\n\n"
        );
        let hangup = Effect::Hangup { switch: switch(), channel: a(), cause: HangupCause::LostRace };
        assert_eq!(sent(hangup), "api uuid_kill a1 LOSE_RACE\n\n");
        assert_eq!(sent(Effect::Hush { switch: switch(), leg: a() }), "api uuid_break a1 all\n\n");
        assert_eq!(
            sent(Effect::LetGo { switch: switch(), channel: a() }),
            "api uuid_setvar a1 app_disable_expand_variables false\n\n"
        );
        let record = |stereo| Effect::Record {
            switch: switch(),
            leg: a(),
            client: b(),
            file: "/rec/2026-11-25/site-1-1.wav".into(),
            stereo,
        };
        assert_eq!(sent(record(false)), "api uuid_record b1 start '/rec/2026-11-25/site-1-1.wav'\n\n");
        assert!(sent(record(true)).starts_with("api uuid_setvar b1 RECORD_STEREO true\n\napi uuid_record b1 start '/"));
        let listen = |sure| sent(Effect::Listen { switch: switch(), leg: a(), sure });
        assert_eq!(listen(false), "api avmd a1 stop\n\n");
        assert_eq!(listen(true), "sendmsg a1\ncall-command: execute\nexecute-app-name: avmd_start\n\n");
        let music =
            Effect::Music { switch: switch(), leg: a(), token: Uuid::from_u128(9), what: "local_stream://moh".into() };
        assert_eq!(
            sent(music),
            "api uuid_setvar a1 socket_resume true\n\nsendmsg a1\ncall-command: execute\nexecute-app-name: playback\n\
             Event-UUID: 00000000-0000-0000-0000-000000000009\nevent-lock: true\nexecute-app-arg: local_stream://moh\n\n"
        );
        assert_eq!(sent(Effect::AskLeg { switch: switch(), channel: a() }), "api uuid_dump a1 json\n\n");
        let ask = Effect::AskChannels { switch: switch(), token: Uuid::nil() };
        assert_eq!(sent(ask), "api show channels as json\n\n");
    }

    #[test]
    fn refusals_are_understood() {
        let id = || ChannelId::new("a1");
        let refused = |what, text: &str, outcome| {
            let unregistered = text.contains("REGISTERED");
            News::Refused { id: id(), what, text: text.into(), outcome, unregistered }
        };
        let originate = Purpose::Originate(id());
        assert_eq!(
            originate.done("-ERR USER_BUSY\n"),
            Some(refused(Asked::Originate, "-ERR USER_BUSY", Outcome::Busy))
        );
        let gone = "-ERR USER_NOT_REGISTERED";
        assert_eq!(originate.done(&format!("{gone}\n")), Some(refused(Asked::Originate, gone, Outcome::NoAnswer)));
        assert_eq!(originate.done("+OK a1\n"), None);
        assert_eq!(originate.taken(), Some(News::Taken(id())));
        let bridge = Purpose::Bridge(id());
        let invalid = "-ERR Invalid uuid";
        assert_eq!(bridge.done("-ERR Invalid uuid\n"), Some(refused(Asked::Bridge, invalid, Outcome::Unknown)));
        assert_eq!(bridge.taken(), None);
        assert_eq!(Purpose::Aside.refused("-ERR"), None);
        let listen = Purpose::Listen(id());
        let unknown = "-ERR avmd Command not found!";
        assert_eq!(listen.refused(unknown), Some(refused(Asked::Listen, unknown, Outcome::Unknown)));
        let token = Uuid::from_u128(3);
        assert_eq!(Purpose::Channels(token).unsent("x"), Some(News::Channels { token, list: None }));
    }
}
