//! How a telephone number is said: in the groups in which people of its country write it.
//!
//! Russian says each group as a number (девятьсот шестнадцать), with a zero in front said as such; English says digit by
//! digit. A comma makes the TTS pause between groups.

use crate::engine::rules::Language;
use phonenumber::Mode;

/// The longest text that is read as a number, in characters.
const LONGEST: usize = 40;

/// Says a number; a text that is no E.164 number is said in groups all the same, and one without digits as it is.
pub fn spoken(number: &str, language: Language) -> String {
    let number: String = number.chars().take(LONGEST).collect();
    let international = number.starts_with('+');
    let groups = groups(&number);
    if groups.is_empty() {
        return number;
    }
    let said: Vec<String> = match language {
        Language::Ru => groups.iter().flat_map(|group| small_groups(group)).map(russian).collect(),
        Language::En => groups.iter().map(|group| english(group)).collect(),
    };
    match (language, international) {
        (_, false) => said.join(", "),
        // Inside the country, and its neighbour that shares the code, the number begins with eight.
        (Language::Ru, true) if groups[0] == "7" => format!("восемь, {}", said[1..].join(", ")),
        (Language::Ru, true) => format!("плюс {}", said.join(", ")),
        (Language::En, true) => format!("plus {}", said.join(", ")),
    }
}

/// Digits in groups: as the number's country writes them, else in threes.
fn groups(number: &str) -> Vec<String> {
    let written = number
        .starts_with('+')
        .then(|| phonenumber::parse(None, number).ok())
        .flatten()
        .map(|parsed| parsed.format().mode(Mode::International).to_string());
    let text = written.as_deref().unwrap_or(number);
    let split: Vec<String> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).map(str::to_owned).collect();
    match split.as_slice() {
        [one] if one.len() > 4 => small_groups(one).into_iter().map(str::to_owned).collect(),
        _ => split,
    }
}

/// Cuts a long group into threes and twos: 4 = 2+2, 5 = 3+2, 7 = 3+2+2.
fn small_groups(group: &str) -> Vec<&str> {
    let mut rest = group;
    let mut cut = Vec::new();
    while rest.len() > 3 {
        let (head, tail) = rest.split_at(if rest.len() == 4 { 2 } else { 3 });
        cut.push(head);
        rest = tail;
    }
    cut.push(rest);
    cut
}

fn english(group: &str) -> String {
    group.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

const UNITS: [&str; 20] = [
    "ноль",
    "один",
    "два",
    "три",
    "четыре",
    "пять",
    "шесть",
    "семь",
    "восемь",
    "девять",
    "десять",
    "одиннадцать",
    "двенадцать",
    "тринадцать",
    "четырнадцать",
    "пятнадцать",
    "шестнадцать",
    "семнадцать",
    "восемнадцать",
    "девятнадцать",
];
const TENS: [&str; 10] =
    ["", "", "двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"];
const HUNDREDS: [&str; 10] =
    ["", "сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"];

/// A group of at most three digits in words, each zero in front said.
fn russian(group: &str) -> String {
    let zeros = group.bytes().take_while(|&b| b == b'0').count();
    let value = group.bytes().fold(0, |value, b| value * 10 + usize::from(b - b'0'));
    let mut words = vec!["ноль"; zeros];
    if value >= 100 {
        words.push(HUNDREDS[value / 100 % 10]);
    }
    match value % 100 {
        0 => {}
        rest @ 1..20 => words.push(UNITS[rest]),
        rest => {
            words.push(TENS[rest / 10]);
            if rest % 10 > 0 {
                words.push(UNITS[rest % 10]);
            }
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_in_the_groups_of_their_country() {
        for (number, ru, en) in [
            (
                "+79161234567",
                "восемь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь",
                "plus 7, 9 1 6, 1 2 3, 4 5, 6 7",
            ),
            (
                "+79160000486",
                "восемь, девятьсот шестнадцать, ноль ноль ноль, ноль четыре, восемьдесят шесть",
                "plus 7, 9 1 6, 0 0 0, 0 4, 8 6",
            ),
            (
                "+12125550123",
                "плюс один, двести двенадцать, пятьсот пятьдесят пять, ноль один, двадцать три",
                "plus 1, 2 1 2, 5 5 5, 0 1 2 3",
            ),
            ("1001", "десять, ноль один", "1 0 0 1"),
            ("", "", ""),
            ("hidden", "hidden", "hidden"),
        ] {
            assert_eq!(spoken(number, Language::Ru), ru, "{number}");
            assert_eq!(spoken(number, Language::En), en, "{number}");
        }
    }

    #[test]
    fn every_group_of_three_digits_has_words_without_gaps() {
        for group in (0..1000).map(|n| format!("{n:03}")) {
            let words = russian(&group);
            assert!(!words.is_empty() && !words.contains("  ") && !words.ends_with(' '), "{group}: {words}");
        }
        assert_eq!(russian("100"), "сто");
        assert_eq!(russian("70"), "семьдесят");
        assert_eq!(russian("007"), "ноль ноль семь");
    }

    #[test]
    fn any_text_is_answered() {
        for text in ["+", "+0", "+999999999999999999999999999999999999999999999999", "1 2 3", "٣٤٥", "+7\n916"] {
            spoken(text, Language::Ru);
            spoken(text, Language::En);
        }
    }
}
