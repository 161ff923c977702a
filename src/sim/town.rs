//! The switch and the people together: what is outside the daemon. The demonstration and the test of sudden death run
//! their daemon against this one over a real socket; the simulation runs its own inside.

use super::{
    people::{Habit, People, Reaction},
    switch::{Caller, Config, ConnId, Outside, Party, PretendSwitch},
};
use crate::engine::{
    record::ChannelId,
    time::{Mono, Now, Span},
};

/// A pretend switch with everybody who has a telephone.
#[derive(Debug)]
pub struct Town {
    /// The switch.
    pub switch: PretendSwitch,
    /// The people.
    pub people: People,
    happened: Vec<(Now, Outside)>,
}

impl Town {
    /// A town at this time.
    pub fn new(config: Config, seed: u64, now: Now) -> Town {
        Town { switch: PretendSwitch::new(config, seed, now), people: People::new(seed ^ 1), happened: Vec::new() }
    }

    /// Somebody connects to the event socket.
    pub fn connect(&mut self) -> ConnId {
        self.switch.connect()
    }

    /// Bytes from a listener.
    pub fn receive(&mut self, conn: ConnId, bytes: &[u8], now: Now) {
        self.switch.receive(conn, bytes, now);
        self.settle(now);
    }

    /// What a listener has to read.
    pub fn output(&mut self, conn: ConnId) -> Vec<u8> {
        self.switch.output(conn)
    }

    /// When [`Town::tick`] is wanted next.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.switch.next_deadline().into_iter().chain(self.people.next_deadline()).min()
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Now) {
        while let Some(at) = self.next_deadline().filter(|at| *at <= now.mono) {
            let then = Now { mono: at, wall: now.wall - now.mono.since(at) };
            self.switch.tick(then);
            self.settle(then);
            self.people.tick(&mut self.switch, then);
            self.settle(then);
        }
        self.switch.tick(now);
    }

    /// Somebody calls, and waits so long; nothing happens when they are on the phone already.
    pub fn call(&mut self, caller: &Caller, patience: Span, now: Now) -> Option<ChannelId> {
        let party = match &caller.user {
            Some(user) => Party::User(user.clone()),
            None => Party::Number(caller.number.clone()),
        };
        if self.people.is_busy(&party) {
            return None;
        }
        let id = self.people.call(&mut self.switch, caller, patience, now);
        self.settle(now);
        Some(id)
    }

    /// Somebody puts the phone down.
    pub fn hang_up(&mut self, who: &Party, now: Now) {
        self.people.hang_up(who, &mut self.switch, now);
        self.settle(now);
    }

    /// Somebody who is on the phone presses a key.
    pub fn press(&mut self, who: &Party, key: char, now: Now) {
        self.people.press_now(who, key, &mut self.switch, now);
        self.settle(now);
    }

    /// Says how somebody is.
    pub fn habit(&mut self, who: Party, reaction: Reaction, talks: Span) {
        self.people.habit(who, Habit::always(reaction).talking(talks));
    }

    /// What happened to telephones since the last time, and when: the truth.
    pub fn happened(&mut self) -> Vec<(Now, Outside)> {
        std::mem::take(&mut self.happened)
    }

    /// Tells the people what the switch did to their telephones.
    pub fn settle(&mut self, now: Now) {
        // The exchange greets before the switch knows that it answered.
        self.happened.extend(self.people.outside().into_iter().map(|happened| (now, happened)));
        for happened in self.switch.outside() {
            self.people.hear(&happened, &self.switch, now);
            self.happened.push((now, happened));
        }
    }
}
