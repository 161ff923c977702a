//! The narrator: facts become sentences that a newcomer understands, in Russian or in English.

use super::{
    morning::{Happening, Note},
    summary::{Rows, Summary},
};
use crate::{
    control::Tiding,
    engine::{
        effect::{Alarm, AlarmKind, Notice},
        number::Number,
        record::{CallRecord, CallbackRecord, CallbackState, ChannelId, CloseReason, Origin, Outcome},
        rules::Language,
        time::{Span, Wall},
    },
    sim::switch::{Outside, Party},
    store::JournalRow,
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, net::SocketAddr};

/// The narrator.
pub struct Teller {
    language: Language,
    /// Operators by their directory users.
    names: BTreeMap<String, String>,
    parties: BTreeMap<ChannelId, Party>,
    waits: Vec<Span>,
    /// States that the daemon held impossible.
    pub impossible: usize,
}

impl Teller {
    /// A narrator who knows these people, by their directory users.
    pub fn new(language: Language, names: Vec<(String, String)>) -> Teller {
        let names = names.into_iter().collect();
        Teller { language, names, parties: BTreeMap::new(), waits: Vec::new(), impossible: 0 }
    }

    /// From each miss to its talk.
    pub fn waits(&self) -> Vec<Span> {
        self.waits.clone()
    }

    fn say(&self, ru: impl Into<String>, en: impl Into<String>) -> Option<String> {
        Some(match self.language {
            Language::Ru => ru.into(),
            Language::En => en.into(),
        })
    }

    /// What is said before it begins.
    pub fn welcome(&self, speed: u32, metrics: SocketAddr) -> String {
        let operators: Vec<&str> = self.names.values().map(String::as_str).collect();
        let operators = operators.join(", ");
        self.say(
            format!(
                "Утро небольшого колл-центра, в {speed} раз быстрее жизни. Операторы: {operators}. Линии: site и shop.\n\
                 Кому не ответили, тем даётся три минуты перезвонить самим; потом Perezvon звонит оператору, говорит ему, кто \
                 ждёт, звонит клиенту и соединяет.\nМетрики, пока идёт показ: http://{metrics}/metrics\n"
            ),
            format!(
                "The morning of a small call centre, {speed} times faster than life. Operators: {operators}. Lines: site \
                 and shop.\nWho was missed is given three minutes to call again; then Perezvon rings an operator, says \
                 who is waiting, rings the client and joins the two.\nMetrics while it runs: http://{metrics}/metrics\n"
            ),
        )
        .unwrap_or_default()
    }

    /// Something happens in the town.
    pub fn happening(&self, happening: &Happening) -> Option<String> {
        match happening {
            Happening::Call { note: Some(note), caller, .. } => self.note(*note, &caller.number),
            Happening::Habit { note: Some(note), who: Party::User(user), .. } => self.note(*note, user),
            Happening::Trunk { up: false } => {
                self.say("!! Провайдер не принимает звонки", "!! The provider takes no calls any more")
            }
            Happening::Trunk { up: true } => {
                self.say("!! Провайдер снова принимает звонки", "!! The provider takes calls again")
            }
            Happening::Cut => self.say(
                "!! Связь с телефонной станцией оборвалась; в эту минуту звонит клиент",
                "!! The connection to the switch is cut, and at this moment a client calls",
            ),
            Happening::Call { .. } | Happening::Habit { .. } => None,
        }
    }

    /// An operator puts the phone down in the middle of the announcement.
    pub fn rude(&self, operator: &str) -> Option<String> {
        self.say(
            format!("!! {operator} кладёт трубку, не дослушав"),
            format!("!! {operator} puts the phone down without listening"),
        )
    }

    fn note(&self, note: Note, who: &str) -> Option<String> {
        let name = self.names.get(who).map_or("", String::as_str);
        match note {
            Note::CallsBackInTime => self.say(
                "!! Клиент звонит сам, как раз когда оператору о нём говорят",
                "!! The client calls again, just while an operator is being told of them",
            ),
            Note::Hostile => self.say(
                "!! Звонит клиент с именем ${system(touch /tmp/perezvon)}: это должно остаться просто именем",
                "!! A client calls whose name is ${system(touch /tmp/perezvon)}: it must stay a mere name",
            ),
            Note::Hidden => self.say("!! Звонок со скрытого номера", "!! A call from a hidden number"),
            Note::OwnCall => self.say(
                format!("!! {name} сама набирает пропущенного клиента"),
                format!("!! {name} calls a missed client by herself"),
            ),
            Note::Asleep => self.say(format!("!! {name} не берёт трубку"), format!("!! {name} does not pick up")),
            Note::Awake => self.say(format!("!! {name} снова на месте"), format!("!! {name} is back")),
        }
    }

