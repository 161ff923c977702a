//! The application `socket HOST:PORT async full`: the switch dials a listener and keeps the channel in a park for it.
//!
//! As the real one does it (mod_event_socket.c, tried on 1.11.3-dev):
//!
//! | the connection ends, and | `socket_resume` (or `resume` was said) | without |
//! |---|---|---|
//! | nobody listened | the dialplan goes on | the dialplan goes on |
//! | `connect` was not said yet | the dialplan goes on | parked for ever |
//! | a message is recorded | the caller is hung up | the dialplan goes on after it |
//! | the channel waits in its park | the dialplan goes on at once, whatever is played | the dialplan goes on after what is played |
//! | the channel left its park (bridged, transferred) | torn from it, and left in silence for ever | nothing |

use super::{
    ConnId, PretendSwitch,
    channel::State,
    command::{Request, split_word},
    connection::Connection,
    event::Format,
};
use crate::engine::record::ChannelId;

/// What an outbound connection is about.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub channel: ChannelId,
    /// The run of its application.
    run: u32,
    /// Did the listener say `connect`?
    connected: bool,
    /// Did it say `resume`?
    resumes: bool,
    lingers: bool,
    full: bool,
    asynchronous: bool,
}

impl PretendSwitch {
    /// The connections that the switch wants to make since the last time, with the addresses; whoever listens there takes the connection as one
    /// that [`PretendSwitch::connect`] gave, and [`PretendSwitch::not_taken`] says that nobody does.
    pub fn calls_out(&mut self) -> Vec<(ConnId, String)> {
        std::mem::take(&mut self.calls_out)
    }

    /// Nobody listens there.
    pub fn not_taken(&mut self, conn: ConnId, now: crate::engine::time::Now) {
        self.tick(now);
        let Some(control) = self.connections.remove(&conn).and_then(|connection| connection.control) else { return };
        self.uncontrolled(conn, &control.channel);
        self.socket_done(&control.channel, control.run);
    }

    pub(super) fn socket_app(&mut self, id: &ChannelId, data: &str, run: u32) {
        let (address, words) = split_word(data);
        let has = |word: &str| words.split(' ').any(|given| given == word);
        let control = Control {
            channel: id.clone(),
            run,
            connected: false,
            resumes: false,
            lingers: false,
            full: has("full"),
            asynchronous: has("async"),
        };
        let conn = self.connect();
        self.controls.entry(id.clone()).or_default().insert(conn);
        self.connections.insert(conn, Connection::outbound(control));
        self.calls_out.push((conn, address.to_owned()));
    }

