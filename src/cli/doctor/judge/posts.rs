//! What the switch sends us by itself: call records, and the callers that a dialplan gives.

use super::super::{
    finding::Finding,
    need::Need,
    told::{Answer, Told},
};
use std::net::SocketAddr;

/// The path of our intake.
const PATH: &str = "/cdr/json";

/// Do call records come to us? Without them, calls of a time in which the daemon was away are not known.
pub fn records(need: &Need, told: &Told) -> Option<Finding> {
    let listen = need.records?;
    let text = told.records.text()?;
    let Some(url) = parameter(text, "url").filter(|url| !url.is_empty()) else {
        return Some(Finding::warning(
            "records",
            "mod_json_cdr posts nowhere: calls that come while the daemon is away will not be known",
            format!("url in json_cdr.conf.xml: http://{listen}{PATH}, then `reload mod_json_cdr`"),
        ));
    };
    // Another name of this machine may stand there; the port and the path are ours alone.
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let ours = host.rsplit(':').next() == Some(&*listen.port().to_string()) && path.starts_with(&PATH[1..]);
    if !ours {
        return Some(Finding::warning(
            "records",
            format!("mod_json_cdr posts to {url}, and we take records at http://{listen}{PATH}"),
            "correct url in json_cdr.conf.xml, then `reload mod_json_cdr`; with a proxy between the two, all is well",
        ));
    }
    let kept = parameter(text, "log-errors-to-disk") == Some("true") && parameter(text, "err-log-dir").is_some();
    Some(match kept {
        true => Finding::ok("records", format!("mod_json_cdr posts to {url}")),
        false => Finding::warning(
            "records",
            format!("mod_json_cdr posts to {url}, and what it cannot post is lost"),
            "log-errors-to-disk true and err-log-dir in json_cdr.conf.xml, as freeswitch/autoload_configs has them; the \
             same folder as `folder` of [cdr]",
        ),
    })
}

/// `<param name="url" value="…"/>`
fn parameter<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let wanted = format!("name=\"{name}\"");
    let element = xml.split('<').find(|element| element.starts_with("param ") && element.contains(&wanted))?;
    element.split_once("value=\"")?.1.split('"').next()
}

/// Does a dialplan give us callers? One that is made elsewhere (mod_xml_curl, Lua) cannot be seen here.
pub fn outbound(need: &Need, told: &Told) -> Option<Finding> {
    let listen = need.outbound?;
    let text = match &told.dialplan {
        Answer::Said(text) => text,
        // The recommended user may not read the configuration, which is well.
        Answer::Denied | Answer::Unknown | Answer::None => return None,
    };
    let sockets: Vec<&str> = text.split('<').filter_map(socket).collect();
    let to_us: Vec<&str> = sockets.iter().copied().filter(|data| names(data, listen)).collect();
    let cure = format!(
        "`socket` with the data `{listen} async full`, as freeswitch/dialplan/perezvon.xml has it; then `reloadxml`"
    );
    Some(match (to_us.is_empty(), to_us.iter().all(|data| is_whole(data))) {
        (true, _) => Finding::warning(
            "outbound",
            format!("no `socket` of the dialplan names the port of {listen}: no caller is given to us"),
            format!("{cure}; a dialplan that is not in the switch's XML cannot be seen"),
        ),
        (false, false) => {
            Finding::fault("outbound", "a `socket` to us is without `async full`: we cannot hold its callers", cure)
        }
        (false, true) => {
            Finding::ok("outbound", format!("the dialplan gives callers to {listen} in {} places", to_us.len()))
        }
    })
}

/// The data of `<action application="socket" data="…"/>`.
fn socket(element: &str) -> Option<&str> {
    let ours = element.starts_with("action ") && element.contains("application=\"socket\"");
    element.split_once("data=\"").filter(|_| ours)?.1.split('"').next()
}

fn names(data: &str, listen: SocketAddr) -> bool {
    let address = data.split(' ').next().unwrap_or_default();
    address.rsplit(':').next().and_then(|port| port.parse().ok()) == Some(listen.port())
}

fn is_whole(data: &str) -> bool {
    let words: Vec<&str> = data.split(' ').collect();
    words.contains(&"async") && words.contains(&"full")
}