    /// What a telephone does; only what an operator or a client of a callback hears is told.
    pub fn outside(&mut self, happened: &Outside) -> Option<String> {
        match happened {
            Outside::Invite { channel, party, .. } => {
                self.parties.insert(channel.clone(), party.clone());
                None
            }
            Outside::Gone(id, _) => {
                self.parties.remove(id);
                None
            }
            Outside::Hears(id, text) if !text.is_empty() => {
                let who = match self.parties.get(id)? {
                    Party::User(user) => self.names.get(user)?.clone(),
                    Party::Number(_) => self.say("клиент", "the client")?,
                };
                self.say(format!("     {who} слышит: «{text}»"), format!("     {who} hears: \"{text}\""))
            }
            _ => None,
        }
    }

    /// What the daemon tells.
    pub fn tiding(&mut self, tiding: &Tiding) -> Option<String> {
        match tiding {
            Tiding::Alarm(_, alarm) => self.alarm(alarm),
            Tiding::Notice(at, notice) => self.notice(*at, notice),
        }
    }

    fn alarm(&mut self, alarm: &Alarm) -> Option<String> {
        self.impossible += usize::from(alarm.kind == AlarmKind::Impossible);
        let (ru, en) = match alarm.kind {
            AlarmKind::Impossible => ("невозможное состояние", "an impossible state"),
            AlarmKind::Clock => ("часы прыгнули", "the clock jumped"),
            AlarmKind::Trunk => ("через провайдера не дозвониться", "the trunk cannot carry calls"),
            AlarmKind::Overdue => ("линия пережила свой срок", "a leg outlived its limit"),
            AlarmKind::Store => ("журнал не пишется", "the store takes no writes"),
            AlarmKind::Silent => ("станция молчит", "the switch is silent"),
            AlarmKind::Limit => ("достигнут предел", "a limit was reached"),
            AlarmKind::Hold => ("клиента забыли на удержании", "a client was forgotten on hold"),
            AlarmKind::Cap => ("потрачено всё, что можно за месяц", "a trunk has cost what it may cost a month"),
            AlarmKind::Settings => ("настройки не подходят к файлу", "settings do not fit the file"),
            AlarmKind::Voice => ("объявление не озвучено", "an announcement is not rendered or not played"),
        };
        let text = &alarm.text;
        self.say(format!("  ТРЕВОГА: {ru} ({text})"), format!("  ALARM: {en} ({text})"))
    }

    fn notice(&mut self, at: Wall, notice: &Notice) -> Option<String> {
        match notice {
            Notice::CallArrived(_) | Notice::OperatorAnswered { .. } | Notice::OffersOver { .. } => None,
            Notice::Queued(_) | Notice::Offered { .. } | Notice::LeftQueue { .. } => None,
            Notice::AtOperator { .. } | Notice::Operator(_) | Notice::Reopened(_) => None,
            Notice::CallServed(call) => self.served(call),
            Notice::CallEnded(call) if call.missed == Some(true) && call.number.is_none() => self.say(
                "Пропущен звонок со скрытого номера: он в журнале, перезванивать некому",
                "A call from a hidden number was missed: it is in the journal, there is nobody to call back",
            ),
            Notice::CallEnded(_) => None,
            Notice::Opened(callback) => self.opened(callback),
            Notice::Blocked(_) => None,
            Notice::Joined(callback) => self.say(
                format!("#{}: {} звонит снова, и снова без ответа", callback.id, callback.number),
                format!("#{}: {} called again and was missed again", callback.id, callback.number),
            ),
            Notice::Ringing { callback, operators, number, attempt, .. } => {
                let (who, again) = (operators.join(", "), *attempt > 1);
                let (ru, en) = if again {
                    (format!(" (попытка {attempt})"), format!(" (attempt {attempt})"))
                } else {
                    Default::default()
                };
                self.say(
                    format!("#{callback}: звоним оператору: {who}. Клиент {number}{ru}"),
                    format!("#{callback}: ringing {who} for {number}{en}"),
                )
            }
            Notice::Dialling { callback, number, .. } => self.say(
                format!("#{callback}: оператор на линии, звоним клиенту {number}"),
                format!("#{callback}: the operator is there, ringing the client {number}"),
            ),
            Notice::Joint { callback, operator, number, took, since } => {
                let wait = at.since(*since);
                self.waits.push(wait);
                let (ru, en) = (span(wait, Language::Ru), span(wait, Language::En));
                match took {
                    true => self.say(
                        format!("#{callback}: {number} дозвонился сам, сразу к тому, кому о нём говорили: {operator}"),
                        format!(
                            "#{callback}: {number} called and is put through to {operator}, who was being told of them"
                        ),
                    ),
                    false => self.say(
                        format!("#{callback}: {operator} и {number} говорят, через {ru} после пропущенного звонка"),
                        format!("#{callback}: {operator} and {number} talk, {en} after the missed call"),
                    ),
                }
            }
            Notice::AttemptEnded { callback, outcome, again, .. } => self.attempt(callback.0, *outcome, *again),
            Notice::Closed { callback, reason } => self.closed(callback, reason),
        }
    }

