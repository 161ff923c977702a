//! What is said: announcement templates (minijinja) become plain text that a TTS may be given.
//!
//! A template names the [`Facts`] and the filters `spoken`, which says a telephone number as people do, `ordinal` and `minutes`; a name is given in the
//! letters that it came in, or in those of the voice ([`Names`]). Whatever the facts hold, the text that leaves here has passed [`clean`]: letters, digits and plain punctuation, at most
//! [`MOST_SPOKEN`] characters.
//!
//! The switch speaks it; or, where the admin says by which command, it is rendered once (`studio`) and played.

mod clean;
mod count;
mod default;
mod letters;
mod recipe;
pub mod sample;
mod spoken;
#[cfg(feature = "daemon")]
pub mod studio;

pub use clean::{MOST_SPOKEN, clean};
pub use count::{minutes, ordinal};
pub use default::{announce_client, announce_operator, ended, goodbye, queue_words};
pub use letters::in_letters_of;
pub use recipe::{BadRecipe, Recipe};
pub use spoken::spoken;

use crate::engine::{
    effect::{Facts, Words},
    rules::Language,
};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use std::{collections::BTreeSet, fmt};
use thiserror::Error;

/// The longest template, in bytes.
pub const MOST_TEMPLATE: usize = 4096;
/// The longest fact that a template is given, in characters: a hostile name does not push the number out of the text.
const MOST_FACT: usize = 64;
/// Instructions of the template engine after which a rendering is given up.
const FUEL: u64 = 20_000;

/// In which letters a client's name is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// In those that it came in.
    #[default]
    AsGiven,
    /// In those of the voice's language: many a Russian voice is silent at Latin ones, and an English one at Cyrillic.
    Transliterate,
}

/// Sounds that were rendered, as the switch sees them.
pub trait Sounds: fmt::Debug + Send + Sync {
    /// The file in which this text is spoken, if there is one.
    fn of(&self, language: Language, text: &str) -> Option<String>;
}

/// Why a template gives no text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// It is longer than [`MOST_TEMPLATE`].
    #[error("the template is longer than {MOST_TEMPLATE} bytes")]
    Long,
    /// It names something that there is not.
    #[error("the template names `{name}`, which there is not; it may name {}", FACTS.join(", "))]
    UnknownName {
        /// The name.
        name: String,
    },
    /// The template engine refuses it.
    #[error("the template cannot be read: {0}")]
    Refused(String),
    /// It loops for too long.
    #[error("the template does too much work for a sentence")]
    Endless,
    /// It says nothing that could be spoken.
    #[error("the template says nothing")]
    Silent,
}

/// The names of [`Facts`] that a template may use.
pub const FACTS: [&str; 15] = [
    "number", "name", "client", "line", "channel", "source", "campaign", "page", "tags", "attempt", "misses", "key",
    "outcome", "position", "wait",
];

/// The text to speak.
///
/// When the facts carry an outcome and the template does not name `outcome`, the built-in sentence of that outcome is said
/// ([`ended`]); an empty template is the built-in announcement to the operator.
///
/// # Errors
/// The template is refused by the template engine or says nothing; one that passed [`check_template`] is not refused.
pub fn render(words: &Words, names: Names) -> Result<String, TemplateError> {
    let tells_outcome = words.template.contains("outcome");
    let template = match (words.facts.outcome.is_empty(), words.template.is_empty()) {
        (false, _) if !tells_outcome => ended(words.language).into(),
        (_, true) => announce_operator(words.language).missed,
        _ => words.template.clone(),
    };
    match names {
        Names::AsGiven => render_template(&template, words.language, &words.facts),
        Names::Transliterate => {
            let [name, client] =
                [&words.facts.name, &words.facts.client].map(|text| in_letters_of(words.language, &shortened(text)));
            render_template(&template, words.language, &Facts { name, client, ..words.facts.clone() })
        }
    }
}

/// Is this a template that will speak? Tried with all facts known and with all facts empty.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn check_template(template: &str, language: Language) -> Result<(), TemplateError> {
    unknown_name(template, language)?;
    render_template(template, language, &Facts::default()).or_else(|error| match error {
        TemplateError::Silent => Ok(String::new()),
        other => Err(other),
    })?;
    render_template(template, language, &example()).map(drop)
}

