//! A command that turns a text into a sound file (`espeak-ng -v {voice} -w {file} {text}`), as the words that a program is
//! started with. There is no shell: a text is one argument, or standard input, whatever signs it has.

use thiserror::Error;

/// The most words of a command.
const MOST_WORDS: usize = 64;
/// What stands for the file to be written.
const FILE: &str = "{file}";
/// What stands for the text; a command without it gets the text on its standard input.
const TEXT: &str = "{text}";
/// What stands for the name of the voice.
const VOICE: &str = "{voice}";

/// Such a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    words: Vec<String>,
    voice: String,
}

/// What a program is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What its standard input is; `None`: empty.
    pub input: Option<String>,
}

/// Why a command is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadRecipe {
    /// Nothing is there.
    #[error("the command is empty")]
    Empty,
    /// A quotation that does not end.
    #[error("a quotation mark of the command has no other")]
    Unclosed,
    /// More than [`MOST_WORDS`].
    #[error("the command has more than {MOST_WORDS} words")]
    Long,
    /// Nobody would know where the sound is.
    #[error("the command does not say where the sound goes: {FILE} is missing")]
    NoFile,
    /// The program itself is not for others to choose.
    #[error("the program to start is \"{0}\", and its name has nothing to be filled in")]
    Program(String),
    /// Something else in braces.
    #[error("the command has {0}, and only {FILE}, {TEXT} and {VOICE} are filled in")]
    Unknown(String),
}

impl Recipe {
    /// Reads a command: words between spaces; quotation marks, `"` or `'`, hold words together.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(command: &str) -> Result<Recipe, BadRecipe> {
        let words = split(command)?;
        let program = words.first().ok_or(BadRecipe::Empty)?;
        if program.is_empty() || program.contains('{') {
            return Err(BadRecipe::Program(program.clone()));
        }
        if words.len() > MOST_WORDS {
            return Err(BadRecipe::Long);
        }
        if let Some(other) = words.iter().find_map(|word| unknown(word)) {
            return Err(BadRecipe::Unknown(other));
        }
        if !words.iter().any(|word| word.contains(FILE)) {
            return Err(BadRecipe::NoFile);
        }
        Ok(Recipe { words, voice: String::new() })
    }

    /// The same with this voice.
    pub fn by(self, voice: &str) -> Recipe {
        Recipe { voice: voice.to_owned(), ..self }
    }

    /// What is to be started so that this text becomes this file. `text` has passed [`super::clean`]: it begins with a letter
    /// or a digit, so no program takes it for an option.
    pub fn start(&self, text: &str, file: &str) -> Started {
        let fill = |word: &String| {
            // The text last: what stands in it is filled in nowhere.
            word.replace(VOICE, &self.voice).replace(FILE, file).replace(TEXT, text)
        };
        let mut words = self.words.iter().map(fill);
        let program = words.next().unwrap_or_default();
        let on_input = !self.words.iter().any(|word| word.contains(TEXT));
        Started { program, arguments: words.collect(), input: on_input.then(|| text.to_owned()) }
    }

    /// Everything but the text that the sound depends on, without ambiguity.
    pub fn identity(&self) -> String {
        self.words.iter().chain([&self.voice]).map(|word| format!("{}:{word}", word.len())).collect()
    }
}

fn split(command: &str) -> Result<Vec<String>, BadRecipe> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for sign in command.chars() {
        match (sign, quote) {
            (sign, Some(open)) if sign == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (sign, None) if sign.is_whitespace() => words.extend(word.take()),
            (sign, _) => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    if quote.is_some() { Err(BadRecipe::Unclosed) } else { Ok(words) }
}

/// Something in braces that is not filled in.
fn unknown(word: &str) -> Option<String> {
    let mut rest = word;
    while let Some(open) = rest.find('{') {
        rest = &rest[open..];
        let known = [FILE, TEXT, VOICE].into_iter().find(|known| rest.starts_with(known));
        match known {
            Some(known) => rest = &rest[known.len()..],
            None => return Some(rest.split_inclusive('}').next().unwrap_or(rest).to_owned()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(command: &str, text: &str) -> Started {
        Recipe::parse(command).unwrap().by("ru").start(text, "/v/a b.wav")
    }

    #[test]
    fn the_text_is_one_argument_or_the_input_and_never_a_word_of_the_command() {
        let hostile = "a {file} {voice} ; touch x";
        assert_eq!(
            start("espeak-ng -v {voice} -w {file} {text}", hostile),
            Started {
                program: "espeak-ng".into(),
                arguments: ["-v", "ru", "-w", "/v/a b.wav", hostile].map(String::from).into(),
                input: None,
            }
        );
        let piper = start("\"/opt/my piper/piper\" --model '/m/ru model.onnx' --output_file={file} ''", hostile);
        assert_eq!(piper.program, "/opt/my piper/piper");
        assert_eq!(piper.arguments, ["--model", "/m/ru model.onnx", "--output_file=/v/a b.wav", ""]);
        assert_eq!(piper.input.as_deref(), Some(hostile));
    }

    #[test]
    fn a_command_that_cannot_be_meant_says_why() {
        for (command, told) in [
            ("", "the command is empty"),
            ("  ", "the command is empty"),
            ("say \"x {file}", "a quotation mark of the command has no other"),
            ("say {text}", "the command does not say where the sound goes: {file} is missing"),
            ("{text} -w {file}", "the program to start is \"{text}\", and its name has nothing to be filled in"),
            ("'' {file}", "the program to start is \"\", and its name has nothing to be filled in"),
            ("say {file} {name}x", "the command has {name}, and only {file}, {text} and {voice} are filled in"),
            ("say {file} {x", "the command has {x, and only {file}, {text} and {voice} are filled in"),
        ] {
            assert_eq!(Recipe::parse(command).unwrap_err().to_string(), told, "{command}");
        }
        assert_eq!(Recipe::parse(&format!("say {{file}}{}", " x".repeat(MOST_WORDS))), Err(BadRecipe::Long));
    }

    #[test]
    fn another_command_or_voice_is_another_sound() {
        let identity = |command, voice| Recipe::parse(command).unwrap().by(voice).identity();
        let one = identity("say {file} ab c", "ru");
        for (command, voice) in [("say {file} a bc", "ru"), ("say {file} ab c", "en"), ("say {file} \"ab c\"", "ru")] {
            assert_ne!(one, identity(command, voice), "{command}");
        }
    }
}
