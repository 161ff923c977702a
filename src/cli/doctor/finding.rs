//! What the doctor says of one thing: well, or what is wrong with it and the cure.

use serde::Serialize;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is to be done.
    Ok,
    /// Calls are made, and something is not as it should be, or could not be looked at.
    Warning,
    /// Somebody will not be called, or something will not be kept.
    Fault,
}

impl Verdict {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Fault => "fault",
        }
    }
}

/// One check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check: a fixed word, the same in every version.
    pub check: &'static str,
    /// Of what, where a check is made of several things (`provider` of `gateway`); empty else.
    pub about: String,
    /// How grave it is.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do; empty when it is well.
    pub cure: String,
}

impl Finding {
    /// It is well.
    pub fn ok(check: &'static str, text: impl Into<String>) -> Finding {
        Finding { check, about: String::new(), verdict: Verdict::Ok, text: text.into(), cure: String::new() }
    }

    /// It should be otherwise.
    pub fn warning(check: &'static str, text: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Warning, cure: cure.into(), ..Finding::ok(check, text) }
    }

    /// It must be otherwise.
    pub fn fault(check: &'static str, text: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Fault, ..Finding::warning(check, text, cure) }
    }

    /// The same, of this thing.
    #[must_use]
    pub fn of(mut self, about: impl Into<String>) -> Finding {
        self.about = about.into();
        self
    }
}
