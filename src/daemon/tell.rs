//! Facts as log lines. Telephone numbers are masked unless the admin wants them whole.

use crate::engine::{
    effect::Notice,
    number::Number,
    record::{CallRecord, Write},
    time::Wall,
};
use tracing::{debug, info};

/// How telephone numbers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// `+7916***4567`.
    Masked,
    /// As they are.
    Whole,
}

impl Numbers {
    fn show(self, number: Number) -> String {
        match self {
            Numbers::Masked => number.masked(),
            Numbers::Whole => number.to_string(),
        }
    }

    fn of(self, call: &CallRecord) -> String {
        call.number.map_or_else(|| "hidden".to_owned(), |number| self.show(number))
    }
}

/// Which row a write is of, without telephone numbers.
pub(super) fn row(write: &Write) -> String {
    match write {
        Write::Call(call) => format!("call {}", call.id),
        Write::Callback(callback) => format!("callback {}", callback.id),
        Write::Attempt(attempt) => format!("attempt {} of {}", attempt.n, attempt.job),
        Write::Operator(operator) => format!("operator {}", operator.name),
        Write::Paused(paused) => format!("paused {paused}"),
        Write::Block(_) => "a number that is never dialled".to_owned(),
        Write::Unblock(_) => "a number that may be dialled again".to_owned(),
        Write::ListPaused { list, paused } => format!("list {list} paused {paused}"),
        Write::Paper(paper) => format!("{} {}", paper.kind.as_str(), paper.id),
        Write::Discard { kind, id } => format!("{} {id}", kind.as_str()),
        Write::Spent(spent) => format!("cost of trunk {}", spent.trunk),
    }
}

fn time(at: Wall) -> String {
    at.timestamp().to_string()
}

/// Writes a fact into the log.
pub(super) fn notice(notice: &Notice, numbers: Numbers) {
    match notice {
        Notice::CallArrived(call) => {
            info!(call = %call.id, number = numbers.of(call), line = %call.line, "a client calls")
        }
        Notice::CallServed(call) => info!(call = %call.id, operator = call.operator.as_deref(), "the client is served"),
        Notice::CallEnded(call) => info!(
            call = %call.id, number = numbers.of(call), line = %call.line, missed = call.missed.unwrap_or(false),
            talk_s = call.talk.0 / 1000, cause = call.cause, "the client's call is over"
        ),
        Notice::Opened(callback) => info!(
            callback = callback.id.0, number = numbers.show(callback.number), line = %callback.line,
            due = time(callback.due), "a callback is opened"
        ),
        Notice::Reopened(callback) => {
            info!(callback = callback.id.0, due = time(callback.due), "it was a machine: the callback is open again");
        }
        Notice::Operator(view) => {
            let doing = view.state.as_str();
            debug!(operator = &*view.name, ready = view.ready, why = view.why, doing, "the operator's state");
        }
        // The parts of it are told one by one.
        Notice::AtOperator { .. } => {}
        Notice::Blocked(block) => {
            info!(number = numbers.show(block.number), why = %block.why, "asked for, and never dialled");
        }
        Notice::Joined(callback) => info!(callback = callback.id.0, misses = callback.misses, "missed again"),
        Notice::Ringing { callback, attempt, operators, number, .. } => info!(
            callback = callback.0,
            attempt,
            number = numbers.show(*number),
            operators = operators.join(" "),
            "operators are rung"
        ),
        Notice::OperatorAnswered { callback, operator } => {
            info!(callback = callback.0, operator = &**operator, "the operator answered");
        }
        Notice::Dialling { callback, attempt, number, .. } => {
            info!(callback = callback.0, attempt, number = numbers.show(*number), "the client is rung");
        }
        Notice::Joint { callback, operator, number, took, .. } => info!(
            callback = callback.0,
            number = numbers.show(*number),
            operator = &**operator,
            own_call = took,
            "client and operator talk"
        ),
        Notice::AttemptEnded { callback, attempt, outcome, talk, again, .. } => info!(
            callback = callback.0,
            attempt,
            outcome = outcome.as_str(),
            talk_s = talk.0 / 1000,
            again = again.map(time),
            "the attempt is over"
        ),
        Notice::Queued(call) => {
            info!(call = %call.id, number = numbers.of(call), line = %call.line, "the client waits in the queue");
        }
        Notice::Offered { call, operators } => {
            info!(call = %call, operators = operators.join(" "), "operators are rung for the caller");
        }
        Notice::LeftQueue { group, left, waited, in_time } => {
            info!(%group, left = left.as_str(), waited_s = waited.0 / 1000, in_time, "the client has left the queue");
        }
        Notice::OffersOver { job, outcome, .. } => {
            info!(%job, outcome = outcome.as_str(), "no phone rings for it any more")
        }
        Notice::Closed { callback, reason } => {
            info!(callback = callback.id.0, reason = reason.as_str(), "the callback is closed");
        }
    }
}
