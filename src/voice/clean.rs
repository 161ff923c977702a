//! The allow-list through which every spoken text goes.

/// The longest text that is spoken, in characters: about half a minute.
pub const MOST_SPOKEN: usize = 400;

/// Letters, digits and plain punctuation; everything else becomes a space, runs of spaces become one, and the text begins
/// with a letter or a digit (a TTS command line would take `-f` for an option).
///
/// An apostrophe inside a word becomes U+2019: the straight one quotes in the arguments of the switch's applications.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(2 * MOST_SPOKEN));
    let mut length = 0;
    for c in text.chars() {
        let c = match c {
            '\'' | '\u{2019}' => '\u{2019}',
            c if c.is_alphanumeric() || ".,!?:;-".contains(c) => c,
            _ => ' ',
        };
        if (out.is_empty() && !c.is_alphanumeric()) || (c == ' ' && out.ends_with(' ')) {
            continue;
        }
        if length == MOST_SPOKEN {
            return whole_words(out);
        }
        out.push(c);
        length += 1;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Without the word that was cut.
fn whole_words(mut text: String) -> String {
    if let Some(at) = text.rfind(' ') {
        text.truncate(at);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_text_passes() {
        for (text, cleaned) in [
            ("Пропущенный вызов, номер 5.", "Пропущенный вызов, номер 5."),
            ("${system(id)}", "system id"),
            ("a|b\nc\0d", "a b c d"),
            ("--help me!", "help me!"),
            ("it's", "it\u{2019}s"),
            ("  \t ", ""),
        ] {
            assert_eq!(clean(text), cleaned, "{text}");
        }
    }

    #[test]
    fn a_long_text_ends_with_a_whole_word() {
        let text = clean(&"слово ".repeat(200));
        assert!(text.ends_with("слово") && text.chars().count() <= MOST_SPOKEN);
        assert_eq!(clean(&"x".repeat(1000)).len(), MOST_SPOKEN);
    }
}
