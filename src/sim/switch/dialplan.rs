//! A small dialplan: enough of one for a call to be served, queued, missed or sent into a menu.

use super::{PretendSwitch, channel::Channel};
use crate::engine::{record::ChannelId, time::Span};

/// One action of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `set NAME=VALUE`.
    Set(String, String),
    /// `answer`.
    Answer,
    /// `bridge` to one or more endpoints at once (`user/1001,user/1002`); it ends after `call_timeout`.
    Bridge(String),
    /// `callcenter QUEUE`.
    Callcenter(String),
    /// `playback`: a menu or a voicemail that takes so long.
    Playback(Span),
    /// `hangup CAUSE`.
    Hangup(String),
    /// Any other application with its argument.
    App(String, String),
}

impl PretendSwitch {
    /// Does what is left of a channel's extension, as far as it goes by itself; at its end the call is hung up.
    pub(super) fn advance(&mut self, id: &ChannelId) {
        while let Some(channel) = self.at(id) {
            let Some(step) = channel.plan.pop() else {
                // What `uuid_park` or a bridge of ours has taken out of its extension is not the dialplan's any more.
                if channel.apps.is_empty() && channel.ties.bridge.is_none() && channel.ties.joining.is_none() {
                    self.hangup(id, "NORMAL_CLEARING");
                }
                return;
            };
            let (name, data) = step.wire();
            self.execute(id, &name, &data, None);
            if self.at(id).is_some_and(|channel| !channel.apps.is_empty()) {
                return;
            }
        }
    }

    /// `bridge`: dials the endpoints and waits for one of them.
    pub(super) fn bridge_app(&mut self, id: &ChannelId, data: &str) {
        let Some(channel) = self.at(id) else { return };
        let timeout = channel.variable("call_timeout").and_then(|text| text.parse().ok()).unwrap_or(60);
        self.dial_for_caller(id, data, Span::seconds(timeout));
    }
}

impl Step {
    fn wire(&self) -> (String, String) {
        match self {
            Step::Set(name, value) => ("set".into(), format!("{name}={value}")),
            Step::Answer => ("answer".into(), String::new()),
            Step::Bridge(to) => ("bridge".into(), to.clone()),
            Step::Callcenter(queue) => ("callcenter".into(), queue.clone()),
            Step::Playback(span) => ("playback".into(), format!("silence_stream://{}", span.0)),
            Step::Hangup(cause) => ("hangup".into(), cause.clone()),
            Step::App(name, data) => (name.clone(), data.clone()),
        }
    }
}

/// A call that nothing in the dialplan is for.
pub(super) fn unknown() -> Vec<Step> {
    vec![Step::Hangup("NO_ROUTE_DESTINATION".to_owned())]
}

/// `set` and `export` of an application's argument; the variable's name.
pub(super) fn set(channel: &mut Channel, data: &str) -> Option<String> {
    let (name, value) = data.split_once('=')?;
    channel.set(name.trim(), value.trim());
    Some(name.trim().to_owned())
}