    fn served(&self, call: &CallRecord) -> Option<String> {
        let number = shown(call.number);
        let operator = call.operator.as_deref().unwrap_or("…");
        self.say(
            format!("{number} звонит на {}: отвечает {operator}", call.line),
            format!("{number} calls {}: {operator} answers", call.line),
        )
    }

    fn opened(&self, callback: &CallbackRecord) -> Option<String> {
        let due = clock(callback.due);
        let (id, number, line) = (callback.id, callback.number, &callback.line);
        if let Origin::Web { site } = &callback.origin {
            return self.say(
                format!("ПРОСЯТ ПЕРЕЗВОНИТЬ на сайте {site}: {number}, в {due} (#{id})"),
                format!("ASKED FOR on the site {site}: {number}, at {due} (#{id})"),
            );
        }
        self.say(
            format!("ПРОПУЩЕН {number} на {line}. Перезвоним в {due}, если не дозвонится сам (#{id})"),
            format!("MISSED {number} on {line}. To be called back at {due}, unless they get through before (#{id})"),
        )
    }

    fn attempt(&self, callback: u64, outcome: Outcome, again: Option<Wall>) -> Option<String> {
        let (ru, en) = match outcome {
            // What closes it says the rest.
            Outcome::Talked | Outcome::Cancelled => return None,
            Outcome::Busy => ("у клиента занято", "the client is busy"),
            Outcome::NoAnswer => ("клиент не отвечает", "the client does not answer"),
            Outcome::Invalid => ("такого номера нет", "there is no such number"),
            Outcome::Declined => ("клиент отклонил вызов", "the client declined"),
            Outcome::Machine => ("ответил автоответчик", "a machine answered"),
            Outcome::Postponed => ("клиент просит позвонить позже", "the client asks to be called later"),
            Outcome::Network => ("связи нет, вина не клиента", "no way through, and not the client's fault"),
            Outcome::OperatorUnavailable => ("оператор не ответил", "the operator did not answer"),
            Outcome::OperatorDeclined => ("оператор положил трубку", "the operator put the phone down"),
            Outcome::Unknown => ("чем кончилось, неизвестно", "how it ended is not known"),
        };
        let again_ru = again.map(|at| format!("; снова в {}", clock(at))).unwrap_or_default();
        let again_en = again.map(|at| format!("; again at {}", clock(at))).unwrap_or_default();
        self.say(format!("#{callback}: {ru}{again_ru}"), format!("#{callback}: {en}{again_en}"))
    }

    fn closed(&self, callback: &CallbackRecord, reason: &CloseReason) -> Option<String> {
        let (id, number) = (callback.id, callback.number);
        let why = self.reason(reason)?;
        match self.language {
            Language::Ru => Some(format!("#{id}: {number}: закрыт: {why}")),
            Language::En => Some(format!("#{id}: {number}: closed: {why}")),
        }
    }

    fn reason(&self, reason: &CloseReason) -> Option<String> {
        match reason {
            CloseReason::Talked => self.say("поговорили", "they talked"),
            CloseReason::ClientCalled { .. } => self.say("дозвонился сам", "the client got through"),
            CloseReason::OperatorCalled { operator } => {
                let who = operator.as_deref().unwrap_or("…");
                self.say(format!("оператор позвонил сам: {who}"), format!("{who} had called already"))
            }
            CloseReason::Invalid => self.say("такого номера нет", "there is no such number"),
            CloseReason::Declined => self.say("клиент не хочет звонка", "the client wants no call"),
            CloseReason::AttemptsSpent => self.say("попытки кончились", "tried as often as allowed"),
            CloseReason::Expired => self.say("устарел", "too old"),
            CloseReason::Cancelled { by } => self.say(format!("снят: {by}"), format!("taken off by {by}")),
            CloseReason::DoNotCall { operator } => self
                .say(format!("не звонить, сказал оператор: {operator}"), format!("not to be called, says {operator}")),
            CloseReason::Observed { .. } => self.say("только наблюдали", "only observed"),
        }
    }

