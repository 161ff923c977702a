//! `Idempotency-Key`: a request that is sent again under the same key is answered as it was, and not done again.
//!
//! Kept in memory: after a restart of the daemon a key is new. What is asked here is harmless twice, too: a number has at most
//! one open callback.

use super::problem::Problem;
use crate::{
    control::{Handle, Tiding},
    engine::{effect::Notice, number::Number},
};
use axum::http::{HeaderMap, StatusCode};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::sync::broadcast::error::RecvError;

/// How many keys are remembered.
const MOST_KEYS: usize = 10_000;
/// The longest key, in characters.
const LONGEST_KEY: usize = 128;

/// What was asked lately under a key.
#[derive(Debug, Default)]
pub struct Once {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<String, (String, Option<serde_json::Value>)>,
    order: VecDeque<String>,
}

/// What is to be done with a request.
pub enum Turn {
    /// Do it; the answer is to be told with [`Once::done`] under this key, if there is one.
    First(Option<String>),
    /// It was done: this was the answer.
    Again(serde_json::Value),
}

impl Once {
    /// Asks for a turn. `who` and `what` are the caller and the request: a key is theirs alone.
    ///
    /// # Errors
    /// The key is none; it was used for another request; the first one is under way.
    pub fn turn(&self, headers: &HeaderMap, who: &str, what: &str) -> Result<Turn, Problem> {
        let Some(given) = headers.get("idempotency-key") else { return Ok(Turn::First(None)) };
        let fits =
            |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        let key = given.to_str().ok().filter(fits);
        let key = key.ok_or_else(|| {
            Problem::malformed(format!("an Idempotency-Key has 1 to {LONGEST_KEY} printable characters"))
        })?;
        let key = format!("{who}\n{key}");
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match kept.by_key.get(&key) {
            None => {
                if kept.order.len() == MOST_KEYS
                    && let Some(oldest) = kept.order.pop_front()
                {
                    kept.by_key.remove(&oldest);
                }
                kept.order.push_back(key.clone());
                kept.by_key.insert(key.clone(), (what.to_owned(), None));
                Ok(Turn::First(Some(key)))
            }
            Some((before, _)) if before != what => {
                let detail = "this Idempotency-Key was used for another request: choose a new one";
                Err(Problem::new(StatusCode::CONFLICT, "key-reused", detail))
            }
            Some((_, None)) => {
                let detail = "the request with this Idempotency-Key is under way: ask again in a moment";
                Err(Problem::new(StatusCode::CONFLICT, "under-way", detail))
            }
            Some((_, Some(answer))) => Ok(Turn::Again(answer.clone())),
        }
    }

    /// Like a new one, which forgets what it was told of clients who are forgotten.
    pub fn of(handle: &Handle) -> Arc<Once> {
        let once = Arc::new(Once::default());
        let (mut tidings, keeper) = (handle.listen(), once.clone());
        tokio::spawn(async move {
            loop {
                match tidings.recv().await {
                    Ok(Tiding::Notice(_, notice)) => {
                        if let Notice::Forgotten(number) = *notice {
                            keeper.forget(number);
                        }
                    }
                    Ok(Tiding::Alarm(..)) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        once
    }

    fn forget(&self, number: Number) {
        let number = number.to_string();
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Kept { by_key, order } = &mut *kept;
        order.retain(|key| {
            let names = by_key.get(key).is_some_and(|(what, answer)| {
                what.contains(&number) || answer.as_ref().is_some_and(|answer| answer.to_string().contains(&number))
            });
            if names {
                by_key.remove(key);
            }
            !names
        });
    }

    /// It was done, with this answer; `None`: it was refused, and may be asked again under the same key.
    pub fn done(&self, key: Option<String>, answer: Option<&serde_json::Value>) {
        let Some(key) = key else { return };
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match answer {
            Some(answer) => {
                if let Some((_, kept)) = kept.by_key.get_mut(&key) {
                    *kept = Some(answer.clone());
                }
            }
            None => {
                kept.by_key.remove(&key);
                kept.order.retain(|other| *other != key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str) -> HeaderMap {
        HeaderMap::from_iter([("idempotency-key".parse().unwrap(), key.parse().unwrap())])
    }

    #[test]
    fn the_second_time_is_answered_as_the_first() {
        let once = Once::default();
        let Ok(Turn::First(key)) = once.turn(&with("k"), "crm", "a") else { panic!("it is the first") };
        assert!(matches!(once.turn(&with("k"), "crm", "a"), Err(problem) if problem.code == "under-way"));
        once.done(key, Some(&serde_json::json!(1)));
        assert!(matches!(once.turn(&with("k"), "crm", "a"), Ok(Turn::Again(answer)) if answer == 1));
        assert!(matches!(once.turn(&with("k"), "crm", "b"), Err(problem) if problem.code == "key-reused"));
        assert!(matches!(once.turn(&with("k"), "site", "b"), Ok(Turn::First(_))), "a key is one caller's");
        assert!(matches!(once.turn(&HeaderMap::new(), "crm", "a"), Ok(Turn::First(None))));
    }

    #[test]
    fn what_was_refused_may_be_asked_again() {
        let once = Once::default();
        let Ok(Turn::First(key)) = once.turn(&with("k"), "crm", "a") else { panic!("it is the first") };
        once.done(key, None);
        assert!(matches!(once.turn(&with("k"), "crm", "a"), Ok(Turn::First(_))));
    }

    #[test]
    fn the_oldest_keys_are_forgotten() {
        let once = Once::default();
        for n in 0..=MOST_KEYS {
            let Ok(Turn::First(key)) = once.turn(&with(&n.to_string()), "crm", "a") else { panic!("{n}") };
            once.done(key, Some(&serde_json::json!(n)));
        }
        assert!(matches!(once.turn(&with("0"), "crm", "a"), Ok(Turn::First(_))));
        assert!(matches!(once.turn(&with("9"), "crm", "a"), Ok(Turn::Again(_))));
    }
}