fn render_template(template: &str, language: Language, facts: &Facts) -> Result<String, TemplateError> {
    if template.len() > MOST_TEMPLATE {
        return Err(TemplateError::Long);
    }
    let text = environment(language).render_str(template, named(facts)).map_err(told)?;
    let text = clean(&text);
    if text.is_empty() { Err(TemplateError::Silent) } else { Ok(text) }
}

fn unknown_name(template: &str, language: Language) -> Result<(), TemplateError> {
    if template.len() > MOST_TEMPLATE {
        return Err(TemplateError::Long);
    }
    let environment = environment(language);
    let named: BTreeSet<String> =
        environment.template_from_str(template).map_err(told)?.undeclared_variables(false).into_iter().collect();
    let known = |name: &String| FACTS.contains(&name.as_str()) || BUILT_IN.contains(&name.as_str());
    match named.into_iter().find(|name| !known(name)) {
        Some(name) => Err(TemplateError::UnknownName { name }),
        None => Ok(()),
    }
}

/// Functions of the template engine that a sentence may use.
const BUILT_IN: [&str; 2] = ["range", "dict"];

fn environment(language: Language) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("spoken", move |number: String| spoken(&number, language));
    environment.add_filter("ordinal", move |n: u32| ordinal(n, language));
    environment.add_filter("minutes", move |n: u32| minutes(n, language));
    environment
}

fn told(error: minijinja::Error) -> TemplateError {
    match error.kind() {
        ErrorKind::OutOfFuel => TemplateError::Endless,
        _ => TemplateError::Refused(error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)),
    }
}

/// The facts under the names of [`FACTS`], each of bounded length.
fn named(facts: &Facts) -> Value {
    let short = |text: &str| Value::from(shortened(text));
    let Facts {
        number,
        name,
        client,
        line,
        channel,
        source,
        campaign,
        page,
        tags,
        attempt,
        misses,
        key,
        outcome,
        position,
        wait,
    } = facts;
    let values: [Value; FACTS.len()] = [
        short(number),
        short(name),
        short(client),
        short(line),
        short(channel),
        short(source),
        short(campaign),
        short(page),
        short(tags),
        (*attempt).into(),
        (*misses).into(),
        short(key),
        short(outcome),
        (*position).into(),
        (*wait).into(),
    ];
    Value::from_pairs(FACTS.into_iter().zip(values))
}

fn shortened(text: &str) -> String {
    text.chars().take(MOST_FACT).collect()
}

