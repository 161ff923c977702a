//! Where a talk is recorded: the line's file-name template becomes a path on the switch.
//!
//! ```text
//! template = *( text / "{" place "}" )        ; text is the admin's, checked when the configuration is read
//! ```
//! What fills a place is made of letters, digits, `-` and `_` alone, so that no name leads out of its folder or ends a command.

use super::{
    number::Number,
    record::{AttemptRecord, CallRecord},
    rules::Line,
    time::Wall,
};
use jiff::civil::DateTime;

/// The places that a template may have.
pub const PLACES: [&str; 8] = ["date", "time", "line", "operator", "number", "callback", "call", "attempt"];
/// What fills a place is cut to this many characters.
const LONGEST: usize = 64;

/// The file for the talk that begins now.
pub(super) fn file(template: &str, line: &Line, number: Option<Number>, at: &AttemptRecord, now: Wall) -> String {
    let local = line.redial.manners.zone.to_datetime(now.timestamp());
    let of = at.took.as_ref().map_or_else(String::new, |call| call.to_string());
    let fill = |place: &str| match place {
        "operator" => at.operator.as_deref().unwrap_or_default().to_owned(),
        "callback" => at.job.callback().map_or_else(|| of.clone(), |id| id.to_string()),
        "call" => of.clone(),
        "attempt" => at.n.to_string(),
        place => common(place, line, number, &local),
    };
    filled(template, fill)
}

/// The file for the message of a client whom nobody served.
pub(super) fn message(template: &str, line: &Line, call: &CallRecord, now: Wall) -> String {
    let local = line.redial.manners.zone.to_datetime(now.timestamp());
    filled(template, |place| match place {
        "call" | "callback" => call.id.to_string(),
        place => common(place, line, call.number, &local),
    })
}

fn common(place: &str, line: &Line, number: Option<Number>, local: &DateTime) -> String {
    match place {
        "date" => local.strftime("%Y-%m-%d").to_string(),
        "time" => local.strftime("%H%M%S").to_string(),
        "line" => line.name.to_string(),
        "number" => number.map_or_else(String::new, Number::digits),
        _ => String::new(),
    }
}

fn filled(template: &str, fill: impl Fn(&str) -> String) -> String {
    let mut pieces = template.split('{');
    let mut path = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (place, text) = piece.split_once('}').unwrap_or((piece, ""));
        path.push_str(&safe(&fill(place)));
        path.push_str(text);
    }
    path
}

fn safe(value: &str) -> String {
    let plain = |sign: char| if sign.is_alphanumeric() || sign == '_' { sign } else { '-' };
    value.chars().map(plain).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_folder() {
        for (name, is) in
            [("anna", "anna"), ("../../etc/passwd", "------etc-passwd"), ("a b\n${x}", "a-b---x-"), ("Анна", "Анна")]
        {
            assert_eq!(safe(name), is);
        }
        assert_eq!(safe(&"x".repeat(1000)).len(), LONGEST);
    }
}
