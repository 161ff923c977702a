//! Sounds that are rendered once: a folder that the switch plays from, one file for each text, voice and command.
//!
//! The folder is the admin's: whoever the switch runs as must be able to read what we write there, and only the admin knows
//! who that is. With the set-group-id bit (`install -d -o perezvon -g freeswitch -m 2750 FOLDER`) every file of ours
//! belongs to the switch's group.

use super::{Recipe, Sounds, recipe::Started};
use crate::engine::{rules::Language, time::Wall};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use thiserror::Error;
use tokio::{io::AsyncWriteExt, process::Command, sync::Semaphore, time::timeout};

/// How long a text may take to become a sound: somebody waits in silence meanwhile.
pub const LONGEST: Duration = Duration::from_secs(3);
/// How many are rendered at once; further ones wait, within [`LONGEST`].
const MOST_AT_ONCE: usize = 4;
/// How much the folder holds, in bytes: some seven hundred announcements of eight seconds in 16 bits at 22 kHz. The oldest go first.
const MOST_KEPT: u64 = 256 << 20;
/// A WAV file has a header of 44 bytes and then the sound.
const HEADER: u64 = 44;
/// How much of a program's complaint is told, in characters.
const MOST_TOLD: usize = 200;

/// The end of a whole sound's name, and of one that is being written.
const WHOLE: &str = ".wav";
const PART: &str = ".part.wav";

/// What the admin says of rendered sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// How Russian becomes sound; `None`: the switch speaks it.
    pub ru: Option<Recipe>,
    /// … and English.
    pub en: Option<Recipe>,
    /// Where the sounds are kept.
    pub cache: PathBuf,
    /// That folder as the switch sees it, when it sees it by another name.
    pub share: Option<String>,
}

impl Rendering {
    /// The command for a language.
    pub fn of(&self, language: Language) -> Option<&Recipe> {
        match language {
            Language::Ru => self.ru.as_ref(),
            Language::En => self.en.as_ref(),
        }
    }
}

/// Why there is no sound.
#[derive(Debug, Error)]
pub enum NoSound {
    /// It takes longer than [`LONGEST`].
    #[error("{program} takes longer than {} s", LONGEST.as_secs())]
    Slow {
        /// Who.
        program: String,
    },
    /// It cannot be started.
    #[error("{program} cannot be started: {why}")]
    Unstarted {
        /// Who.
        program: String,
        /// Why.
        why: io::Error,
    },
    /// It says that it could not.
    #[error("{program} ended with {status}: {said}")]
    Refused {
        /// Who.
        program: String,
        /// How.
        status: std::process::ExitStatus,
        /// The beginning of what it complained.
        said: String,
    },
    /// It ended well and left no sound.
    #[error("{program} left no sound in {file}")]
    Empty {
        /// Who.
        program: String,
        /// Where it ought to be.
        file: String,
    },
    /// The folder takes no file.
    #[error("{folder}: {why}")]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        why: io::Error,
    },
}

/// Where sounds are made and kept.
#[derive(Debug)]
pub struct Studio {
    rendering: Rendering,
    /// Of a file, so that the switch can read it: as far as the folder itself may be read by others.
    mode: u32,
    seats: Semaphore,
    made: AtomicU64,
}

