//! The whole of it in virtual time: a town, a daemon, the wire between them, faults, and a judge who sees everything.
//!
//! One thread, one queue of moments. Every step goes to the next moment at which something is due, lets everybody who is
//! concerned act, and has the judge look at what has become of it.

use super::{
    faults::{Fault, LATE, frames, is_event},
    house::{House, SWITCH},
    invariants::{Health, Judge, Violation},
    people::Habit,
    random::Random,
    shell::{FlakyStore, Said, Shell},
    switch::{AgentStatus, Caller, Config, ConnId, Outside, Party},
    town::Town,
};
use crate::{
    engine::{
        input::{Cdr, Input, Wish},
        time::{Mono, Now, Span, Wall},
    },
    store::Memory,
    switch::cdr,
};
use std::collections::{BTreeMap, VecDeque};

/// How long a packet takes between the switch and the daemon, at least and at most.
const WIRE: (u64, u64) = (1, 12);
/// How long mod_json_cdr takes to post a record.
const POST: Span = Span(50);
/// After a fault is over, how long the world takes to be itself again.
const RECOVERY: Span = Span::seconds(3);

/// How long ago the daemon was first started: no clock that people set back goes that far.
const BORN: Span = Span::minutes(24 * 60);

/// How long a lost event may stay unnoticed: nothing tells of it but the next look at all channels.
const UNSEEN: Span = Span::seconds(75);

/// What happens in the world without anybody else's doing.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Somebody calls, and waits so long.
    Call(Caller, Span),
    /// Somebody puts the phone down.
    HangUp(Party),
    /// Somebody who is on the phone presses a key.
    Press(Party, char),
    /// Somebody changes their habits.
    Habit(Party, Habit),
    /// A mod_callcenter agent says so.
    Agent(String, AgentStatus),
    /// A phone registers, or is gone.
    Register(String, bool),
    /// A person wants something of the daemon.
    Wish(Wish),
    /// The house's rules change and are read anew.
    Reload(Box<House>),
    /// Something goes wrong.
    Fault(Fault),
    /// What a fault did is over.
    Mend(Mend),
}

/// The end of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// The daemon is started again.
    Start,
    /// The way out is up again.
    Gateway,
    /// Nothing comes late any more.
    OnTime,
}

/// Bytes on their way.
#[derive(Debug, Default)]
struct Wire {
    packets: VecDeque<(Mono, ConnId, Vec<u8>)>,
    last: Mono,
}

impl Wire {
    /// What was sent first comes first.
    fn send(&mut self, at: Mono, conn: ConnId, bytes: Vec<u8>) {
        self.last = self.last.max(at);
        self.packets.push_back((self.last, conn, bytes));
    }

    fn next(&self) -> Option<Mono> {
        self.packets.front().map(|(at, ..)| *at)
    }

    fn take(&mut self, now: Mono) -> Option<(ConnId, Vec<u8>)> {
        self.next().filter(|at| *at <= now)?;
        self.packets.pop_front().map(|(_, conn, bytes)| (conn, bytes))
    }
}

/// The world.
#[derive(Debug)]
pub struct World {
    /// The switch and the people.
    pub town: Town,
    /// The daemon.
    pub shell: Shell,
    /// What it remembers.
    pub store: FlakyStore,
    /// Who sees everything.
    pub judge: Judge,
    /// What was said, and when.
    pub said: Vec<(Now, Said)>,
    /// The house as it is.
    pub house: House,
    /// Everything that happened, by line, if [`World::trace`] was asked for.
    pub log: Vec<String>,
    /// What happened to telephones, and when, under the same condition.
    pub happened: Vec<(Now, Outside)>,
    now: Mono,
    /// The wall clock less the monotonic one.
    clock: i64,
    to_switch: Wire,
    to_daemon: Wire,
    happenings: BTreeMap<(Mono, u64), Happening>,
    last_happening: u64,
    posts: VecDeque<(Mono, Cdr)>,
    spool: Vec<Cdr>,
    /// Records that the daemon has and has not acknowledged: it does when what followed from them is written.
    posted: Vec<Cdr>,
    random: Random,
    cut: Option<usize>,
    lose: u32,
    twice: u32,
    late: bool,
    /// Since when nothing is wrong; in the future while something still is.
    well_since: Mono,
    /// How long the daemon stays down once it has died.
    down_for: Span,
    /// By how much the wall clock was set back.
    set_back: Span,
    steps: u64,
}

