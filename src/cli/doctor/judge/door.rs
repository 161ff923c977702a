//! Are we let in, by which password, and with which rights?

use super::super::{
    finding::Finding,
    need::Need,
    told::{Shut, Told},
};
use crate::{config::is_loopback, switch::event};

pub fn open(need: &Need) -> Finding {
    let who =
        need.user.as_deref().map_or_else(|| "by the socket's own password".to_owned(), |user| format!("as {user}"));
    Finding::ok("login", format!("{} lets us in {who}", need.address))
}

/// Why we are not let in, and what to do.
pub fn shut(need: &Need, shut: &Shut) -> Finding {
    let address = &need.address;
    let (text, cure) = match shut {
        Shut::Refused(why) => (
            format!("no connection to {address}: {why}"),
            "is the switch running, mod_event_socket loaded, and does listen-ip and listen-port of event_socket.conf.xml \
             name that address?"
                .to_owned(),
        ),
        Shut::Silent => (
            format!("something listens at {address} and does not greet as an event socket does"),
            "`address` of [switch] is the event socket, port 8021 unless event_socket.conf.xml says otherwise; the \
             port of SIP is another"
                .to_owned(),
        ),
        Shut::Rejected => (
            format!("the access list of {address} does not let us in"),
            "add our address to the list that apply-inbound-acl of event_socket.conf.xml names, then `reloadacl`"
                .to_owned(),
        ),
        Shut::Password(said) => (format!("{address} refuses our password ({said})"), password_cure(need)),
        Shut::Events(said) => (
            format!("the user may not hear what the daemon must hear ({said})"),
            format!(
                "its esl-allowed-events must name {} CUSTOM {}, then `reloadxml`",
                event::EVENTS.join(" "),
                event::SUBCLASSES.join(" ")
            ),
        ),
        Shut::Lost(why) => (
            format!("{address} ended the conversation: {why}"),
            "look into the log of the switch; is it shutting down?".to_owned(),
        ),
    };
    Finding::fault("login", text, cure)
}

fn password_cure(need: &Need) -> String {
    match &need.user {
        Some(user) => format!(
            "compare `password` of [switch] with the esl-password of the user {user} in the switch's directory, and `reloadxml` there"
        ),
        None => "compare `password` of [switch] with the parameter password of event_socket.conf.xml; after a change there, \
                 `reload mod_event_socket`"
            .to_owned(),
    }
}

/// Everybody knows the password that the switch is delivered with.
pub fn password(need: &Need, told: &Told) -> Finding {
    let known = need.known_password || told.takes_known_password == Some(true);
    let cure = "set another in event_socket.conf.xml (`openssl rand -hex 24`), `reload mod_event_socket`, and write it \
                into `password` of [switch] if the daemon logs in by it";
    match (known, is_loopback(&need.address)) {
        (false, _) => Finding::ok("password", "the event socket does not take the password that everybody knows"),
        (true, true) => {
            let text = "the event socket takes \"ClueCon\": every user of this machine may give orders to the switch";
            Finding::warning("password", text, cure)
        }
        (true, false) => {
            let text = "the event socket takes \"ClueCon\": whoever reaches it may dial at your cost";
            Finding::fault("password", text, cure)
        }
    }
}

/// What our user may not ask of the switch, and the daemon does.
pub fn rights(need: &Need, told: &Told) -> Option<Finding> {
    let user = need.user.as_deref()?;
    if told.denied.is_empty() {
        return Some(Finding::ok("rights", format!("{user} may give every order that the daemon gives")));
    }
    let denied: Vec<&str> = told.denied.iter().copied().collect();
    let denied = denied.join(" ");
    Some(Finding::fault(
        "rights",
        format!("{user} may not: {denied}"),
        format!("add {denied} to its esl-allowed-api in the switch's directory, and `reloadxml`"),
    ))
}
