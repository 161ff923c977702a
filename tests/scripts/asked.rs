//! What an admin asks in a scenario, and the sentence that is the answer.

use super::TimeZone;
use perezvon::{
    engine::{
        explain::{self, Explanation, Forecast},
        number::Number,
        record::CallbackState,
        time::{Span, Wall},
    },
    report::{By, Fold, Row, Totals},
    sim::world::World,
    store::{CallbackFilter, JournalQuery, StoryQuery},
};
use std::sync::Arc;

/// A question.
#[derive(Debug)]
pub enum Question {
    /// Why this client is not dialled, or what became of it.
    Why(String, Number),
    /// What would come of a call of this client on this line, were it missed now.
    Foresee(String, Number, String),
    /// What was done, and what it cost.
    Report,
}

/// The answer, and when the client is to be dialled, if that is told.
type Told = Result<(Vec<String>, Option<Wall>), String>;

impl Question {
    /// Asks it now. `time`: how a time is told.
    pub fn ask(&self, world: &World, time: impl Fn(Wall) -> String) -> Told {
        let next_at = |next: Option<Wall>| next.map_or("never".to_owned(), |at| time(at).trim().to_owned());
        match self {
            Question::Why(name, number) => why(world, name, *number, next_at),
            Question::Foresee(name, number, line) => foresee(world, name, *number, line, next_at),
            Question::Report => Ok((report(world), None)),
        }
    }
}

fn why(world: &World, name: &str, number: Number, next_at: impl Fn(Option<Wall>) -> String) -> Told {
    let filter = CallbackFilter { number: Some(number), ..CallbackFilter::default() };
    let rows = &world.store.rows;
    let callback = rows.callbacks(&filter).pop().ok_or_else(|| format!("{name} has no callback"))?;
    let calls = rows.journal(&JournalQuery { number: Some(number), ..JournalQuery::default() }).into_iter();
    let call = calls.filter_map(|row| row.call).rfind(|call| call.callback == Some(callback.id));
    let rules = world.house.rules();
    let line = rules.lines.get(&callback.line).ok_or("its line is gone")?;
    let rule = call.and_then(|call| explain::why_missed(&call, line)).unwrap_or_else(|| "was asked for".to_owned());
    if let CallbackState::Closed { reason, .. } = &callback.state {
        return Ok((vec![format!("told of {name}: the client {rule}; over: {}", reason.as_str())], None));
    }
    let engine = world.shell.engine().ok_or("the daemon is dead")?;
    let Explanation { vetoes, next, .. } = engine.explain(callback.id, world.now()).ok_or("it is not open")?;
    let vetoes: Vec<&str> = vetoes.iter().map(|veto| veto.as_str()).collect();
    let now =
        if vetoes.is_empty() { "it is dialled now".to_owned() } else { format!("not now: {}", vetoes.join(", ")) };
    Ok((vec![format!("told of {name}: the client {rule}; {now}; next {}", next_at(next))], next))
}

fn foresee(world: &World, name: &str, number: Number, line: &str, next_at: impl Fn(Option<Wall>) -> String) -> Told {
    let rules = world.house.rules();
    let line = rules.lines.get(line).ok_or_else(|| format!("no line is called {line:?}"))?;
    let engine = world.shell.engine().ok_or("the daemon is dead")?;
    let Forecast { blocked, rule, next, .. } = engine.foresee(number, line, world.now().wall);
    let told = match (blocked, rule) {
        (Some(block), _) => return Ok((vec![format!("told of {name}: never: {}", block.why)], None)),
        (None, None) => return Ok((vec![format!("told of {name}: never: an unserved call is not missed")], None)),
        (None, Some(rule)) => format!("told of {name}: missed, when the client {rule}; next {}", next_at(next)),
    };
    Ok((vec![told], next))
}

/// A sentence of each line, and one of all.
fn report(world: &World) -> Vec<String> {
    let mut fold = Fold::new(Arc::new(world.house.rules()), Some(By::Line), TimeZone::UTC);
    let rows = &world.store.rows;
    rows.journal(&JournalQuery::default()).iter().filter_map(|row| row.call.as_ref()).for_each(|call| fold.call(call));
    rows.stories(&StoryQuery::default()).iter().for_each(|story| fold.story(story));
    let report = fold.finish(None, None);
    let currency = report.currency.as_deref().unwrap_or("nothing");
    let told = |name: &str, totals: &Totals| {
        let seconds = |span: Span| Span::seconds(span.0 / 1000);
        format!(
            "report of {name}: {} missed, {} recovered, {} attempts, wait {}, talk {}, cost {} {currency}",
            totals.missed,
            totals.recovered,
            totals.attempts,
            seconds(totals.wait),
            seconds(totals.talk),
            totals.cost,
        )
    };
    let lines = report.rows.iter().map(|Row { name, totals }| told(name, totals));
    lines.chain([told("all", &report.total)]).collect()
}
