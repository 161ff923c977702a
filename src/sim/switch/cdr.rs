//! A call detail record as mod_json_cdr writes it: one JSON object a channel, at its end, values percent-encoded.

use super::{
    channel::{Channel, micros},
    event::percent_encode,
};
use serde_json::{Map, Value, json};

pub(super) fn record(channel: &Channel, core: &str) -> String {
    let encode = |text: &str| {
        let mut out = String::new();
        percent_encode(text, &mut out);
        Value::from(out)
    };
    let mut variables = Map::new();
    let own = [("direction", channel.way()), ("uuid", channel.id.as_str()), ("channel_name", channel.name.as_str())];
    own.iter().for_each(|(name, value)| drop(variables.insert((*name).to_owned(), encode(value))));
    for (name, value) in &channel.variables {
        variables.insert(name.clone(), encode(value));
    }
    let applications: Vec<Value> = channel
        .applied
        .iter()
        .map(|(name, data)| json!({ "app_name": name, "app_data": data, "app_stamp": micros(channel.times.created) }))
        .collect();
    let profile = &channel.profile;
    let stamp = |at: Option<crate::engine::time::Wall>| at.map_or("0".to_owned(), micros);
    json!({
        "core-uuid": core,
        "switchname": "pretend",
        "channel_data": {
            "state": "CS_REPORTING", "direction": channel.way(), "state_number": "11", "flags": "0=1;1=1;3=1",
            "caps": "1=1;2=1;3=1",
        },
        "callStats": {},
        "variables": variables,
        "app_log": { "applications": applications },
        "callflow": [{
            "dialplan": profile.dialplan,
            "profile_index": channel.profiles.to_string(),
            "caller_profile": {
                "username": profile.username, "dialplan": profile.dialplan, "caller_id_name": profile.name,
                "caller_id_number": profile.number, "ani": profile.orig_number, "aniii": "",
                "network_addr": "127.0.0.1", "rdnis": "", "destination_number": profile.destination,
                "uuid": channel.id.as_str(), "source": profile.source, "context": profile.context,
                "chan_name": channel.name, "callee_id_name": profile.callee_name,
                "callee_id_number": profile.callee_number,
            },
            "times": {
                "created_time": micros(channel.times.created), "profile_created_time": micros(channel.times.created),
                "progress_time": stamp(channel.times.progress),
                "progress_media_time": stamp(channel.times.progress_media),
                "answered_time": stamp(channel.times.answered), "bridged_time": stamp(channel.times.bridged),
                "hangup_time": stamp(channel.times.hangup), "last_hold_time": "0", "hold_accum_time": "0",
                "resurrect_time": "0", "transfer_time": "0",
            },
        }],
    })
    .to_string()
}
