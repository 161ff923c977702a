//! What happens on the morning: some sixty calls, most of them ordinary, and one of every kind of trouble.

use crate::{
    engine::{rules::Language, time::Now, time::Span},
    sim::{
        house::{House, LineOf, Reception},
        people::{Habit, Reaction},
        random::Random,
        switch::{AgentStatus, Caller, Config, Party, dialplan::Step},
        town::Town,
    },
};
use std::{collections::VecDeque, net::SocketAddr, path::Path};

/// The time zone of the house.
pub const ZONE: &str = "Europe/Moscow";
/// The last ordinary client calls by then; the rest of the morning is for calling back.
const CALLS_UNTIL: u64 = 115;
/// Ordinary clients; the troubled ones come to them.
const ORDINARY: u64 = 42;
/// How long a missed client is given to call again.
const TRACK: Span = Span::minutes(3);
/// The two lines, with what clients dial.
const SITE: (&str, &str) = ("site", "+74951112233");
const SHOP: (&str, &str) = ("shop", "+74951112244");

/// Something that happens in the town.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Somebody calls.
    Call {
        /// Who.
        caller: Caller,
        /// How long they wait.
        patience: Span,
        /// What is odd about it.
        note: Option<Note>,
    },
    /// Somebody's habits change.
    Habit {
        /// Whose.
        who: Party,
        /// What they are from now on.
        habit: Habit,
        /// What is odd about it.
        note: Option<Note>,
    },
    /// The way out breaks, or is mended.
    Trunk {
        /// Is it up?
        up: bool,
    },
    /// The connection to the switch is cut.
    Cut,
}

/// What happens at the moment at which an operator is told of a client.
#[derive(Clone, Debug)]
pub enum Cue {
    /// The client calls again.
    ClientCalls(Happening),
    /// The operator puts the phone down.
    OperatorHangsUp,
}

/// What is worth a word of the narrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The client calls again while the operator is being told of them.
    CallsBackInTime,
    /// The client's name is an attack.
    Hostile,
    /// The number is hidden.
    Hidden,
    /// An operator calls a missed client by herself.
    OwnCall,
    /// An operator leaves the desk and stays logged in.
    Asleep,
    /// An operator is back.
    Awake,
}

/// The morning.
pub struct Morning {
    house: House,
    language: Language,
    seed: u64,
}

impl Morning {
    /// The morning of this seed.
    pub fn new(seed: u64, language: Language) -> Morning {
        let operators: [&str; 4] = match language {
            Language::Ru => ["Анна", "Борис", "Вера", "Глеб"],
            Language::En => ["Anna", "Boris", "Vera", "Gleb"],
        };
        let operators: Vec<String> = operators.map(str::to_owned).into();
        let line = |(name, number): (&str, &str), reception| {
            let number = number.parse().ok()?;
            Some(LineOf::new(name, number, reception))
        };
        let reception = operators[..2].to_vec();
        let lines = [line(SITE, Reception::Direct(reception, Span::seconds(15))), line(SHOP, Reception::Queue)];
        let house = House { operators, lines: lines.into_iter().flatten().collect(), ..House::default() };
        Morning { house, language, seed }
    }

    /// The operators by their directory users.
    pub fn names(&self) -> Vec<(String, String)> {
        self.house.operators.iter().filter_map(|name| Some((self.house.user(name)?, name.clone()))).collect()
    }

    /// How long a missed client is given to call again.
    pub fn track(&self) -> Span {
        TRACK
    }

    /// The pretend switch.
    pub fn switch(&self) -> Config {
        let mut config = self.house.switch();
        let own = client(OWN_CALL);
        config.dialplan.insert(own.clone(), vec![Step::Bridge(format!("sofia/gateway/provider/{own}"))]);
        config
    }

