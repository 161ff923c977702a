//! Names from Latin into Cyrillic letters and back, near enough for a voice to say them so that people know who is meant.
//!
//! No crate does both ways: into Latin there are several, back there is none that lives. The table is a hand's: into Latin as
//! Russian passports have it, but for a soft sign, which nobody hears; back as the sounds of English spelling go, the
//! longest group of letters first.

use crate::engine::rules::Language;

/// The same name in the letters of a language; what has no counterpart there stays as it is.
pub fn in_letters_of(language: Language, name: &str) -> String {
    match language {
        Language::Ru => cyrillic(name),
        Language::En => name.chars().map(latin).collect(),
    }
}

/// A Cyrillic letter in Latin ones, small or capital.
fn latin(letter: char) -> String {
    let small = lower(letter);
    let Some((_, written)) = LATIN.iter().find(|(known, _)| *known == small) else { return letter.to_string() };
    if small == letter { (*written).to_owned() } else { capital(written) }
}

fn cyrillic(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let small: Vec<char> = letters.iter().map(|letter| lower(*letter)).collect();
    let (mut out, mut at) = (String::with_capacity(2 * name.len()), 0);
    while at < letters.len() {
        let begins = at == 0 || !letters[at - 1].is_alphabetic();
        let group = CYRILLIC
            .iter()
            .find(|(group, _)| small[at..].iter().copied().take(group.chars().count()).eq(group.chars()));
        let (taken, written) = match group {
            // At a word's beginning e is the open one: Эмма.
            Some(("e", _)) if begins => (1, "э"),
            Some((group, written)) => (group.chars().count(), *written),
            None => {
                out.push(letters[at]);
                at += 1;
                continue;
            }
        };
        out += &if small[at] == letters[at] { written.to_owned() } else { capital(written) };
        at += taken;
    }
    out
}

/// The letter as a small one, when that is one letter too.
fn lower(letter: char) -> char {
    let mut small = letter.to_lowercase();
    small.next().filter(|_| small.next().is_none()).unwrap_or(letter)
}

fn capital(written: &str) -> String {
    let mut letters = written.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Russian, and what Ukrainian and Belarusian have beside it.
const LATIN: [(char, &str); 38] = [
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('д', "d"),
    ('е', "e"),
    ('ё', "yo"),
    ('ж', "zh"),
    ('з', "z"),
    ('и', "i"),
    ('й', "y"),
    ('к', "k"),
    ('л', "l"),
    ('м', "m"),
    ('н', "n"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('у', "u"),
    ('ф', "f"),
    ('х', "kh"),
    ('ц', "ts"),
    ('ч', "ch"),
    ('ш', "sh"),
    ('щ', "shch"),
    ('ъ', ""),
    ('ы', "y"),
    ('ь', ""),
    ('э', "e"),
    ('ю', "yu"),
    ('я', "ya"),
    ('і', "i"),
    ('ї', "yi"),
    ('є', "ye"),
    ('ґ', "g"),
    ('ў', "w"),
];

/// Groups of letters before single ones.
const CYRILLIC: [(&str, &str); 69] = [
    ("shch", "щ"),
    ("sch", "ш"),
    ("tch", "ч"),
    ("sh", "ш"),
    ("ch", "ч"),
    ("zh", "ж"),
    ("kh", "х"),
    ("ph", "ф"),
    ("th", "т"),
    ("ck", "к"),
    ("qu", "кв"),
    ("ts", "ц"),
    ("tz", "ц"),
    ("ya", "я"),
    ("yo", "ё"),
    ("yu", "ю"),
    ("ye", "е"),
    ("yi", "и"),
    ("ia", "ия"),
    ("ii", "ий"),
    ("iy", "ий"),
    ("yy", "ый"),
    ("ay", "ай"),
    ("ey", "ей"),
    ("oy", "ой"),
    ("ee", "и"),
    ("oo", "у"),
    ("a", "а"),
    ("b", "б"),
    ("c", "к"),
    ("d", "д"),
    ("e", "е"),
    ("f", "ф"),
    ("g", "г"),
    ("h", "х"),
    ("i", "и"),
    ("j", "дж"),
    ("k", "к"),
    ("l", "л"),
    ("m", "м"),
    ("n", "н"),
    ("o", "о"),
    ("p", "п"),
    ("q", "к"),
    ("r", "р"),
    ("s", "с"),
    ("t", "т"),
    ("u", "у"),
    ("v", "в"),
    ("w", "в"),
    ("x", "кс"),
    ("y", "и"),
    ("z", "з"),
    ("à", "а"),
    ("á", "а"),
    ("â", "а"),
    ("ä", "э"),
    ("å", "о"),
    ("ç", "с"),
    ("è", "е"),
    ("é", "е"),
    ("ê", "е"),
    ("í", "и"),
    ("ñ", "нь"),
    ("ó", "о"),
    ("ö", "ё"),
    ("ú", "у"),
    ("ü", "ю"),
    ("ß", "сс"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_the_other_letters() {
        for (given, ru, en) in [
            ("Ivan Petrov", "Иван Петров", "Ivan Petrov"),
            ("Anna Shcherbakova", "Анна Щербакова", "Anna Shcherbakova"),
            ("Emma Bush", "Эмма Буш", "Emma Bush"),
            ("Yulia", "Юлия", "Yulia"),
            ("Dmitriy", "Дмитрий", "Dmitriy"),
            ("Jürgen Müller", "Джюрген Мюллер", "Jürgen Müller"),
            ("Юлия Жукова", "Юлия Жукова", "Yuliya Zhukova"),
            ("Игорь Ёлкин", "Игорь Ёлкин", "Igor Yolkin"),
            ("Щукин", "Щукин", "Shchukin"),
            ("ООО Sever 24", "ООО Север 24", "OOO Sever 24"),
            ("王伟", "王伟", "王伟"),
            ("", "", ""),
        ] {
            assert_eq!(in_letters_of(Language::Ru, given), ru, "{given}");
            assert_eq!(in_letters_of(Language::En, given), en, "{given}");
        }
    }

    #[test]
    fn no_letter_of_the_other_alphabet_is_left() {
        let latin: String = ('A'..='Z').chain('a'..='z').collect();
        let cyrillic: String = ('А'..='я').chain(['ё', 'Ё']).collect();
        let said = in_letters_of(Language::Ru, &latin);
        assert!(said.chars().all(|letter| !letter.is_ascii_alphabetic()), "{said}");
        let said = in_letters_of(Language::En, &cyrillic);
        assert!(said.is_ascii(), "{said}");
    }

    #[test]
    fn no_group_stands_behind_one_that_swallows_it() {
        for (at, (group, _)) in CYRILLIC.iter().enumerate() {
            let earlier = CYRILLIC[..at].iter().find(|(earlier, _)| group.starts_with(earlier));
            assert_eq!(earlier, None, "{group}");
        }
    }
}