impl World {
    /// A world at this wall time, with a daemon that has just been started on an empty store.
    pub fn new(house: House, seed: u64, start: Wall) -> World {
        let mut random = Random::new(seed);
        let now = Now { wall: start, mono: Mono(0) };
        let config = Config { lag: Span(random.between(20, 400)), ..house.switch() };
        let mut shell = Shell::new(house.rules(), SWITCH, &config.password);
        let store = FlakyStore { rows: Memory::new(random.next(), start - BORN), fails_until: Mono(0) };
        shell.start(&store, now);
        World {
            town: Town::new(config, random.next(), now),
            shell,
            store,
            judge: Judge::new(house.clone()),
            said: Vec::new(),
            log: Vec::new(),
            happened: Vec::new(),
            house,
            now: Mono(0),
            clock: start.0,
            to_switch: Wire::default(),
            to_daemon: Wire::default(),
            happenings: BTreeMap::new(),
            last_happening: 0,
            posts: VecDeque::new(),
            spool: Vec::new(),
            posted: Vec::new(),
            random,
            cut: None,
            lose: 0,
            twice: 0,
            late: false,
            well_since: Mono(0),
            down_for: Span::ZERO,
            set_back: Span::ZERO,
            steps: 0,
        }
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        Now { mono: self.now, wall: Wall(self.clock + self.now.0 as i64) }
    }

    /// Writes down everything that happens from now on.
    pub fn trace(&mut self) {
        self.shell.trace = Some(Vec::new());
    }

    /// How many steps there were.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What was broken, in order.
    pub fn violations(&self) -> &[Violation] {
        &self.judge.violations
    }

    /// Something happens at this time.
    pub fn at(&mut self, at: Mono, happening: Happening) {
        self.last_happening += 1;
        self.happenings.insert((at.max(self.now), self.last_happening), happening);
    }

    /// Goes on until this time.
    pub fn run_until(&mut self, until: Mono) {
        while let Some(next) = self.next().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = self.now.max(until);
        self.step();
    }

    /// It is over, once the time that the clock was set back by has passed as well: what should have come to an end by now
    /// is looked for.
    pub fn finish(&mut self) {
        self.run_until(self.now + self.set_back);
        let now = self.now();
        self.judge.finish(&self.store.rows, now);
    }