    /// How people are when the morning begins.
    pub fn prepare(&self, town: &mut Town, now: Now) {
        for (user, _) in self.names() {
            town.people.habit(Party::User(user.clone()), busy_operator());
            town.switch.set_agent(&format!("{user}@default"), AgentStatus::Available, now);
        }
        for (n, reactions) in habits() {
            let habit = Habit { reactions, talks: Span::seconds(50), presses: None, hands_on: None, calls: 1 };
            town.people.habit(Party::Number(client(n)), habit);
        }
        let mut random = Random::new(self.seed);
        for n in 0..ORDINARY {
            let answers = Reaction::Answers(Span(random.between(1500, 9000)));
            let talks = Span::seconds(random.between(40, 240));
            town.people.habit(Party::Number(client(ordinary(n))), Habit::always(answers).talking(talks));
        }
    }

    /// What the daemon is configured with: as an admin would write it.
    pub fn configuration(&self, switch: SocketAddr, folder: &Path) -> String {
        let language = match self.language {
            Language::Ru => "ru",
            Language::En => "en",
        };
        let operators: String = self
            .names()
            .iter()
            .map(|(user, name)| {
                format!("[[operator]]\nname = \"{name}\"\ndial = \"user/{user}\"\nagent = \"{user}@default\"\n")
            })
            .collect();
        format!(
            "[switch.main]\naddress = \"{switch}\"\npassword = \"pretend\"\n\
             [store]\nurl = \"sqlite:{}\"\n\
             [defaults]\nlanguage = \"{language}\"\ntime_zone = \"{ZONE}\"\ncountry = \"RU\"\n\
             [defaults.redial]\ntrack = \"{}\"\nattempts = 3\nring = \"20s\"\nbusy = {{ after = \"2m\" }}\n\
             no_answer = {{ after = \"12m\" }}\nnetwork = {{ after = \"2m\" }}\n\
             [calendar.main]\nhours = \"mon-fri 09:00-20:00\"\n\
             [trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\nchannels = 8\n\
             {operators}\
             [[line]]\nname = \"{}\"\nnumbers = [\"{}\"]\ncalendar = \"main\"\n\
             [[line]]\nname = \"{}\"\nnumbers = [\"{}\"]\ncalendar = \"main\"\ncallcenter = \"{}@default\"\n",
            folder.join("demo.db").display(),
            TRACK,
            SITE.0,
            SITE.1,
            SHOP.0,
            SHOP.1,
            SHOP.0,
        )
    }

    /// What happens when an operator is told of this client for the first time.
    pub fn cue(&self, number: &str) -> Option<Cue> {
        let calls = || call(IN_TIME, SHOP, Span::minutes(2), Some(Note::CallsBackInTime));
        match number {
            number if number == client(IN_TIME) => Some(Cue::ClientCalls(calls())),
            number if number == client(DURING_RUDE) => Some(Cue::OperatorHangsUp),
            _ => None,
        }
    }

    /// Everything that happens, by the time since the beginning.
    pub fn plan(&self) -> Vec<(Span, Happening)> {
        let mut random = Random::new(self.seed ^ 0x0da7);
        let mut plan = troubles(self);
        for n in 0..ORDINARY {
            let at = Span::seconds(random.between(90, CALLS_UNTIL * 60));
            let line = if random.chance(60) { SITE } else { SHOP };
            let patience =
                Span::seconds(if random.chance(30) { random.between(5, 12) } else { random.between(20, 60) });
            plan.push((at, call(ordinary(n), line, patience, None)));
        }
        plan.sort_by_key(|(at, _)| *at);
        plan
    }
}

// The troubled clients, by their numbers. Each gives up before anybody is there, so that each is missed.
const BUSY: u64 = 1;
const NEVER: u64 = 2;
const INVALID: u64 = 3;
const DECLINES: u64 = 4;
const EARLY: u64 = 5;
const CALLS_AGAIN: u64 = 7;
const IN_TIME: u64 = 8;
const HOSTILE: u64 = 9;
const OWN_CALL: u64 = 10;
const DURING_SLEEP: u64 = 11;
const DURING_RUDE: u64 = 12;
const DURING_TRUNK: u64 = 13;
const DURING_CUT: u64 = 14;
const TWICE: u64 = 15;