    /// The journal, a row a line.
    pub fn journal(&self, rows: &Rows, zone: &TimeZone) -> String {
        let title = self.say("\nЖурнал (звонок, чем кончился):", "\nThe journal (a call, and what came of it):");
        let rows = rows.journal.iter().map(|row| self.row(row, zone));
        title.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }

    fn row(&self, row: &JournalRow, zone: &TimeZone) -> String {
        let call = row.call.as_ref();
        let at = call.map(|call| call.arrived).or(row.callback.as_ref().map(|c| c.opened)).unwrap_or_default();
        let time = at.timestamp().to_zoned(zone.clone()).strftime("%H:%M:%S").to_string();
        let callback = row.callback.as_ref();
        let number = shown(call.map_or_else(|| callback.map(|callback| callback.number), |call| call.number));
        let line = call.map(|call| &*call.line).or(callback.map(|callback| &*callback.line)).unwrap_or_default();
        let what = match call {
            Some(call) if call.missed == Some(true) => self.say("пропущен", "missed"),
            Some(call) if call.served.is_some() => {
                let operator = call.operator.as_deref().unwrap_or("…");
                let talk = span(call.talk, self.language);
                self.say(format!("{operator}, {talk}"), format!("{operator}, {talk}"))
            }
            Some(_) => self.say("без ответа", "unserved"),
            None => self.say("просьба на сайте", "asked for on a site"),
        };
        let callback = row.callback.as_ref().map(|callback| {
            let why = match &callback.state {
                CallbackState::Closed { reason, .. } => self.reason(reason),
                _ => self.say("открыт", "open"),
            };
            format!(" -> #{} {}", callback.id, why.unwrap_or_default())
        });
        format!("{time}  {number:<13} {line:<5} {}{}", what.unwrap_or_default(), callback.unwrap_or_default())
    }

    /// The numbers of the morning.
    pub fn summary(&self, summary: &Summary, lasted: Span) -> String {
        let lasted = span(lasted, self.language);
        let time = |at: Option<Span>| at.map_or_else(|| "-".to_owned(), |at| span(at, self.language));
        let (median, worst) = (time(summary.median), time(summary.worst));
        let why: Vec<String> = summary.why.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
        let Summary { calls, missed_calls, missed, recovered, cancelled, gave_up, attempts, violations, .. } = summary;
        let mut text = self
            .say(
                format!(
                    "\nИтог за {lasted}: звонков {calls}, пропущено {missed_calls}, это {missed} клиентов с номером.\n\
                     Перезвонили и поговорили: {recovered}. Не понадобилось, дозвонились сами или им позвонили: {cancelled}. \
                     Не вышло: {gave_up}{why}.\nПопыток {attempts}. От пропущенного звонка до разговора: обычно {median}, \
                     дольше всего {worst}.\nНарушений того, чего быть не должно: {}.",
                    violations.len()
                ),
                format!(
                    "\nIn {lasted}: {calls} calls, {missed_calls} missed, of {missed} clients with a number.\n\
                     Called back and talked with: {recovered}. Not needed, since they got through or were called: \
                     {cancelled}. Not reached: {gave_up}{why}.\n{attempts} attempts. From the missed call to the talk: \
                     {median} in the middle, {worst} at worst.\nThings that must never happen and did: {}.",
                    violations.len()
                ),
            )
            .unwrap_or_default();
        let stall = summary.stall.as_millis();
        let slow = self.say(
            format!(
                "\nМашина не поспевала до {stall} мс подряд: чего за это время нельзя было узнать, то не судили. \
                 Медленнее: --speed 60."
            ),
            format!(
                "\nThe machine fell behind by up to {stall} ms: what nobody could know meanwhile was not judged. Slower: \
                 --speed 60."
            ),
        );
        text.extend(slow.filter(|_| summary.stall > super::FAIR));
        for violation in violations {
            text.push_str(&format!("\n  {violation}"));
        }
        text
    }
}

fn shown(number: Option<Number>) -> String {
    number.map_or_else(|| "***".to_owned(), |number| number.to_string())
}

fn clock(at: Wall) -> String {
    at.timestamp().to_zoned(super::zone()).strftime("%H:%M:%S").to_string()
}

fn span(span: Span, language: Language) -> String {
    let seconds = span.0 / 1000;
    let (s, min, h) = match language {
        Language::Ru => ("с", "мин", "ч"),
        Language::En => ("s", "min", "h"),
    };
    match seconds {
        0..60 => format!("{seconds} {s}"),
        60..3600 => format!("{} {min} {:02} {s}", seconds / 60, seconds % 60),
        _ => format!("{} {h} {:02} {min}", seconds / 3600, seconds / 60 % 60),
    }
}