    /// A verb that only a channel's own connection has; false when it is none.
    pub(super) fn control(&mut self, conn: ConnId, verb: &str, rest: &str, request: &Request) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        let Some(control) = &mut connection.control else { return false };
        match verb {
            "connect" => self.control_connects(conn),
            "resume" => {
                control.resumes = true;
                connection.reply("+OK");
                let channel = connection.control.as_ref().map(|control| control.channel.clone());
                channel
                    .and_then(|id| self.at(&id))
                    .into_iter()
                    .for_each(|channel| channel.set("socket_resume", "true"));
            }
            "linger" => {
                control.lingers = true;
                connection.reply(&format!("+OK will linger {rest} seconds"));
            }
            "myevents" => {
                connection.of_channel(if rest == "json" { Format::Json } else { Format::Plain });
                connection.reply("+OK Events Enabled");
            }
            "divert_events" if rest == "off" => connection.reply("+OK events not diverted"),
            "divert_events" => connection.reply("+OK events diverted"),
            "api" | "bgapi" if !control.full => connection.reply("-ERR command not found"),
            "sendmsg" if rest.is_empty() => {
                let channel = control.channel.to_string();
                self.sendmsg(conn, &channel, request);
            }
            "exit" => {
                connection.reply("+OK bye");
                self.control_over(conn);
            }
            _ => return false,
        }
        true
    }

    /// The reply is the channel, and the channel is parked from then on.
    fn control_connects(&mut self, conn: ConnId) {
        let Some(control) = self.connections.get_mut(&conn).and_then(|connection| connection.control.as_mut()) else {
            return;
        };
        let (id, first) = (control.channel.clone(), !std::mem::replace(&mut control.connected, true));
        let (mode, way) = (
            if control.asynchronous { "async" } else { "static" },
            if control.full { "full" } else { "single-channel" },
        );
        let mut event = self.event("CHANNEL_DATA", "");
        if let Some(channel) = self.channels.get(&id) {
            channel.profile.describe(&mut event, "Channel", channel.way(), &channel.id);
            channel.describe(&mut event, channel.call_state());
        }
        event.add("Content-Type", "command/reply");
        event.add("Reply-Text", "+OK\n");
        event.add("Socket-Mode", mode);
        event.add("Control", way);
        let reply = event.plain();
        self.connections.get_mut(&conn).into_iter().for_each(|connection| connection.output.extend(reply.as_bytes()));
        if first {
            self.park(&id);
        }
    }

    /// A listener's connection is over, by its doing: what becomes of the channel, see the module.
    pub(super) fn control_over(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(control) = connection.control.take() else { return };
        connection.farewell(control.channel.as_str(), false);
        let id = &control.channel;
        self.stirred.insert(conn);
        self.uncontrolled(conn, id);
        let Some(channel) = self.at(id) else { return };
        let resumes = control.resumes || channel.is_set("socket_resume");
        let waits = channel.apps.iter().any(|app| app.run == control.run);
        let idle = channel.apps.last().is_some_and(|app| app.run == control.run);
        let records = channel.executing().is_some_and(|(app, _)| app == "record");
        match (resumes, waits) {
            (true, true) if records => self.hangup(id, "DESTINATION_OUT_OF_ORDER"),
            (true, true) => self.socket_done(id, control.run),
            (true, false) => self.torn(id),
            (false, true) if !control.connected => self.park(id),
            (false, true) if idle => self.socket_done(id, control.run),
            // What is played goes on; at its end [`PretendSwitch::after_sound`] looks.
            (false, _) => {}
        }
    }

    /// What was played is over: is what waited under it a socket that has nobody any more?
    pub(super) fn after_sound(&mut self, id: &ChannelId) {
        let Some(app) = self.at(id).and_then(|channel| channel.apps.last()) else { return };
        let (is_socket, run) = (app.name == "socket", app.run);
        let control = |conn| self.connections.get(conn).and_then(|connection| connection.control.as_ref());
        let held = self.controls.get(id).into_iter().flatten().filter_map(control).any(|control| control.run == run);
        if is_socket && !held {
            self.socket_done(id, run);
        }
    }

    /// This connection is no longer about the channel.
    fn uncontrolled(&mut self, conn: ConnId, id: &ChannelId) {
        if let Some(all) = self.controls.get_mut(id) {
            all.remove(&conn);
            if all.is_empty() {
                self.controls.remove(id);
            }
        }
    }

    /// The application is over with what is played under it: the dialplan goes on.
    fn socket_done(&mut self, id: &ChannelId, run: u32) {
        if self.at(id).is_none_or(|channel| channel.apps.iter().all(|app| app.run != run)) {
            return;
        }
        self.break_apps(id);
        self.advance(id);
    }

    /// CS_RESET in the midst of something else: the channel is left without anything to do.
    fn torn(&mut self, id: &ChannelId) {
        self.unhook(id);
        self.break_apps(id);
        if let Some(channel) = self.at(id) {
            channel.state = State::Reset;
        }
    }

    /// A channel has ended: its connection hears of it.
    pub(super) fn control_ends(&mut self, id: &ChannelId) {
        for conn in self.controls.remove(id).unwrap_or_default() {
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            self.stirred.insert(conn);
            if connection.control.take().is_some_and(|control| control.lingers) {
                connection.farewell(id.as_str(), true);
            }
            connection.farewell(id.as_str(), false);
        }
    }
}