impl Studio {
    /// Over the folder that is named; `None` when no command is.
    ///
    /// # Errors
    /// The folder is not there, cannot be written, or nobody but us can read it: with the cure.
    pub fn open(rendering: Rendering) -> Result<Option<Studio>, String> {
        if rendering.ru.is_none() && rendering.en.is_none() {
            return Ok(None);
        }
        let folder = &rendering.cache;
        let told = |what: &str| {
            let folder = folder.display();
            format!(
                "[voice] cache: {folder} {what}; make it with `install -d -o perezvon -g freeswitch -m 2750 {folder}`"
            )
        };
        let data = fs::metadata(folder).map_err(|why| told(&format!("cannot be had ({why})")))?;
        if !data.is_dir() {
            return Err(told("is no folder"));
        }
        if !is_shared(data.mode()) {
            return Err(told(&format!("has mode {:o}: the switch cannot read what is in it", data.mode() & 0o7777)));
        }
        if rendering.share.is_none()
            && let Some(shut) = folder.ancestors().skip(1).find(|above| !lets_in(above, data.gid()))
        {
            return Err(told(&format!("is in {}, into which the switch cannot look", shut.display())));
        }
        let probe = folder.join(format!("probe{PART}"));
        fs::write(&probe, "").map_err(|why| told(&format!("cannot be written ({why})")))?;
        for entry in fs::read_dir(folder).map_err(|why| told(&why.to_string()))?.flatten() {
            if entry.file_name().to_string_lossy().ends_with(PART) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let mode = 0o640 | (data.mode() & 0o004);
        Ok(Some(Studio { rendering, mode, seats: Semaphore::new(MOST_AT_ONCE), made: AtomicU64::new(0) }))
    }

    /// Is this language rendered at all?
    pub fn renders(&self, language: Language) -> bool {
        self.rendering.of(language).is_some()
    }

    fn sound(&self, language: Language, text: &str) -> Option<String> {
        let name = self.name(language, text)?;
        let file = self.rendering.cache.join(&name);
        fs::metadata(&file).ok().filter(|data| data.len() > HEADER)?;
        match &self.rendering.share {
            Some(folder) => Some(format!("{}/{name}", folder.trim_end_matches('/'))),
            None => file.to_str().map(str::to_owned),
        }
    }

    /// Makes the sound of this text, if it is not there.
    ///
    /// # Errors
    /// Why there is none; within [`LONGEST`].
    pub async fn make(&self, language: Language, text: &str) -> Result<(), NoSound> {
        let (Some(recipe), Some(name)) = (self.rendering.of(language), self.name(language, text)) else {
            return Ok(());
        };
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let part = self.rendering.cache.join(format!("{}.{made}{PART}", name.trim_end_matches(WHOLE)));
        let done = timeout(LONGEST, async {
            let _seat = self.seats.acquire().await;
            render(recipe, text, &part).await
        });
        let done = match done.await {
            Ok(done) => done.and_then(|()| self.keep(&part, &name)),
            Err(_) => Err(NoSound::Slow { program: recipe.start("", "").program }),
        };
        if done.is_err() {
            let _ = fs::remove_file(&part);
        }
        done
    }

    /// A whole sound gets its name, and the oldest ones go when there is too much.
    fn keep(&self, part: &Path, name: &str) -> Result<(), NoSound> {
        let folder = &self.rendering.cache;
        let told = |why| NoSound::Folder { folder: folder.display().to_string(), why };
        fs::set_permissions(part, fs::Permissions::from_mode(self.mode)).map_err(told)?;
        fs::rename(part, folder.join(name)).map_err(told)?;
        make_room(folder, MOST_KEPT).map_err(told)
    }

    /// Removes the sounds that were made before then. One that is being played is heard to its end.
    pub fn forget_before(&self, then: Wall) {
        let Ok(entries) = fs::read_dir(&self.rendering.cache) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(WHOLE)) {
            let made = entry.metadata().and_then(|data| data.modified()).ok();
            let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
            if made.is_some_and(|made| i64::try_from(made.as_millis()).is_ok_and(|made| made < then.0)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// A name that nobody guesses who does not know the text, the voice and the command.
    fn name(&self, language: Language, text: &str) -> Option<String> {
        let identity = self.rendering.of(language)?.identity();
        let hash = Sha256::new().chain_update(identity.len().to_be_bytes()).chain_update(identity).chain_update(text);
        let hash: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{hash}{WHOLE}"))
    }
}

impl Sounds for Studio {
    fn of(&self, language: Language, text: &str) -> Option<String> {
        self.sound(language, text)
    }
}

/// May a group, or everybody, list and read it?
fn is_shared(mode: u32) -> bool {
    mode & 0o050 == 0o050 || mode & 0o005 == 0o005
}

/// May this group, or everybody, go through it?
fn lets_in(folder: &Path, group: u32) -> bool {
    // The empty path is where we are: the rest of the way is not ours to judge.
    let Ok(data) = fs::metadata(folder) else { return true };
    data.mode() & 0o001 != 0 || (data.gid() == group && data.mode() & 0o010 != 0)
}

/// Removes the oldest sounds until so many bytes are left.
fn make_room(folder: &Path, most: u64) -> io::Result<()> {
    let mut sounds = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        let whole = name.to_string_lossy().ends_with(WHOLE) && !name.to_string_lossy().ends_with(PART);
        if let Ok(data) = entry.metadata()
            && whole
        {
            sounds.push((data.modified()?, entry.path(), data.len()));
        }
    }
    sounds.sort_unstable();
    let mut held: u64 = sounds.iter().map(|(_, _, length)| length).sum();
    for (_, file, length) in sounds {
        if held <= most {
            break;
        }
        fs::remove_file(file)?;
        held -= length;
    }
    Ok(())
}

/// Has the command turn this text into this file, however long it takes.
///
/// # Errors
/// Why there is no sound.
pub async fn render(recipe: &Recipe, text: &str, file: &Path) -> Result<(), NoSound> {
    let name = file.to_string_lossy();
    let Started { program, arguments, input } = recipe.start(text, &name);
    let unstarted = |why| NoSound::Unstarted { program: program.clone(), why };
    let mut child = Command::new(&program)
        .args(&arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(unstarted)?;
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), input) {
        // Who does not read it will say so by how it ends.
        let _ = pipe.write_all(text.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(unstarted)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TOLD).collect();
        return Err(NoSound::Refused { program, status: output.status, said });
    }
    match fs::metadata(file) {
        Ok(data) if data.len() > HEADER => Ok(()),
        _ => Err(NoSound::Empty { program, file: name.into_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder = outer.path().join("voice");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        (outer, folder)
    }

    fn rendering(command: &str, cache: &Path) -> Rendering {
        Rendering { ru: Some(Recipe::parse(command).unwrap().by("ru")), en: None, cache: cache.to_owned(), share: None }
    }

    #[test]
    fn sounds_of_before_are_forgotten_and_those_of_later_are_not() {
        let (_outer, folder) = folder(0o755);
        let studio = Studio::open(rendering(WRITES, &folder)).unwrap().unwrap();
        for name in ["a.wav", "b.wav", "admin.txt"] {
            fs::write(folder.join(name), "sound").unwrap();
        }
        let made = |name: &str| {
            let made = fs::metadata(folder.join(name)).unwrap().modified().unwrap();
            Wall(made.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64)
        };
        let later = std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(made("a.wav").0 as u64 + 5000);
        fs::File::options().write(true).open(folder.join("b.wav")).unwrap().set_modified(later).unwrap();
        studio.forget_before(made("b.wav"));
        assert!(!folder.join("a.wav").exists() && folder.join("b.wav").exists() && folder.join("admin.txt").exists());
    }

    /// Writes 60 bytes: the text itself, and then some.
    const WRITES: &str = "sh -c 'cat > \"$1\"; printf %60s >> \"$1\"' sh {file}";

    fn made(studio: &Studio, text: &str) -> Result<(), NoSound> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(studio.make(Language::Ru, text))
    }

    #[test]
    fn a_text_becomes_a_file_that_the_switch_may_read() {
        let (_outer, cache) = folder(0o755);
        let studio = Studio::open(rendering(WRITES, &cache)).unwrap().unwrap();
        assert_eq!(studio.sound(Language::Ru, "Слово"), None);
        made(&studio, "Слово").unwrap();
        let file = studio.sound(Language::Ru, "Слово").unwrap();
        assert!(fs::read_to_string(&file).unwrap().starts_with("Слово "));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
        assert_eq!(studio.sound(Language::Ru, "Слова"), None);
        assert!(studio.sound(Language::En, "Слово").is_none() && !studio.renders(Language::En));
        let share = Some("/mnt/voice/".to_owned());
        let studio = Studio::open(Rendering { share, ..rendering(WRITES, &cache) }).unwrap().unwrap();
        let name = Path::new(&file).file_name().unwrap().to_str().unwrap();
        assert_eq!(studio.sound(Language::Ru, "Слово").unwrap(), format!("/mnt/voice/{name}"));
    }

    #[test]
    fn a_folder_that_the_switch_cannot_read_from_is_told_with_its_cure() {
        let told = |cache: &Path| Studio::open(rendering(WRITES, cache)).unwrap_err();
        let (outer, cache) = folder(0o700);
        let text = told(&cache);
        assert!(text.contains("has mode 700") && text.contains("install -d -o perezvon -g freeswitch"), "{text}");
        let absent = told(&outer.path().join("absent"));
        assert!(absent.contains("cannot be had (No such file"), "{absent}");
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let text = told(&cache);
        assert!(text.contains("into which the switch cannot look"), "{text}");
        let share = Some("/mnt/voice".to_owned());
        assert!(Studio::open(Rendering { share, ..rendering(WRITES, &cache) }).is_ok(), "it sees it by another way");
        let none = Rendering { ru: None, ..rendering(WRITES, Path::new("/nonexistent")) };
        assert!(Studio::open(none).unwrap().is_none());
    }

    #[test]
    fn what_goes_wrong_is_named_and_leaves_nothing() {
        let (_outer, cache) = folder(0o755);
        for (command, told) in [
            ("/nonexistent/say {file}", "/nonexistent/say cannot be started: "),
            ("sh -c 'echo no voice >&2; exit 3' sh {file}", "sh ended with exit status: 3: no voice"),
            ("true {file}", "true left no sound in "),
            ("sh -c 'echo x > \"$1\"; exec sleep 60' sh {file}", "sh takes longer than 3 s"),
        ] {
            let studio = Studio::open(rendering(command, &cache)).unwrap().unwrap();
            let why = made(&studio, "Слово").unwrap_err().to_string();
            assert!(why.starts_with(told), "{why}");
            assert_eq!((studio.sound(Language::Ru, "Слово"), fs::read_dir(&cache).unwrap().count()), (None, 0));
        }
    }

    #[test]
    fn the_oldest_sounds_make_room() {
        let (_outer, cache) = folder(0o755);
        for (age, name) in ["a.wav", "b.wav", "c.wav", "d.part.wav", "e.txt"].iter().enumerate() {
            let file = fs::File::create(cache.join(name)).unwrap();
            file.set_len(100).unwrap();
            let age = Duration::from_secs(1000 + age as u64);
            file.set_modified(std::time::SystemTime::UNIX_EPOCH + age).unwrap();
        }
        make_room(&cache, 300).unwrap();
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 5);
        make_room(&cache, 200).unwrap();
        let mut left: Vec<_> = fs::read_dir(&cache).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["b.wav", "c.wav", "d.part.wav", "e.txt"]);
    }
}
