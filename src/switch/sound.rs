//! Announcements that are rendered before they are played: what is to be said waits, for [`crate::voice::studio::LONGEST`] at most, until
//! its sound is there; everything else passes at once.
//!
//! Neither the engine nor the commands know of it: [`super::order`] plays a text whose sound there is and has the switch
//! speak it else. So a rendering that fails, or takes too long, is spoken.

use super::link::Perform;
use crate::{
    engine::{
        effect::{Alarm, AlarmKind, Effect, Words},
        record::ChannelId,
    },
    metrics,
    voice::{self, Names, Sounds, studio::Studio},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing::warn;
use uuid::Uuid;

/// The way to a switch, with a studio before it.
#[derive(Debug)]
pub struct Rendered<P> {
    link: Arc<P>,
    studio: Arc<Studio>,
    names: Names,
    /// What waits for its sound, by the leg on which it is to be said.
    waiting: Arc<Mutex<BTreeMap<ChannelId, Uuid>>>,
}

impl<P> Rendered<P> {
    /// Before this way.
    pub fn new(link: P, studio: Arc<Studio>, names: Names) -> Rendered<P> {
        Rendered { link: Arc::new(link), studio, names, waiting: Arc::default() }
    }
}

/// Nothing panics while it holds the map.
fn whole(waiting: &Mutex<BTreeMap<ChannelId, Uuid>>) -> MutexGuard<'_, BTreeMap<ChannelId, Uuid>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Perform + Sync + 'static> Perform for Rendered<P> {
    fn perform(&self, effect: &Effect) -> bool {
        // What comes later is done later: what waits for a leg to which something else happens is not wanted any more.
        for leg in legs(effect) {
            whole(&self.waiting).remove(leg);
        }
        let Effect::Say { leg, token, words, .. } = effect else { return self.link.perform(effect) };
        let Some(text) = self.to_render(words) else { return self.link.perform(effect) };
        whole(&self.waiting).insert(leg.clone(), *token);
        let (link, studio, waiting) = (self.link.clone(), self.studio.clone(), self.waiting.clone());
        let (effect, leg, token, language) = (effect.clone(), leg.clone(), *token, words.language);
        tokio::spawn(async move {
            if let Err(why) = studio.make(language, &text).await {
                warn!("an announcement is not rendered, the switch speaks it: {why}");
                metrics::alarm(&Alarm { kind: AlarmKind::Voice, text: why.to_string() });
            }
            let mut waiting = whole(&waiting);
            if waiting.get(&leg) == Some(&token) {
                waiting.remove(&leg);
                link.perform(&effect);
            }
        });
        true
    }
}

impl<P> Rendered<P> {
    /// The text that has no sound yet; `None`: there is one, or none is wanted.
    fn to_render(&self, words: &Words) -> Option<String> {
        let text = voice::render(words, self.names).ok().filter(|_| self.studio.renders(words.language))?;
        self.studio.of(words.language, &text).is_none().then_some(text)
    }
}

/// The legs that an effect does something to.
fn legs(effect: &Effect) -> impl Iterator<Item = &ChannelId> {
    let (one, other) = match effect {
        Effect::Say { leg, .. }
        | Effect::Music { leg, .. }
        | Effect::Ringback { leg, .. }
        | Effect::Hush { leg, .. } => (Some(leg), None),
        Effect::Bridge { operator, client, .. } => (Some(operator), Some(client)),
        Effect::Park { channel, .. }
        | Effect::Transfer { channel, .. }
        | Effect::TakeMessage { channel, .. }
        | Effect::Hangup { channel, .. } => (Some(channel), None),
        Effect::Originate(_)
        | Effect::Answer { .. }
        | Effect::GiveBack { .. }
        | Effect::LetGo { .. }
        | Effect::Record { .. }
        | Effect::Listen { .. }
        | Effect::AskLeg { .. }
        | Effect::AskChannels { .. }
        | Effect::Alarm(_)
        | Effect::Notice(_) => (None, None),
    };
    one.into_iter().chain(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{effect::Facts, rules::Language},
        switch::order::{self, Speakers},
        voice::{
            Recipe,
            studio::{LONGEST, Rendering},
        },
    };
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};
    use tokio::time::{sleep, timeout};

    /// Writes down the commands that would be sent.
    #[derive(Debug)]
    struct Link {
        speakers: Speakers,
        sent: Mutex<Vec<String>>,
    }

    impl Perform for Link {
        fn perform(&self, effect: &Effect) -> bool {
            let orders = order::orders(effect, &self.speakers).unwrap();
            let text = |order: &order::Order| String::from_utf8_lossy(&order.command.to_bytes()).into_owned();
            self.sent.lock().unwrap().extend(orders.iter().map(text));
            true
        }
    }

    fn rendered(command: &str) -> (tempfile::TempDir, Rendered<Link>) {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let en = Some(Recipe::parse(command).unwrap().by("en"));
        let rendering = Rendering { ru: None, en, cache: folder.path().to_owned(), share: None };
        let studio = Arc::new(Studio::open(rendering).unwrap().unwrap());
        let speakers = Speakers {
            ru: "flite|ru".into(),
            en: "flite|slt".into(),
            sounds: Some(studio.clone()),
            ..Speakers::default()
        };
        let link = Link { speakers, sent: Mutex::default() };
        (folder, Rendered::new(link, studio, Names::AsGiven))
    }

    fn say(leg: &str, token: u128, text: &str, language: Language) -> Effect {
        let words = Words { template: text.into(), language, facts: Facts::default() };
        let (leg, token) = (ChannelId::new(leg), Uuid::from_u128(token));
        Effect::Say { switch: "main".into(), leg, token, words: Box::new(words) }
    }

    fn sent(rendered: &Rendered<Link>) -> Vec<String> {
        std::mem::take(&mut *rendered.link.sent.lock().unwrap())
    }

    /// The commands, when there are so many.
    async fn wait_for(rendered: &Rendered<Link>, commands: usize) -> Vec<String> {
        let there = async {
            while rendered.link.sent.lock().unwrap().len() < commands {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), there).await.expect("the command comes");
        sent(rendered)
    }

    const MAKES: &str = "sh -c 'cat > \"$1\"; printf %60s >> \"$1\"' sh {file}";

    #[tokio::test]
    async fn a_text_is_rendered_once_and_played_from_then_on() {
        let (folder, rendered) = rendered(MAKES);
        assert!(rendered.perform(&say("a", 1, "Missed call.", Language::En)));
        let first = wait_for(&rendered, 1).await.remove(0);
        assert!(first.contains("execute-app-name: playback\n"), "{first}");
        let file = first.lines().find_map(|line| line.strip_prefix("execute-app-arg: ")).unwrap();
        assert!(fs::read_to_string(file).unwrap().starts_with("Missed call."));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        rendered.perform(&say("b", 2, "Missed call.", Language::En));
        let again = sent(&rendered).remove(0);
        assert!(again.starts_with("sendmsg b\n") && again.contains(file), "at once: {again}");
        rendered.perform(&say("b", 3, "Вызов.", Language::Ru));
        let other = sent(&rendered).remove(0);
        assert!(other.ends_with("execute-app-arg: flite|ru|Вызов.\n\n"), "no command for this language: {other}");
    }

    #[tokio::test]
    async fn what_cannot_be_rendered_is_spoken() {
        let (folder, rendered) = rendered("sh -c 'exit 1' sh {file}");
        rendered.perform(&say("a", 1, "Missed call.", Language::En));
        let spoken = wait_for(&rendered, 1).await.remove(0);
        assert!(spoken.contains("execute-app-name: speak\n") && spoken.contains("flite|slt|Missed call."), "{spoken}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn no_call_waits_longer_than_the_limit() {
        let (_folder, rendered) = rendered("sh -c 'exec sleep 60' sh {file}");
        rendered.perform(&say("a", 1, "Missed call.", Language::En));
        let there = timeout(LONGEST + Duration::from_secs(2), wait_for(&rendered, 1)).await;
        assert!(there.expect("in time")[0].contains("speak"));
    }

    #[tokio::test]
    async fn nothing_is_said_into_what_has_come_since() {
        let (_folder, rendered) = rendered("sh -c 'sleep 0.3; cat > \"$1\"; printf %60s >> \"$1\"' sh {file}");
        let (switch, leg) = (|| "main".into(), || ChannelId::new("a"));
        rendered.perform(&say("a", 1, "Missed call.", Language::En));
        rendered.perform(&say("b", 2, "Missed call too.", Language::En));
        rendered.perform(&Effect::Hush { switch: switch(), leg: leg() });
        rendered.perform(&Effect::Ringback { switch: switch(), leg: leg() });
        let all = wait_for(&rendered, 3).await;
        sleep(Duration::from_millis(600)).await;
        assert!(sent(&rendered).is_empty(), "nothing comes late");
        assert!(all[0].contains("uuid_break a") && all[1].contains("tone_stream"), "{all:?}");
        assert!(all[2].starts_with("sendmsg b\n"), "what another leg hears is not touched: {all:?}");
    }
}
