//! What has been kept for longer than the admin wants is removed once a day; announcements that name a client who is forgotten, at once.

use crate::{
    clock::Clock,
    config::Keep,
    control::{Service, Tiding},
    engine::{effect::Notice, forget::Prune},
    store::Old,
    voice::studio::Studio,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::broadcast::error::RecvError, time::sleep};
use tracing::{info, warn};

/// How often it is looked for what is too old.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Between two parts of it, so that calls are not kept waiting.
const BREATH: Duration = Duration::from_millis(200);
/// After so long nobody is still about to hear an announcement of a client who is forgotten.
const SPOKEN: Duration = Duration::from_secs(30);

/// Removes what is too old at the start and then once a day, for as long as the daemon lives.
pub async fn daily(service: Service, keep: Keep, studio: Option<Arc<Studio>>, clock: Clock) {
    loop {
        let now = clock.now().wall;
        match remove(&service, &keep.prune(now)).await {
            Ok(removed) if removed.sum() == 0 => {}
            Ok(Old { calls, callbacks, requests, messages, chats, notes }) => {
                info!(calls, callbacks, requests, messages, chats, notes, "what was too old is removed");
            }
            Err(why) => warn!("what is too old is kept for another day: {why}"),
        }
        if let (Some(studio), Some(span)) = (&studio, keep.sounds) {
            studio.forget_before(now - span);
        }
        sleep(EVERY).await;
    }
}

/// Removes all of it, part by part; gives how much there was.
async fn remove(service: &Service, prune: &Prune) -> Result<Old, String> {
    let there = service.old(prune).await.map_err(|refusal| refusal.text)?;
    let mut left = there;
    while left.sum() > 0 {
        let now = service.prune(prune).await.map_err(|refusal| refusal.text)?;
        if now.sum() >= left.sum() {
            return Err(format!("{} rows stay, whatever is done: please report this", now.sum()));
        }
        left = now;
        sleep(BREATH).await;
    }
    Ok(there)
}

/// Removes the rendered announcements when a client is forgotten: which of them name the client, nobody can tell any more. The others
/// are rendered anew when they are wanted.
pub async fn unsay(service: Service, studio: Arc<Studio>, clock: Clock) {
    let mut tidings = service.handle().listen();
    loop {
        let forgotten = match tidings.recv().await {
            Ok(Tiding::Notice(at, notice)) if matches!(*notice, Notice::Forgotten(_)) => Some(at),
            Ok(_) => None,
            Err(RecvError::Lagged(_)) => Some(clock.now().wall),
            Err(RecvError::Closed) => return,
        };
        if let Some(at) = forgotten {
            let studio = studio.clone();
            tokio::spawn(async move {
                sleep(SPOKEN).await;
                studio.forget_before(at);
            });
        }
    }
}
