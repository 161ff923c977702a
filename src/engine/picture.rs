//! What operators see: for whom their phones ring, who that is, and when it is over.

use super::{
    Name,
    attempt::{Attempt, Stage},
    effect::{Client, Moment, Notice},
    machine::{Cx, Engine, Kind},
    record::{Job, Role},
};

impl Engine {
    /// Shows these operators the client for whom their phones ring or talk. Nothing else is asked of a page to draw it.
    pub(super) fn show(&self, operators: Vec<Name>, at: &Attempt, moment: Moment, cx: &mut Cx) {
        cx.notice(Notice::AtOperator { operators, moment, client: self.client_of(at).map(Box::new) });
    }

    fn client_of(&self, at: &Attempt) -> Option<Client> {
        match at.id() {
            Job::Callback(id) => self.callbacks.get(&id).cloned().map(Client::Callback),
            Job::Live(_) => match &self.channels.get(at.record.took.as_ref()?)?.kind {
                Kind::Caller(caller) => Some(Client::Call(caller.record.clone())),
                Kind::Operator { .. } | Kind::Leg(_) => None,
            },
        }
    }

    /// No phone of this operator's rings or talks for the client any more.
    pub(super) fn leave_operator(&mut self, at: &Attempt, name: &Name, cx: &mut Cx) {
        if self.release(name, at.id()) {
            self.show(vec![name.clone()], at, Moment::Over, cx);
            self.tell_operator(name, cx);
        }
    }
}

impl Attempt {
    /// What this operator's phone does for the client.
    pub(super) fn moment_of(&self, name: &Name) -> Option<Moment> {
        let rung = self.record.legs.iter().any(|leg| leg.role == Role::Operator && leg.who == *name);
        let won = self.winner.is_some_and(|leg| self.record.legs[leg].who == *name);
        Some(match self.stage {
            _ if !rung => return None, // kept free, and not rung yet
            Stage::Talking if won => Moment::Talks,
            _ if won => Moment::Answered,
            _ => Moment::Rings,
        })
    }
}