fn example() -> Facts {
    Facts {
        number: "+79161234567".into(),
        name: "Anna".into(),
        client: "Anna Ivanova".into(),
        line: "site".into(),
        channel: "context".into(),
        source: "search".into(),
        campaign: "spring".into(),
        page: "https://example.org/roses".into(),
        tags: "vip".into(),
        attempt: 2,
        misses: 2,
        key: String::new(),
        outcome: "busy".into(),
        position: 2,
        wait: 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rules::Announcements;

    fn words(template: &str, language: Language, facts: Facts) -> Words {
        Words { template: template.into(), language, facts }
    }

    fn say(words: &Words) -> String {
        render(words, Names::AsGiven).unwrap()
    }

    #[test]
    fn says_who_waits_in_both_languages() {
        let facts = |client: &str| Facts {
            outcome: String::new(),
            attempt: 3,
            campaign: String::new(),
            client: client.to_owned(),
            ..example()
        };
        let [ru, en] = [Language::Ru, Language::En].map(|language| {
            let Announcements { missed, requested, repeated } = announce_operator(language);
            [missed, requested, repeated].map(|template| say(&words(&template, language, facts(""))))
        });
        let number = "восемь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь";
        assert_eq!(ru[0], format!("Пропущенный вызов, search, номер {number}. Соединяю."));
        assert_eq!(ru[1], format!("Просят перезвонить, search, номер {number}. Соединяю."));
        assert_eq!(ru[2], format!("Повторный звонок, попытка 3, search, номер {number}. Соединяю."));
        let number = "plus 7, 9 1 6, 1 2 3, 4 5, 6 7";
        assert_eq!(en[0], format!("Missed call, search, number {number}. Connecting."));
        assert_eq!(en[1], format!("Call back requested, search, number {number}. Connecting."));
        assert_eq!(en[2], format!("Calling again, attempt 3, search, number {number}. Connecting."));
        let known = words(&announce_operator(Language::En).missed, Language::En, facts("Anna Ivanova"));
        assert_eq!(say(&known), format!("Missed call, search, Anna Ivanova, number {number}. Connecting."));
    }

    #[test]
    fn a_client_who_asked_is_not_told_that_they_called() {
        let hears = |misses| {
            let facts = Facts { outcome: String::new(), misses, ..example() };
            say(&words(announce_client(Language::En), Language::En, facts))
        };
        assert_eq!(hears(1), "Hello, you called us. Connecting you now.");
        assert_eq!(hears(0), "Hello. Connecting you now.");
    }

    #[test]
    fn a_name_is_said_in_the_letters_of_the_voice_by_choice() {
        let said = |name: &str, language, names| {
            let facts = Facts { name: name.into(), outcome: String::new(), ..example() };
            render(&words("{{ name }}, {{ line }}", language, facts), names).unwrap()
        };
        assert_eq!(said("Anna", Language::Ru, Names::AsGiven), "Anna, site");
        assert_eq!(said("Anna", Language::Ru, Names::Transliterate), "Анна, site", "a line is the house's own word");
        assert_eq!(said("Анна", Language::En, Names::Transliterate), "Anna, site");
        let hostile = "${system(touch /tmp/x)}|\r\n\r\n'{x=1}".repeat(9);
        let said = said(&hostile, Language::Ru, Names::Transliterate);
        assert!(said.chars().all(|c| c.is_alphanumeric() || " .,\u{2019}".contains(c)), "{said}");
    }

    #[test]
    fn an_outcome_has_its_own_sentence() {
        let facts = |outcome: &str| Facts { outcome: outcome.into(), ..example() };
        let say = |template, outcome| say(&words(template, Language::Ru, facts(outcome)));
        assert_eq!(say("", "busy"), "У клиента занято.");
        assert_eq!(say("Соединяю.", "no-answer"), "Клиент не отвечает.");
        assert_eq!(say("Итог {{ outcome }}.", "busy"), "Итог busy.");
        for language in [Language::Ru, Language::En] {
            for outcome in ["busy", "no-answer", "invalid", "declined", "machine", "network", "cancelled", "unknown"] {
                assert!(render(&words("", language, facts(outcome)), Names::AsGiven).is_ok(), "{outcome}");
            }
        }
    }

    #[test]
    fn hostile_facts_become_harmless_words() {
        for name in [
            "${system(touch /tmp/x)}",
            "a'b\"c\\d",
            "line\r\n\r\nbreak",
            "{x=1},[y]|^^:z<w>",
            "-f/etc/passwd",
            "{{ number }}{% for x in range(9) %}",
        ] {
            let facts = Facts { name: name.into(), ..example() };
            let text = say(&words("{{ name }}", Language::En, Facts { outcome: String::new(), ..facts }));
            assert!(
                text.chars().all(|c| c.is_alphanumeric() || " .,!?:;-\u{2019}".contains(c)) && !text.starts_with('-'),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_name_leaves_room_for_the_number() {
        let facts = Facts { name: "x".repeat(10_000), outcome: String::new(), ..example() };
        let text = say(&words("{{ name }} {{ number | spoken }}", Language::En, facts));
        assert!(text.ends_with("4 5, 6 7"), "{text}");
    }

    #[test]
    fn faults_of_a_template_are_told() {
        let check = |template: &str| check_template(template, Language::En).map_err(|e| e.to_string());
        assert_eq!(check("Hello {{ number | spoken }}"), Ok(()));
        assert_eq!(check("{% if campaign %}From {{ campaign }}{% endif %}"), Ok(()));
        assert!(check("{{ pages }}").unwrap_err().contains("`pages`"));
        assert!(check("{{ number | speld }}").unwrap_err().contains("speld"));
        assert!(check("{{ number").unwrap_err().contains("cannot be read"));
        assert_eq!(check(" ... "), Err("the template says nothing".into()));
        assert_eq!(
            check("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"),
            Err("the template does too much work for a sentence".into())
        );
        assert!(check(&"x".repeat(MOST_TEMPLATE + 1)).unwrap_err().contains("longer"));
        for language in [Language::Ru, Language::En] {
            let Announcements { missed, requested, repeated } = announce_operator(language);
            for template in
                [&*missed, &*requested, &*repeated, announce_client(language), ended(language), goodbye(language)]
            {
                assert_eq!(check_template(template, language), Ok(()));
            }
        }
    }
}
