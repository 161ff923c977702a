//! `perezvon webhook`: tries a webhook of the configuration, without a daemon; makes a secret for one.

use super::{CONFIG, Failure};
use crate::{
    clock::Clock,
    config::{self, Config, one_of},
    notify::{
        client::{Answer, Client},
        outbox,
        send::{self, shown},
    },
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Subcommand;
use serde_json::json;
use std::{io::Write, path::PathBuf};
use tokio::runtime::Runtime;

/// The event that is sent.
const TEST: &str = "test";

/// What is wanted.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Send an event `test`, and show what comes back
    Test {
        /// NAME of [webhook.NAME], or telegram
        name: String,
        /// The configuration
        #[arg(long, value_name = "FILE", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Make a secret, for both ends
    Secret,
}

/// Does it.
///
/// # Errors
/// The configuration is faulty, or has no such webhook; it does not answer, or refuses.
pub fn run(what: &What, out: &mut impl Write) -> Result<(), Failure> {
    match what {
        What::Secret => Ok(writeln!(out, "{}", new_secret())?),
        What::Test { name, config } => {
            let config = config::load(config).map_err(|faults| Failure::Config(faults.to_string()))?;
            let clock = Clock::of_environment();
            let begun = clock.mark();
            let (to, answer) = Runtime::new()?.block_on(send(name, &config, clock))?;
            let took = clock.since(begun).as_millis();
            let told = answer.map_err(|why| Failure::Failed(format!("{to}: {why}")))?;
            match told.status {
                200..=299 => Ok(writeln!(out, "{to}: {} ({took} ms)", shown(&told))?),
                _ => Err(Failure::Failed(format!("{to}: {} ({took} ms)", shown(&told)))),
            }
        }
    }
}

/// Where it was sent, and what came back.
async fn send(name: &str, config: &Config, clock: Clock) -> Result<(String, Result<Answer, String>), Failure> {
    let (client, now) = (Client::default(), clock.now().wall);
    let webhook = config.notify.webhooks.iter().find(|webhook| *webhook.name == *name);
    let telegram = config.notify.telegram.as_ref().filter(|_| name == outbox::TELEGRAM);
    if let Some(webhook) = webhook {
        let body = outbox::body(TEST, now, &json!({ "text": "perezvon webhook test" }));
        let id = format!("msg_test{:011x}", now.0);
        return Ok((webhook.url.to_string(), send::event(&client, webhook, &id, now, &body).await));
    }
    if let Some(chat) = telegram {
        return Ok((chat.api.to_string(), send::message(&client, chat, "perezvon webhook test").await));
    }
    let mut known: Vec<&str> = config.notify.webhooks.iter().map(|webhook| &*webhook.name).collect();
    known.extend(config.notify.telegram.iter().map(|_| outbox::TELEGRAM));
    Err(Failure::Failed(format!("there is no webhook \"{name}\" in the configuration; {}", one_of(name, &known))))
}

/// A secret as Standard Webhooks writes it, of more than 256 random bits.
#[allow(clippy::disallowed_methods)] // a secret that could be worked out would be none
fn new_secret() -> String {
    let bits = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes);
    format!("whsec_{}", BASE64_STANDARD.encode(bits.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_long_and_never_the_same() {
        let (one, other) = (new_secret(), new_secret());
        let key = BASE64_STANDARD.decode(one.strip_prefix("whsec_").unwrap()).unwrap();
        assert!(one != other && key.len() == 48, "{one}");
    }
}