    fn next(&self) -> Option<Mono> {
        [
            self.town.next_deadline(),
            self.shell.next_deadline(self.now()),
            self.to_switch.next(),
            self.to_daemon.next(),
            self.happenings.keys().next().map(|(at, _)| *at),
            self.posts.front().map(|(at, _)| *at),
            self.judge.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Everything that is due now.
    fn step(&mut self) {
        self.steps += 1;
        let now = self.now();
        self.town.tick(now);
        while let Some(entry) = self.happenings.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let happening = entry.remove();
            if self.shell.trace.is_some() {
                self.log.push(format!("{} {happening:?}", self.now.0));
            }
            self.happens(happening);
        }
        while let Some((conn, bytes)) = self.to_switch.take(self.now) {
            self.town.receive(conn, &bytes, now);
        }
        self.hear_the_switch();
        self.hear_the_callers();
        while let Some((conn, bytes)) = self.to_daemon.take(self.now) {
            match self.shell.conn() == Some(conn) {
                true => self.shell.receive(&bytes),
                false => self.shell.receive_of_caller(conn, &bytes),
            }
        }
        self.post();
        self.run_the_daemon();
        let said: Vec<Said> = std::mem::take(&mut self.shell.said);
        let (happened, health, now) = (self.town.happened(), self.health(), self.now());
        if let Some(told) = self.shell.trace.as_mut().map(std::mem::take) {
            self.log.extend(happened.iter().map(|(at, what)| format!("{} {what:?}", at.mono.0)));
            self.log.extend(told.into_iter().map(|line| format!("{} {line}", self.now.0)));
        }
        self.judge.look(&happened, &said, &self.town.switch, &self.store.rows, now, health);
        if self.shell.trace.is_some() {
            self.happened.extend(happened);
        }
        self.said.extend(said.into_iter().map(|said| (now, said)));
    }

    fn health(&self) -> Health {
        let well = self.well_since.max(self.now) == self.now && self.shell.is_up();
        Health { well_since: well.then_some(self.well_since), late: self.late }
    }

    /// Something is wrong until then, and a little longer.
    fn unwell(&mut self, until: Mono) {
        self.well_since = self.well_since.max(until + RECOVERY);
    }

    // ---- the daemon -----------------------------------------------------------------------------------------------

    fn run_the_daemon(&mut self) {
        let now = self.now();
        // Who is refused what they ask for can keep no promise of a second.
        if !self.shell.is_up() || self.town.switch.has_refused() {
            self.unwell(self.now);
        }
        if self.shell.wants_connection(self.now) {
            let id = self.town.connect();
            self.shell.connected(id);
            self.hear_the_switch();
        }
        self.take_callers();
        let was_alive = self.shell.is_alive();
        let before = self.shell.conn();
        if was_alive && !self.shell.run(&mut self.store, now) {
            self.died(before);
            return;
        }
        for (conn, bytes) in self.shell.take_outputs_of_callers() {
            let at = self.now + self.packet_time();
            self.to_switch.send(at, conn, bytes);
        }
        if self.shell.has_written_all() {
            self.posted.clear();
        }
        if let Some(conn) = self.shell.conn() {
            let bytes = self.shell.take_output();
            if !bytes.is_empty() {
                let at = self.now + self.packet_time();
                self.to_switch.send(at, conn, bytes);
            }
            if self.town.switch.is_closed(conn) && self.to_daemon.packets.is_empty() {
                self.lose_connection();
            }
        }
    }

    /// The switch dials the daemon for a caller whom its dialplan gives; a dead one does not listen.
    fn take_callers(&mut self) {
        let now = self.now();
        for (conn, _) in self.town.switch.calls_out() {
            match self.shell.is_alive() {
                true => self.shell.caller_connected(conn),
                false => self.town.switch.not_taken(conn, now),
            }
        }
        self.town.settle(now);
    }

    /// What the daemon and the switch say to each other on the callers' own connections.
    fn hear_the_callers(&mut self) {
        for conn in self.shell.callers() {
            let bytes = self.town.output(conn);
            if !bytes.is_empty() {
                let at = self.now + self.packet_time();
                self.to_daemon.send(at, conn, bytes);
            } else if self.town.switch.is_closed(conn) && !self.to_daemon.packets.iter().any(|(_, of, _)| *of == conn) {
                self.town.switch.disconnect(conn);
                self.shell.caller_disconnected(conn);
            }
        }
    }

    fn died(&mut self, conn: Option<ConnId>) {
        let callers = self.shell.callers();
        let conn = self.shell.kill().or(conn);
        let now = self.now();
        callers.into_iter().for_each(|conn| self.town.switch.disconnect(conn));
        self.town.settle(now);
        conn.into_iter().for_each(|conn| self.town.switch.disconnect(conn));
        self.spool.append(&mut self.posted);
        self.unwell(self.now + self.down_for);
        let again = self.now + self.down_for;
        self.at(again, Happening::Mend(Mend::Start));
    }

    fn lose_connection(&mut self) {
        if let Some(conn) = self.shell.conn() {
            self.town.switch.disconnect(conn);
        }
        let now = self.now();
        self.shell.disconnected(now);
        self.cut = None;
        self.unwell(self.now);
    }

    // ---- the wire -------------------------------------------------------------------------------------------------

    fn packet_time(&mut self) -> Span {
        let late = if self.late { self.random.below(LATE.0) } else { 0 };
        Span(self.random.between(WIRE.0, WIRE.1) + late)
    }

    fn hear_the_switch(&mut self) {
        let Some(conn) = self.shell.conn() else { return };
        let bytes = self.town.output(conn);
        if bytes.is_empty() {
            return;
        }
        let mut bytes = self.mishandle(bytes);
        if let Some(left) = &mut self.cut {
            let cut = bytes.len() >= *left;
            bytes.truncate(*left);
            *left -= bytes.len();
            if cut {
                // What had arrived is read; then the connection is gone.
                self.shell.receive(&bytes);
                return self.lose_connection();
            }
        }
        let at = self.now + self.packet_time();
        self.to_daemon.send(at, conn, bytes);
    }

    /// Loses events, or lets them come twice.
    fn mishandle(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        if self.lose == 0 && self.twice == 0 {
            return bytes;
        }
        let mut out = Vec::with_capacity(bytes.len());
        for frame in frames(&bytes) {
            let event = is_event(&frame);
            if event && self.lose > 0 {
                self.lose -= 1;
                self.unwell(self.now + UNSEEN);
                self.judge.events_lost();
                continue;
            }
            out.extend_from_slice(&frame);
            if event && self.twice > 0 {
                self.twice -= 1;
                self.unwell(self.now);
                out.extend_from_slice(&frame);
            }
        }
        out
    }

    /// Call detail records go to the daemon, or, when nobody takes them, into the folder that it reads at its start.
    fn post(&mut self) {
        for text in self.town.switch.cdrs() {
            if let Ok(Some(call)) = cdr::parse(text.as_bytes()).map(|record| record.call) {
                self.posts.push_back((self.now + POST, call));
            }
        }
        while self.posts.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, call)) = self.posts.pop_front() else { break };
            match self.shell.is_alive() {
                true => {
                    self.posted.push(call.clone());
                    self.shell.post(call, &self.store);
                }
                false => self.spool.push(call),
            }
        }
    }

    // ---- what happens ---------------------------------------------------------------------------------------------

    fn happens(&mut self, happening: Happening) {
        let now = self.now();
        match happening {
            Happening::Call(caller, patience) => drop(self.town.call(&caller, patience, now)),
            Happening::HangUp(who) => self.town.hang_up(&who, now),
            Happening::Press(who, key) => self.town.press(&who, key, now),
            Happening::Habit(who, habit) => self.town.people.habit(who, habit),
            Happening::Agent(agent, status) => drop(self.town.switch.set_agent(&agent, status, now)),
            Happening::Register(user, here) => self.town.switch.register(&user, here, now),
            Happening::Wish(wish) => {
                if let Wish::Call { number, .. } = &wish {
                    self.judge.wished(*number);
                }
                self.shell.tell(Input::Wish(wish));
            }
            Happening::Reload(house) => {
                self.shell.reload(house.rules());
                self.judge.reload((*house).clone());
                self.house = *house;
            }
            Happening::Fault(fault) => self.fails(fault),
            Happening::Mend(mend) => self.mends(mend),
        }
        self.town.settle(now);
    }

    fn fails(&mut self, fault: Fault) {
        let now = self.now();
        self.unwell(self.now);
        match fault {
            Fault::Cut(bytes) => {
                if self.shell.conn().is_some() {
                    self.cut.get_or_insert(bytes);
                }
            }
            Fault::Lose(events) => self.lose += events,
            Fault::Twice(events) => self.twice += events,
            Fault::Late(span) => {
                self.late = true;
                self.unwell(self.now + span + LATE);
                self.at(self.now + span, Happening::Mend(Mend::OnTime));
            }
            Fault::Refuse(commands) => self.town.switch.refuse(commands),
            Fault::Kill(death, down) => {
                self.down_for = down;
                self.shell.doom(death);
            }
            Fault::Restart => {
                self.town.switch.restart(now);
                self.judge.switch_restarted(self.now);
            }
            Fault::Clock(by) => {
                self.clock = self.clock.saturating_add(by);
                self.set_back.0 += by.min(0).unsigned_abs();
                self.judge.clock_set(self.now);
            }
            Fault::Store(span) => {
                self.store.fails_until = self.store.fails_until.max(self.now + span);
                self.unwell(self.now + span);
            }
            Fault::Gateway(span) => {
                self.town.switch.gateway(super::house::GATEWAY, false);
                self.at(self.now + span, Happening::Mend(Mend::Gateway));
            }
            Fault::Unregister(user, span) => {
                self.town.switch.register(&user, false, now);
                self.at(self.now + span, Happening::Register(user, true));
            }
        }
    }

    fn mends(&mut self, mend: Mend) {
        let now = self.now();
        match mend {
            Mend::Start => {
                if !self.shell.is_alive() {
                    self.shell.start(&self.store, now);
                    for call in std::mem::take(&mut self.spool) {
                        self.posted.push(call.clone());
                        self.shell.post(call, &self.store);
                    }
                }
            }
            Mend::Gateway => self.town.switch.gateway(super::house::GATEWAY, true),
            Mend::OnTime => self.late = false,
        }
    }
}