/// How the troubled clients' phones react when they are called back.
fn habits() -> Vec<(u64, VecDeque<Reaction>)> {
    let answers = Reaction::Answers(Span::seconds(4));
    [
        (BUSY, vec![Reaction::Refuses(486), answers]),
        (NEVER, vec![Reaction::Ignores]),
        (INVALID, vec![Reaction::Refuses(404)]),
        (DECLINES, vec![Reaction::Refuses(603)]),
        (EARLY, vec![Reaction::EarlyMedia, answers]),
        (DURING_TRUNK, vec![answers]),
        (OWN_CALL, vec![answers]),
    ]
    .map(|(who, reactions)| (who, reactions.into()))
    .into()
}

/// An operator answers within seconds, and talks for as long as the client does.
fn busy_operator() -> Habit {
    Habit::always(Reaction::Answers(Span::seconds(4))).talking(Span::minutes(6))
}

fn ordinary(n: u64) -> u64 {
    100 + n
}

/// The digits of the n-th client.
fn client(n: u64) -> String {
    format!("7916{:07}", 1_000_000 + n * 137)
}

fn call(n: u64, line: (&str, &str), patience: Span, note: Option<Note>) -> Happening {
    let caller = Caller {
        user: None,
        number: client(n),
        name: String::new(),
        dialled: line.1.trim_start_matches('+').to_owned(),
    };
    Happening::Call { caller, patience, note }
}

/// Too short for anybody to answer: a miss.
const HASTY: Span = Span::seconds(3);

fn troubles(morning: &Morning) -> Vec<(Span, Happening)> {
    let at = |minutes: u64, seconds: u64| Span::seconds(minutes * 60 + seconds);
    let missed = |n| call(n, SITE, HASTY, None);
    let mut plan = vec![
        (at(3, 0), missed(BUSY)),
        (at(7, 0), missed(CALLS_AGAIN)),
        (at(8, 10), call(CALLS_AGAIN, SITE, Span::minutes(2), None)),
        (at(11, 0), missed(NEVER)),
        (at(14, 0), missed(INVALID)),
        (at(18, 0), missed(DECLINES)),
        (at(22, 0), missed(EARLY)),
        (at(26, 0), missed(IN_TIME)),
        (at(34, 0), named(HOSTILE, "${system(touch /tmp/perezvon)}", Some(Note::Hostile))),
        (at(38, 0), hidden()),
        (at(46, 0), missed(OWN_CALL)),
        (at(47, 30), own_call(morning)),
        (at(52, 0), missed(TWICE)),
        (at(53, 0), missed(TWICE)),
        (at(70, 0), missed(DURING_TRUNK)),
        (at(72, 0), Happening::Trunk { up: false }),
        (at(77, 0), Happening::Trunk { up: true }),
        (at(84, 0), Happening::Cut),
        (at(84, 0), missed(DURING_CUT)),
    ];
    for (user, _) in morning.names().into_iter().take(2) {
        let who = Party::User(user);
        let asleep = Habit::always(Reaction::Ignores).talking(Span::minutes(6));
        let habit = |habit, note| Happening::Habit { who: who.clone(), habit, note: Some(note) };
        plan.push((at(57, 0), habit(asleep, Note::Asleep)));
        plan.push((at(62, 0), habit(busy_operator(), Note::Awake)));
    }
    plan.push((at(57, 5), missed(DURING_SLEEP)));
    plan.push((at(63, 0), missed(DURING_RUDE)));
    plan
}

fn named(n: u64, name: &str, note: Option<Note>) -> Happening {
    let Happening::Call { mut caller, patience, .. } = call(n, SITE, HASTY, note) else { return Happening::Cut };
    caller.name = name.to_owned();
    Happening::Call { caller, patience, note }
}

fn hidden() -> Happening {
    let dialled = SITE.1.trim_start_matches('+').to_owned();
    let caller = Caller { user: None, number: "anonymous".into(), name: String::new(), dialled };
    Happening::Call { caller, patience: HASTY, note: Some(Note::Hidden) }
}

/// The third operator calls a missed client by herself.
fn own_call(morning: &Morning) -> Happening {
    let user = morning.names().into_iter().map(|(user, _)| user).nth(2);
    let number = user.clone().unwrap_or_default();
    let caller = Caller { user, number, name: String::new(), dialled: client(OWN_CALL) };
    Happening::Call { caller, patience: Span::minutes(1), note: Some(Note::OwnCall) }
}
