//! What is said: announcement templates (minijinja) become plain text that a TTS may be given.
//!
//! A template names the [`Facts`] and the filter `spoken`, which says a telephone number as people do. Whatever the facts
//! hold, the text that leaves here has passed [`clean`]: letters, digits and plain punctuation, at most
//! [`MOST_SPOKEN`] characters.

mod clean;
mod default;
mod spoken;

pub use clean::{MOST_SPOKEN, clean};
pub use default::{announce_client, announce_operator, ended, goodbye};
pub use spoken::spoken;

use crate::engine::{
    effect::{Facts, Words},
    rules::Language,
};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use std::collections::BTreeSet;
use thiserror::Error;

/// The longest template, in bytes.
pub const MOST_TEMPLATE: usize = 4096;
/// The longest fact that a template is given, in characters: a hostile name does not push the number out of the text.
const MOST_FACT: usize = 64;
/// Instructions of the template engine after which a rendering is given up.
const FUEL: u64 = 20_000;

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
pub const FACTS: [&str; 10] =
    ["number", "name", "line", "channel", "source", "campaign", "attempt", "misses", "key", "outcome"];

/// The text to speak.
///
/// When the facts carry an outcome and the template does not name `outcome`, the built-in sentence of that outcome is said
/// ([`ended`]); an empty template is the built-in announcement to the operator.
///
/// # Errors
/// The template is refused by the template engine or says nothing; one that passed [`check_template`] is not refused.
pub fn render(words: &Words) -> Result<String, TemplateError> {
    let tells_outcome = words.template.contains("outcome");
    let template = match (words.facts.outcome.is_empty(), words.template.is_empty()) {
        (false, _) if !tells_outcome => ended(words.language),
        (_, true) => announce_operator(words.language),
        _ => &words.template,
    };
    render_template(template, words.language, &words.facts)
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
    let short = |text: &str| Value::from(text.chars().take(MOST_FACT).collect::<String>());
    let Facts { number, name, line, channel, source, campaign, attempt, misses, key, outcome } = facts;
    let values: [Value; FACTS.len()] = [
        short(number),
        short(name),
        short(line),
        short(channel),
        short(source),
        short(campaign),
        (*attempt).into(),
        (*misses).into(),
        short(key),
        short(outcome),
    ];
    Value::from_pairs(FACTS.into_iter().zip(values))
}

fn example() -> Facts {
    Facts {
        number: "+79161234567".into(),
        name: "Anna".into(),
        line: "site".into(),
        channel: "context".into(),
        source: "search".into(),
        campaign: "spring".into(),
        attempt: 2,
        misses: 2,
        key: String::new(),
        outcome: "busy".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(template: &str, language: Language, facts: Facts) -> Words {
        Words { template: template.into(), language, facts }
    }

    #[test]
    fn says_who_waits_in_both_languages() {
        let facts = || Facts { outcome: String::new(), attempt: 1, ..example() };
        assert_eq!(
            render(&words(announce_operator(Language::Ru), Language::Ru, facts())).unwrap(),
            "Пропущенный вызов, spring, номер восемь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят \
             семь. Соединяю."
        );
        assert_eq!(
            render(&words(announce_operator(Language::En), Language::En, Facts { attempt: 3, ..facts() })).unwrap(),
            "Missed call, spring, number plus 7, 9 1 6, 1 2 3, 4 5, 6 7. Attempt 3. Connecting."
        );
    }

    #[test]
    fn an_outcome_has_its_own_sentence() {
        let facts = |outcome: &str| Facts { outcome: outcome.into(), ..example() };
        let say = |template, outcome| render(&words(template, Language::Ru, facts(outcome))).unwrap();
        assert_eq!(say("", "busy"), "У клиента занято.");
        assert_eq!(say("Соединяю.", "no-answer"), "Клиент не отвечает.");
        assert_eq!(say("Итог {{ outcome }}.", "busy"), "Итог busy.");
        for language in [Language::Ru, Language::En] {
            for outcome in ["busy", "no-answer", "invalid", "declined", "machine", "network", "cancelled", "unknown"] {
                assert!(render(&words("", language, facts(outcome))).is_ok(), "{outcome}");
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
            let text = render(&words("{{ name }}", Language::En, Facts { outcome: String::new(), ..facts })).unwrap();
            assert!(
                text.chars().all(|c| c.is_alphanumeric() || " .,!?:;-\u{2019}".contains(c)) && !text.starts_with('-'),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_name_leaves_room_for_the_number() {
        let facts = Facts { name: "x".repeat(10_000), outcome: String::new(), ..example() };
        let text = render(&words("{{ name }} {{ number | spoken }}", Language::En, facts)).unwrap();
        assert!(text.ends_with("4 5, 6 7"), "{text}");
    }

    #[test]
    fn faults_of_a_template_are_told() {
        let check = |template: &str| check_template(template, Language::En).map_err(|e| e.to_string());
        assert_eq!(check("Hello {{ number | spoken }}"), Ok(()));
        assert_eq!(check("{% if campaign %}From {{ campaign }}{% endif %}"), Ok(()));
        assert!(check("{{ page }}").unwrap_err().contains("`page`"));
        assert!(check("{{ number | speld }}").unwrap_err().contains("speld"));
        assert!(check("{{ number").unwrap_err().contains("cannot be read"));
        assert_eq!(check(" ... "), Err("the template says nothing".into()));
        assert_eq!(
            check("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"),
            Err("the template does too much work for a sentence".into())
        );
        assert!(check(&"x".repeat(MOST_TEMPLATE + 1)).unwrap_err().contains("longer"));
        for language in [Language::Ru, Language::En] {
            for template in [announce_operator(language), announce_client(language), ended(language), goodbye(language)]
            {
                assert_eq!(check_template(template, language), Ok(()));
            }
        }
    }
}
