//! Numbers of a queue as people say them: "the second", "three minutes".

use crate::engine::rules::Language;

/// Places beyond this one are said by their number.
const MOST_ORDINAL: u32 = 99;

/// The place as a word, as it goes with *you are*: "первый", "двадцать второй"; "first", "twenty-second". Beyond
/// [`MOST_ORDINAL`], and for nought, its digits.
pub fn ordinal(n: u32, language: Language) -> String {
    match (language, n) {
        (_, 0 | 100..) => n.to_string(),
        (Language::Ru, _) => of_tens(n, &RU, &RU_TENS, &RU_ROUND, ' '),
        (Language::En, _) => of_tens(n, &EN, &EN_TENS, &EN_ROUND, '-'),
    }
}

fn of_tens(n: u32, small: &[&str; 19], tens: &[&str; 8], round: &[&str; 8], between: char) -> String {
    debug_assert!((1..=MOST_ORDINAL).contains(&n));
    let (ten, one) = ((n / 10) as usize, (n % 10) as usize);
    match (n as usize, one) {
        (n @ 1..=19, _) => small[n - 1].to_owned(),
        (_, 0) => round[ten - 2].to_owned(),
        (_, one) => format!("{}{between}{}", tens[ten - 2], small[one - 1]),
    }
}

/// Minutes in words: "одна минута", "две минуты", "пять минут"; "1 minute", "2 minutes".
pub fn minutes(n: u32, language: Language) -> String {
    match (language, n) {
        (Language::Ru, _) => {
            let word = match (n % 10, n % 100) {
                (1, last) if last != 11 => "минута",
                (2..=4, last) if !(12..=14).contains(&last) => "минуты",
                _ => "минут",
            };
            // A voice reads the digits of one and two in the wrong gender.
            match n {
                1 => format!("одна {word}"),
                2 => format!("две {word}"),
                _ => format!("{n} {word}"),
            }
        }
        (Language::En, 1) => "1 minute".to_owned(),
        (Language::En, _) => format!("{n} minutes"),
    }
}

const RU: [&str; 19] = [
    "первый",
    "второй",
    "третий",
    "четвёртый",
    "пятый",
    "шестой",
    "седьмой",
    "восьмой",
    "девятый",
    "десятый",
    "одиннадцатый",
    "двенадцатый",
    "тринадцатый",
    "четырнадцатый",
    "пятнадцатый",
    "шестнадцатый",
    "семнадцатый",
    "восемнадцатый",
    "девятнадцатый",
];
const RU_TENS: [&str; 8] =
    ["двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"];
const RU_ROUND: [&str; 8] = [
    "двадцатый",
    "тридцатый",
    "сороковой",
    "пятидесятый",
    "шестидесятый",
    "семидесятый",
    "восьмидесятый",
    "девяностый",
];
const EN: [&str; 19] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const EN_TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const EN_ROUND: [&str; 8] =
    ["twentieth", "thirtieth", "fortieth", "fiftieth", "sixtieth", "seventieth", "eightieth", "ninetieth"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_said_in_both_languages() {
        use Language::{En, Ru};
        for (n, ru, en) in [
            (1, "первый", "first"),
            (2, "второй", "second"),
            (3, "третий", "third"),
            (11, "одиннадцатый", "eleventh"),
            (20, "двадцатый", "twentieth"),
            (22, "двадцать второй", "twenty-second"),
            (40, "сороковой", "fortieth"),
            (93, "девяносто третий", "ninety-third"),
            (100, "100", "100"),
        ] {
            assert_eq!((ordinal(n, Ru).as_str(), ordinal(n, En).as_str()), (ru, en));
        }
        (1..=MOST_ORDINAL).for_each(|n| assert!(!ordinal(n, Ru).is_empty() && !ordinal(n, En).is_empty()));
    }

    #[test]
    fn minutes_have_their_plural() {
        let ru = |n| minutes(n, Language::Ru);
        let said = [1, 2, 3, 5, 11, 12, 14, 21, 22, 25, 101, 111, 112].map(ru);
        let ends = said.map(|said| said.rsplit(' ').next().unwrap_or_default().to_owned());
        assert_eq!(
            ends,
            [
                "минута",
                "минуты",
                "минуты",
                "минут",
                "минут",
                "минут",
                "минут",
                "минута",
                "минуты",
                "минут",
                "минута",
                "минут",
                "минут"
            ]
        );
        assert_eq!((ru(1).as_str(), ru(2).as_str()), ("одна минута", "две минуты"));
        assert_eq!([1, 2].map(|n| minutes(n, Language::En)), ["1 minute", "2 minutes"]);
    }
}
