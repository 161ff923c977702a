//! An announcement that is tried before it is anybody's: what it would say of an example of a call, and how that sounds.

use super::{
    request::{Refusal, RefusalKind},
    service::{Done, Service},
};
use crate::{
    engine::{
        effect::{Facts, Words},
        rules::Language,
    },
    voice::{self, sample, studio},
};
use std::{path::PathBuf, time::Duration};
use tokio::{sync::Mutex, time::timeout};

/// How long a sound may take where nobody waits on a telephone.
const LONGEST: Duration = Duration::from_secs(20);
/// The longest sound that is handed out, in bytes: minutes of speech.
const MOST_SOUND: u64 = 8 << 20;
/// Whom an example is about when nobody says.
const SOMEBODY: &str = "+79161234567";

/// What is to be tried.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The template.
    pub template: String,
    /// The line whose facts it knows; without it the first one.
    pub line: Option<String>,
    /// In which language; without it the line's.
    pub language: Option<Language>,
    /// The client's number, as people write it.
    pub number: Option<String>,
    /// The client's name.
    pub name: String,
    /// Which try it is.
    pub attempt: u32,
}

/// One sound is made at a time: each is a program that runs.
static TURN: Mutex<()> = Mutex::const_new(());

impl Service {
    /// What a template would say, as the engine would have it said; (inner) what is wrong with it.
    ///
    /// # Errors
    /// There is no such line; it is no number; the daemon has no file.
    pub fn spoken(&self, sample: &Sample) -> Done<(Language, Result<String, String>)> {
        let rules = self.handle().rules();
        let named = sample.line.as_deref().map(|name| self.line(Some(name))).transpose()?;
        let line = match named.and_then(|name| rules.lines.get(&name)) {
            Some(line) => line.clone(),
            None => rules
                .lines
                .values()
                .next()
                .cloned()
                .ok_or_else(|| Refusal::new(RefusalKind::Unknown, "there is no line"))?,
        };
        let number = self.number(sample.number.as_deref().unwrap_or(SOMEBODY))?;
        let language = sample.language.unwrap_or(line.language);
        let facts = sample::facts(&line, &rules, number, &sample.name);
        let facts = Facts { attempt: sample.attempt, position: 2, wait: 3, ..facts };
        let names = self.started()?.config.voice.names;
        let words = Words { template: sample.template.as_str().into(), language, facts };
        let said = voice::check_template(&sample.template, language).and_then(|()| voice::render(&words, names));
        Ok((language, said.map_err(|why| why.to_string())))
    }

    /// The sound of it, as the command of `[voice]` renders it: the bytes of a WAV file.
    ///
    /// # Errors
    /// The template is faulty; no command renders this language; it fails, or takes too long.
    pub async fn sound(&self, sample: &Sample) -> Done<Vec<u8>> {
        let (language, said) = self.spoken(sample)?;
        let refused = |text: String| Refusal::new(RefusalKind::Config, text);
        let said = said.map_err(refused)?;
        let voice = &self.started()?.config.voice;
        let rendering = voice.rendering();
        let none = "no command renders it: the switch speaks it, and only the switch knows how that sounds";
        let recipe = rendering.of(language).ok_or_else(|| refused(none.to_owned()))?;
        let _turn = TURN.lock().await;
        let file = Left(voice.cache.join(".sample.wav"));
        let rendered = timeout(LONGEST, studio::render(recipe, &said, &file.0)).await;
        rendered
            .map_err(|_| refused(format!("no sound within {} s", LONGEST.as_secs())))?
            .map_err(|why| refused(why.to_string()))?;
        let length = std::fs::metadata(&file.0).map(|data| data.len());
        match length {
            Ok(length) if length <= MOST_SOUND => std::fs::read(&file.0).map_err(|why| refused(why.to_string())),
            _ => Err(refused(format!("the sound has more than {MOST_SOUND} bytes"))),
        }
    }
}

/// A file that is not left behind.
struct Left(PathBuf);

impl Drop for Left {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
