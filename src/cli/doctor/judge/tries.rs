//! What was tried on a channel of our own: voices, sounds, folders.

use super::{
    super::{
        finding::Finding,
        need::{Need, Speaker, whys},
        told::{Told, Trial, Tried},
    },
    house,
};
use crate::engine::{rules::Language, time::Span};

/// Whoever speaks a few words takes longer than this; an engine that says nothing ends at once.
const SAYS_SOMETHING: Span = Span(300);

pub fn all(need: &Need, told: &Told) -> Vec<Finding> {
    match &told.tried {
        None => Vec::new(),
        Some(Err(why)) => vec![untried(why)],
        Some(Ok(trials)) => {
            trials.iter().filter(|trial| !is_told(need, told, trial)).map(|trial| one(need, trial)).collect()
        }
    }
}

fn untried(why: &str) -> Finding {
    let cure = match why.contains("CHAN_NOT_IMPLEMENTED") {
        true => "`load mod_loopback`: a silent channel `null/…` is made for a few seconds, which rings nobody",
        false => "look at what else is found here, and into the switch's log",
    };
    let text = format!("neither voices nor sounds nor folders were tried: the switch made no channel for it ({why})");
    Finding::warning("sounds", text, cure)
}

/// Has it been said that the module is not there which would speak?
fn is_told(need: &Need, told: &Told, trial: &Trial) -> bool {
    let Tried::Voice(language) = trial.what else { return false };
    let speaker = need.voices.iter().find(|speaker| speaker.language == language);
    speaker.is_some_and(|speaker| !house::speaks(&told.modules, &speaker.engine))
}

fn one(need: &Need, trial: &Trial) -> Finding {
    match &trial.what {
        Tried::Voice(language) => voice(need, *language, &trial.came).of(code(*language)),
        Tried::Sound(sound) => {
            let what_for = need.sounds.get(sound).map(whys).unwrap_or_default();
            sound_played(sound, &what_for, &trial.came).of(sound)
        }
        Tried::Rendered(file) => rendered(file, &trial.came),
        Tried::Folder(folder) => {
            let what_for = need.folders.get(folder).map(whys).unwrap_or_default();
            recorded(folder, &what_for, &trial.came).of(folder)
        }
    }
}

fn code(language: Language) -> &'static str {
    match language {
        Language::Ru => "ru",
        Language::En => "en",
    }
}

fn voice(need: &Need, language: Language, came: &Result<Span, String>) -> Finding {
    let speaker = need.voices.iter().find(|speaker| speaker.language == language);
    let (engine, voice, second) = match speaker {
        Some(Speaker { engine, voice, second, .. }) => (engine.as_str(), voice.as_str(), *second),
        None => ("", "", false),
    };
    let said = match came {
        Ok(span) if *span >= SAYS_SOMETHING => {
            return Finding::ok("voice", format!("{engine} speaks as {voice}"));
        }
        Ok(_) => "it ends at once, with nothing said".to_owned(),
        Err(why) => why.clone(),
    };
    let text = format!("{engine} does not speak as {voice}: {said}");
    let cure = match engine {
        "tts_commandline" => "try the command of tts_commandline.conf.xml by hand, as the switch's user: \
             `perezvon-tts ru /tmp/a.wav 'Раз, два'`; then `reload mod_tts_commandline`"
            .to_owned(),
        _ => format!(
            "`voice` of [voice] must be one that mod_{engine} has; listen by 9901 and 9902 of freeswitch/dialplan"
        ),
    };
    match second {
        // The command renders; this is for when it cannot.
        true => Finding::warning("voice", text, cure),
        false => Finding::fault("voice", text, cure),
    }
}

fn sound_played(sound: &str, what_for: &str, came: &Result<Span, String>) -> Finding {
    let Err(why) = came else { return Finding::ok("sound", format!("it plays: {what_for}")) };
    let cure = match sound.strip_prefix("local_stream://") {
        Some(stream) => format!(
            "a <directory name=\"{stream}\"> in local_stream.conf.xml with sound files in it (`show_local_stream` names \
             those that there are), then `reload mod_local_stream`"
        ),
        None => format!("put {sound} where the switch's user can read it, or write another name"),
    };
    Finding::fault("sound", format!("it does not play ({why}): {what_for}"), cure)
}

fn rendered(file: &str, came: &Result<Span, String>) -> Finding {
    match came {
        Ok(_) => Finding::ok("rendered", "the switch plays what we render"),
        Err(why) => Finding::fault(
            "rendered",
            format!("the switch cannot play {file} ({why})"),
            "let its user read the folder `cache` of [voice] (`install -d -o perezvon -g freeswitch -m 2750`), and every folder \
             above; on another machine `share` names the same folder there",
        ),
    }
}

fn recorded(folder: &str, what_for: &str, came: &Result<Span, String>) -> Finding {
    match came {
        Ok(_) => Finding::ok("folder", format!("the switch records there: {what_for}")),
        Err(why) => Finding::fault(
            "folder",
            format!("the switch cannot record there ({why}): {what_for}"),
            format!("on the switch's machine: `install -d -o freeswitch -g freeswitch -m 750 {folder}`"),
        ),
    }
}
