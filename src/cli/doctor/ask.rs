//! Asks a switch: a connection of its own, logged in as the daemon is, and given up afterwards.
//!
//! Nobody is rung. What is spoken, played and recorded is tried on a channel `null/…` of the switch, which is no telephone; the
//! channel ends with the examination, and by itself within [`CAP`] seconds.

use super::{
    judge,
    need::Need,
    told::{Answer, Shut, Told, Trial, Tried},
};
use crate::{
    clock::Clock,
    config::{DEFAULT_PASSWORD, Voices},
    engine::{
        rules::Language,
        time::{Mono, Span},
    },
    esl::{
        command::{ApiCommand, Command, EventList, Execute},
        connection::{Connection, Credentials, Notice, Subscription, Token},
        dial::{Endpoint, Originate},
        event::{Event, Format},
        frame::Limits,
        text::{Line, Name, Secret, Unsafe, Value, Word},
    },
    switch::{event, inbound::Settings},
    voice::{Sounds, studio::Studio},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;

/// How long the connection, the greeting and each answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a few words may take to be spoken.
const SPEECH: Duration = Duration::from_secs(15);
/// A sound that goes on for so long plays.
const PLAYS: Duration = Duration::from_millis(500);
/// How many seconds the channel of the examination lives at most.
const CAP: u32 = 120;
/// How much is read at once, in bytes.
const READ: usize = 64 << 10;
/// The most gateways, profiles, sounds and folders that are asked after, each.
const MOST: usize = 100;

/// Asks a switch everything that is judged.
///
/// # Errors
/// Why it does not let us in.
pub async fn examine(
    settings: &Settings,
    need: &Need,
    voices: &Voices,
    studio: Option<&Studio>,
    clock: Clock,
) -> Result<Told, Shut> {
    let subscription = event::subscription().unwrap_or_default();
    let mut line = Conversation::open(&settings.address, settings.credentials.clone(), subscription, clock).await?;
    let mut told = Told { takes_known_password: takes_known_password(settings, need, clock).await, ..Told::default() };
    line.questions(need, &mut told).await;
    let mut trials = Trials { line, leg: Uuid::nil(), done: Vec::new() };
    told.tried = Some(match trials.begin().await {
        Ok(()) => {
            trials.all(need, voices, studio).await;
            Ok(trials.done)
        }
        Err(why) => Err(why),
    });
    Ok(told)
}

/// Whether the socket takes the password that everybody knows; not asked where it is ours.
async fn takes_known_password(settings: &Settings, need: &Need, clock: Clock) -> Option<bool> {
    if need.known_password && need.user.is_none() {
        return Some(true);
    }
    let known = Credentials::Password(Secret::new(DEFAULT_PASSWORD).ok()?);
    let nothing = Subscription { format: Format::Plain, events: EventList::new(&["HEARTBEAT"], &[]).ok()? };
    match Conversation::open(&settings.address, known, nothing, clock).await {
        Ok(_) => Some(true),
        Err(Shut::Password(_)) => Some(false),
        Err(_) => None,
    }
}

/// One connection, on which one thing is asked at a time.
struct Conversation {
    stream: TcpStream,
    connection: Connection,
    buffer: Vec<u8>,
    clock: Clock,
}

impl Conversation {
    async fn open(
        address: &str,
        credentials: Credentials,
        subscription: Subscription,
        clock: Clock,
    ) -> Result<Conversation, Shut> {
        let stream = match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Shut::Refused(error.to_string())),
            Err(_) => return Err(Shut::Refused(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        let connection = Connection::inbound(credentials, subscription, Limits::default());
        let mut line = Conversation { stream, connection, buffer: vec![0; READ], clock };
        loop {
            match line.notice(PATIENCE).await {
                Ok(Notice::Ready) => return Ok(line),
                Ok(Notice::AuthRefused { text }) => return Err(Shut::Password(text)),
                Ok(Notice::Rejected { .. }) => return Err(Shut::Rejected),
                Ok(Notice::SubscriptionRefused { text }) => return Err(Shut::Events(text)),
                Ok(Notice::Malformed(_)) => return Err(Shut::Silent),
                Ok(_) => {}
                // Without a greeting it is none; after it, the switch has reasons.
                Err(_) if line.connection.outstanding() == 0 => return Err(Shut::Silent),
                Err(why) => return Err(Shut::Lost(why)),
            }
        }
    }

    /// The next thing that happens.
    async fn notice(&mut self, patience: Duration) -> Result<Notice, String> {
        let next = async {
            loop {
                let notice = self.connection.poll();
                let output = self.connection.take_output();
                self.stream.write_all(&output).await.map_err(|error| error.to_string())?;
                if let Some(notice) = notice {
                    return Ok(notice);
                }
                match self.stream.read(&mut self.buffer).await {
                    Ok(0) => return Err("it closed the connection".to_owned()),
                    Ok(length) => self.connection.receive(&self.buffer[..length]),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        timeout(patience, next).await.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())))
    }

    fn send(&mut self, command: &Command) -> Option<Token> {
        self.connection.send(command).ok()
    }

    /// The answer to an api command. What happens meanwhile is of no interest.
    async fn api(&mut self, command: Result<ApiCommand, Unsafe>) -> Answer {
        let Some(token) = command.ok().and_then(|command| self.send(&Command::Api(command))) else {
            return Answer::None;
        };
        loop {
            match self.notice(PATIENCE).await {
                Ok(Notice::Reply { token: of, reply }) if of == token => return Answer::of(&reply.text()),
                Ok(_) => {}
                Err(_) => return Answer::None,
            }
        }
    }

    /// The result of a background job, with its event.
    async fn job(&mut self, command: ApiCommand) -> (Answer, Option<Event>) {
        let wanted = new_uuid();
        if self.send(&Command::BgApi { job: wanted, command }).is_none() {
            return (Answer::None, None);
        }
        loop {
            match self.notice(PATIENCE * 2).await {
                Ok(Notice::JobDone { job, event }) if job == wanted => {
                    return (Answer::of(&event.body()), Some(event));
                }
                Ok(Notice::JobRefused { job, text, .. }) if job == wanted => return (Answer::of(&text), None),
                Ok(_) => {}
                Err(_) => return (Answer::None, None),
            }
        }
    }

    async fn questions(&mut self, need: &Need, told: &mut Told) {
        // As a job, since its event says what time it is there.
        let (registrations, event) = self.job(ApiCommand::ShowRegistrations).await;
        let there = event.and_then(|event| event.number("Event-Date-Timestamp"));
        told.ahead = there.map(|micros| (micros / 1000) as i64 - self.clock.now().wall.0);
        told.registrations = registrations;
        told.status = self.api(Ok(ApiCommand::Status)).await;
        told.modules = self.api(Ok(ApiCommand::ShowModules)).await;
        for name in need.gateways.keys().take(MOST) {
            let answer = self.api(Word::new(name).map(ApiCommand::SofiaGateway)).await;
            told.gateways.insert(name.clone(), answer);
        }
        for name in judge::profiles(need, &told.gateways).into_keys().take(MOST) {
            let answer = self.api(Word::new(&name).map(ApiCommand::SofiaProfile)).await;
            told.profiles.insert(name, answer);
        }
        if need.records.is_some() {
            told.records = self.api(Name::new("json_cdr.conf").map(ApiCommand::Configuration)).await;
        }
        if need.outbound.is_some() {
            told.dialplan = self.api(Ok(ApiCommand::Dialplan)).await;
        }
        if need.user.is_some() {
            self.rights(need, told).await;
        }
    }

    /// The daemon's own commands, about a channel that is not there: whoever may give them is told so, and nothing happens.
    async fn rights(&mut self, need: &Need, told: &mut Told) {
        let Ok(nobody) = Word::new(&new_uuid().to_string()) else { return };
        let mut commands = vec![
            ApiCommand::UuidBridge(nobody.clone(), nobody.clone()),
            ApiCommand::UuidKill(nobody.clone(), None),
            ApiCommand::UuidDump(nobody.clone()),
            ApiCommand::UuidBreak(nobody.clone()),
            ApiCommand::UuidTransferToPark(nobody.clone()),
            ApiCommand::ShowChannels,
        ];
        commands.extend(Name::new("perezvon_doctor").map(|name| ApiCommand::UuidSetVar(nobody.clone(), name, None)));
        if need.modules.contains_key("mod_avmd") {
            commands.push(ApiCommand::AvmdStop(nobody.clone()));
        }
        if need.agents {
            commands.push(ApiCommand::CallcenterAgents);
        }
        if !need.folders.is_empty() {
            commands.extend(Line::new("/dev/null").map(|file| ApiCommand::UuidRecord(nobody, file)));
        }
        for command in commands {
            let name = command.name();
            if self.api(Ok(command)).await == Answer::Denied {
                told.denied.insert(name);
            }
        }
    }

    /// Waits until this application has ended; its answer, or `None` where it goes on.
    async fn ended(&mut self, application: &str, patience: Duration) -> Option<String> {
        let over = async {
            loop {
                match self.notice(SPEECH * 2).await {
                    Ok(Notice::Event(event))
                        if event.name() == "CHANNEL_EXECUTE_COMPLETE"
                            && event.get("Application-UUID").as_deref() == Some(application) =>
                    {
                        return event.get("Application-Response").unwrap_or_default().into_owned();
                    }
                    Ok(_) => {}
                    Err(why) => return why,
                }
            }
        };
        timeout(patience, over).await.ok()
    }

    fn now(&self) -> Mono {
        self.clock.now().mono
    }
}

/// What is tried, one thing after the other, on a channel of the examination's own.
struct Trials {
    line: Conversation,
    leg: Uuid,
    done: Vec<Trial>,
}

impl Trials {
    /// Makes the channel.
    async fn begin(&mut self) -> Result<(), String> {
        self.leg = new_uuid();
        let originate = silent_channel(self.leg).map_err(|why| why.to_string())?;
        match self.line.job(ApiCommand::Originate(originate)).await.0 {
            Answer::Said(text) if text.starts_with("+OK") => Ok(()),
            Answer::Said(text) => Err(text),
            Answer::Denied => Err("our user may not originate".to_owned()),
            Answer::Unknown => Err("it knows no originate".to_owned()),
            Answer::None => Err("no answer".to_owned()),
        }
    }

    async fn all(&mut self, need: &Need, voices: &Voices, studio: Option<&Studio>) {
        for speaker in &need.voices {
            let of = voices.of(speaker.language);
            let said = format!("{}|{}|{}", of.engine, of.voice, few_words(speaker.language));
            let came = self.run("speak", &said, SPEECH).await;
            self.note(Tried::Voice(speaker.language), came);
        }
        for sound in need.sounds.keys().take(MOST) {
            let came = self.run("playback", sound, PLAYS).await;
            self.note(Tried::Sound(sound.clone()), came);
        }
        if let Some(file) = rendered(need, studio).await {
            let came = self.run("playback", &file, PLAYS).await;
            self.note(Tried::Rendered(file), came);
        }
        for folder in need.folders.keys().take(MOST) {
            let came = self.record(folder).await;
            self.note(Tried::Folder(folder.clone()), came);
        }
        if let Ok(leg) = Word::new(&self.leg.to_string()) {
            self.line.api(Ok(ApiCommand::UuidKill(leg, None))).await;
        }
    }

    fn note(&mut self, what: Tried, came: Result<Span, String>) {
        self.done.push(Trial { what, came });
    }

    /// Runs an application; one that still goes on after so long is broken off, and did.
    async fn run(&mut self, application: &str, argument: &str, patience: Duration) -> Result<Span, String> {
        let begun = self.line.now();
        let id = new_uuid().to_string();
        let told = |why: Unsafe| why.to_string();
        let leg = Word::new(&self.leg.to_string()).map_err(told)?;
        let execute = Execute {
            argument: Some(Line::new(argument).map_err(told)?),
            event_uuid: Some(Word::new(&id).map_err(told)?),
            ..Execute::new(Some(leg.clone()), Name::new(application).map_err(told)?)
        };
        self.line.send(&Command::Execute(execute)).ok_or("the switch takes no orders")?;
        let response = self.line.ended(&id, patience).await;
        let took = self.line.now().since(begun);
        match response.as_deref() {
            // `_none_` is what speak answers, whatever came of it.
            Some("FILE PLAYED" | "_none_" | "") => Ok(took),
            Some(why) => Err(why.to_owned()),
            None => {
                self.line.api(Ok(ApiCommand::UuidBreak(leg))).await;
                self.line.ended(&id, PATIENCE).await;
                Ok(took)
            }
        }
    }

    /// Begins a recording that ends with the channel. One so short is thrown away by the switch.
    async fn record(&mut self, folder: &str) -> Result<Span, String> {
        let told = |why: Unsafe| why.to_string();
        let file = Line::new(&format!("{folder}/perezvon-doctor-{}.wav", self.leg)).map_err(told)?;
        let leg = Word::new(&self.leg.to_string()).map_err(told)?;
        match self.line.api(Ok(ApiCommand::UuidRecord(leg, file))).await {
            Answer::Said(text) if text.starts_with("+OK") => Ok(Span::ZERO),
            Answer::Said(text) => Err(text),
            Answer::Denied => Err("our user may not ask for it".to_owned()),
            Answer::Unknown | Answer::None => Err("no answer".to_owned()),
        }
    }
}

/// A channel that is no telephone, silent and answered, which ends by itself.
fn silent_channel(leg: Uuid) -> Result<Originate, Unsafe> {
    let mut originate = Originate::new(Endpoint::new("null/perezvon-doctor")?);
    for (name, value) in [
        ("origination_uuid", leg.to_string()),
        ("origination_caller_id_name", "Perezvon doctor".to_owned()),
        ("originate_timeout", "5".to_owned()),
        ("app_disable_expand_variables", "true".to_owned()),
        ("execute_on_originate", format!("sched_hangup +{CAP} ALLOTTED_TIMEOUT")),
        ("process_cdr", "false".to_owned()),
        // What was recorded is shorter, and thrown away.
        ("RECORD_MIN_SEC", (10 * CAP).to_string()),
    ] {
        originate = originate.set(Name::new(name)?, Value::new(&value)?);
    }
    Ok(originate)
}

fn few_words(language: Language) -> &'static str {
    match language {
        Language::Ru => "Раз, два, три.",
        Language::En => "One, two, three.",
    }
}

/// A sound of the studio, by the name that the switch has for it.
async fn rendered(need: &Need, studio: Option<&Studio>) -> Option<String> {
    let studio = studio?;
    let language = need.voices.iter().map(|speaker| speaker.language).find(|language| studio.renders(*language))?;
    let words = few_words(language);
    // Why there is none, is said by the check of this machine.
    studio.make(language, words).await.ok()?;
    studio.of(language, words)
}

#[expect(clippy::disallowed_methods, reason = "an id that no other examination has")]
fn new_uuid() -> Uuid {
    Uuid::new_v4()
}
