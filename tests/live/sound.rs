//! What a phone heard, tenth of a second by tenth of a second.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One stretch of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    Silence,
    /// The ringing tone, 425 Hz.
    Ringing,
    /// One of the tones that were asked for, by its place.
    Tone(usize),
    /// Anything else: speech.
    Other,
}

/// The newest recording of this phone.
pub fn newest(folder: &Path, phone: &str) -> Option<PathBuf> {
    let files = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{phone}-")));
    files.max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok()).map(|entry| entry.path())
}

/// What is heard in a recording (RIFF, 16 bit, mono), stretches shorter than two tenths left out, equal ones joined.
pub fn heard(file: &Path, tones: &[f64]) -> Vec<Heard> {
    let bytes = fs::read(file).expect("a recording");
    let rate = f64::from(u32::from_le_bytes(bytes[24..28].try_into().expect("a wave file")));
    let data = bytes.windows(4).position(|four| four == b"data").expect("sound") + 8;
    let samples: Vec<f64> =
        bytes[data..].chunks_exact(2).map(|two| f64::from(i16::from_le_bytes([two[0], two[1]]))).collect();
    let tenths: Vec<Heard> = samples.chunks((rate / 10.0) as usize).map(|tenth| of(tenth, rate, tones)).collect();
    let mut stretches: Vec<(Heard, usize)> = Vec::new();
    for heard in tenths {
        match stretches.last_mut() {
            Some((last, length)) if *last == heard => *length += 1,
            _ => stretches.push((heard, 1)),
        }
    }
    let mut long: Vec<Heard> =
        stretches.into_iter().filter(|(_, length)| *length >= 2).map(|(heard, _)| heard).collect();
    long.dedup();
    long
}

fn of(samples: &[f64], rate: f64, tones: &[f64]) -> Heard {
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    if (energy / samples.len() as f64).sqrt() < 50.0 {
        return Heard::Silence;
    }
    let is = |tone: f64| share(samples, rate, tone) / energy > 0.6;
    match tones.iter().position(|tone| is(*tone)) {
        Some(place) => Heard::Tone(place),
        None if is(425.0) => Heard::Ringing,
        None => Heard::Other,
    }
}

/// The energy at one frequency (Goertzel 1958).
fn share(samples: &[f64], rate: f64, tone: f64) -> f64 {
    let factor = 2.0 * (2.0 * std::f64::consts::PI * tone / rate).cos();
    let (a, b) = samples.iter().fold((0.0, 0.0), |(a, b), sample| (sample + factor * a - b, a));
    (a * a + b * b - factor * a * b) * 2.0 / samples.len() as f64
}
