//! What a listener may ask for, and the switch's own words of refusal (as recorded).

use super::{
    ConnId, Outside, PretendSwitch, VERSION,
    channel::Channel,
    command::{self, Request, split_word},
    dial::Job,
    event::Format,
};
use crate::engine::{
    record::ChannelId,
    time::{Span, Wall},
};
use serde_json::json;

const NO_CHANNEL: &str = "-ERR No such channel!\n";

impl PretendSwitch {
    pub(super) fn obey(&mut self, conn: ConnId, request: &Request) {
        let (verb, rest) = request.split();
        let authorised = self.connections.get(&conn).is_some_and(|connection| connection.authorised);
        match verb {
            "auth" => {
                let also = self.config.health.also_takes.as_deref() == Some(rest);
                self.login(conn, also || rest == self.config.password);
            }
            "userauth" => {
                let known = rest.rsplit(':').next() == Some(self.config.password.as_str());
                self.login(conn, known);
            }
            _ if !authorised => self.login(conn, false),
            _ if self.control(conn, verb, rest, request) => {}
            "api" | "bgapi" if self.config.health.denied.contains(split_word(rest).0) => {
                self.connection(conn, |connection| connection.reply("-ERR permission denied"));
            }
            "api" if !rest.is_empty() => {
                let answer = if self.refused() { "-ERR not now\n".to_owned() } else { self.api(rest, None) };
                self.connection(conn, |connection| connection.response(&answer));
            }
            "bgapi" => self.bgapi(conn, rest, request.header("Job-UUID")),
            "sendmsg" => self.sendmsg(conn, rest, request),
            _ => self.session(conn, verb, rest, request),
        }
    }

    /// The verbs that are about the connection itself.
    fn session(&mut self, conn: ConnId, verb: &str, rest: &str, request: &Request) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match verb {
            "event" => connection.subscribe(rest),
            "nixevent" => {
                connection.unsubscribe(Some(rest));
                connection.reply("+OK events nixed");
            }
            "noevents" => {
                connection.unsubscribe(None);
                connection.reply("+OK no longer listening for events");
            }
            "exit" => {
                connection.reply("+OK bye");
                connection.goodbye();
            }
            "linger" => connection.reply("-ERR not controlling a session"),
            "divert_events" => connection.reply("-ERR not controlling a session."),
            "filter" => {
                let (name, value) = split_word(rest);
                connection.reply(&format!("+OK filter added. [{name}]=[{value}]"));
            }
            "log" => connection.reply("+OK log level debug [7]"),
            "nolog" => connection.reply("+OK no longer logging"),
            _ => {
                connection.reply("-ERR command not found");
                self.strange.push(request.line.clone());
            }
        }
    }

    fn connection(&mut self, conn: ConnId, f: impl FnOnce(&mut super::Connection)) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            f(connection);
        }
    }

    fn login(&mut self, conn: ConnId, good: bool) {
        self.connection(conn, |connection| {
            connection.authorised |= good;
            match good {
                true => connection.reply("+OK accepted"),
                false => {
                    connection.reply("-ERR invalid");
                    connection.goodbye();
                }
            }
        });
    }

    fn refused(&mut self) -> bool {
        let refused = self.refuse > 0;
        self.refuse = self.refuse.saturating_sub(1);
        self.has_refused |= refused;
        refused
    }

    fn bgapi(&mut self, conn: ConnId, text: &str, job: Option<&str>) {
        let id = job.map_or_else(|| self.random.uuid().to_string(), str::to_owned);
        let (name, arg) = split_word(text);
        if self.refused() {
            return self.connection(conn, |connection| connection.reply("-ERR not now"));
        }
        let job = Job { id, arg: arg.to_owned(), app: String::new(), args: String::new() };
        self.connection(conn, |connection| connection.job(&job.id));
        match name {
            "originate" => self.originate(job),
            _ => {
                let answer = self.api(text, Some(&job));
                self.job_done(&job, name, &answer);
            }
        }
    }

    /// An api command's answer.
    fn api(&mut self, text: &str, job: Option<&Job>) -> String {
        if let Some(answer) = self.examined(text) {
            return answer;
        }
        let (name, rest) = split_word(text);
        let (first, more) = split_word(rest);
        let id = ChannelId::new(first);
        match name {
            "version" => format!("FreeSWITCH Version {VERSION} (git 0a54a48 2026-07-17 20:41:38Z 64bit)\n"),
            "status" => self.status(),
            "strepoch" => (self.now.wall.0 / 1000).to_string(),
            "show" if rest.starts_with("channels as json") => self.show_channels(),
            "show" => format!("\n{} total.\n", self.channels.len()),
            "uuid_exists" => self.channels.contains_key(&id).to_string(),
            "uuid_dump" => self.dump(&id),
            "uuid_getvar" => match self.channels.get(&id) {
                Some(channel) => channel.variable(more).unwrap_or("_undef_").to_owned(),
                None => NO_CHANNEL.to_owned(),
            },
            "uuid_bridge" => match self.uuid_bridge(&id, &ChannelId::new(split_word(more).0)) {
                Ok(answer) => answer,
                Err(why) => why.to_owned(),
            },
            "uuid_setvar" | "uuid_kill" | "uuid_break" | "uuid_park" | "uuid_transfer" | "uuid_broadcast"
            | "sched_hangup" => self.on_channel(name, &id, rest, more),
            "uuid_record" => match (self.at(&id).is_some(), split_word(more).1) {
                (true, file) if !self.can(&command::clean(file)) => "-ERR Cannot record session!\n".to_owned(),
                (true, file) => {
                    self.outside.push(Outside::Recorded(id, command::clean(file)));
                    "+OK Success\n".to_owned()
                }
                (false, _) => "-ERR Cannot locate session!\n".to_owned(),
            },
            "avmd" if more == "stop" => match self.at(&id) {
                Some(channel) => {
                    let started = channel.take(super::life::AVMD).is_some();
                    let name = channel.name.clone();
                    match started {
                        true => format!("+OK\n [{first}] [{name}] stopped\n\n"),
                        false => format!("+ERR, avmd has not yet been started on\n [{first}] [{name}]\n\n"),
                    }
                }
                None => format!("-ERR, no FreeSWITCH session for uuid [{first}]!\n"),
            },
            "sofia_contact" => self.contact(first),
            "callcenter_config" => self.callcenter_config(rest),
            "expr" | "global_getvar" => "-ERR no reply\n".to_owned(),
            "originate" => {
                let id = self.random.uuid().to_string();
                let job = job.cloned().unwrap_or(Job { id, arg: rest.into(), app: "".into(), args: "".into() });
                self.refused_originate(&job).unwrap_or_else(|| {
                    self.originate(job);
                    "+OK\n".to_owned()
                })
            }
            _ => {
                self.strange.push(text.to_owned());
                format!("-ERR {name} Command not found!\n")
            }
        }
    }

    /// Why this originate cannot even begin.
    fn refused_originate(&self, job: &Job) -> Option<String> {
        let asked = command::originate(&job.arg);
        match asked.as_ref().and_then(|asked| asked.legs.first()) {
            Some((_, endpoint)) => self.endpoint_fault(endpoint).map(|why| format!("-ERR {why}\n")),
            None => Some("-USAGE: <call url> <exten>|&<application_name>(<app_args>)\n".to_owned()),
        }
    }

    fn on_channel(&mut self, name: &str, id: &ChannelId, rest: &str, more: &str) -> String {
        // `sched_hangup +30 UUID CAUSE` has the uuid second.
        let (id, more) = match name {
            "sched_hangup" => {
                let (uuid, cause) = split_word(more);
                let when = split_word(rest).0;
                (ChannelId::new(uuid), format!("{when} {cause}"))
            }
            _ => (id.clone(), more.to_owned()),
        };
        if self.at(&id).is_none() {
            return NO_CHANNEL.to_owned();
        }
        match name {
            "uuid_setvar" => {
                let (variable, value) = split_word(&more);
                self.at(&id).into_iter().for_each(|channel| channel.set(variable, value));
            }
            "uuid_kill" => self.hangup(&id, if more.is_empty() { "NORMAL_CLEARING" } else { &more }),
            "uuid_break" => self.stop_sounds(&id),
            "uuid_park" => self.park_state(&id),
            "uuid_transfer" => self.transfer(&id, split_word(&more).0),
            "sched_hangup" => self.sched_hangup(&id, &more),
            _ => {}
        }
        "+OK\n".to_owned()
    }

    /// `uuid_break … all`: what is said or played is over.
    fn stop_sounds(&mut self, id: &ChannelId) {
        let sounds = |channel: &mut Channel| {
            let sound = |app: &&super::channel::App| super::life::SOUNDS.contains(&app.name.as_str());
            channel.apps.iter().rev().find(sound).map(|app| app.run)
        };
        if let Some(channel) = self.at(id) {
            channel.queue.clear();
        }
        while let Some(run) = self.at(id).and_then(sounds) {
            self.app_done(id, run);
        }
    }

    pub(super) fn sendmsg(&mut self, conn: ConnId, uuid: &str, request: &Request) {
        let id = ChannelId::new(uuid);
        if self.at(&id).is_none() {
            return self.connection(conn, |connection| connection.reply(&format!("-ERR invalid session id [{uuid}]")));
        }
        self.connection(conn, |connection| connection.reply("+OK"));
        match request.header("call-command") {
            Some("execute") => {
                let app = request.header("execute-app-name").unwrap_or_default().to_owned();
                self.send_app(&id, &app, request.argument(), request.header("Event-UUID"));
            }
            Some("hangup") => self.hangup(&id, request.header("hangup-cause").unwrap_or("NORMAL_CLEARING")),
            _ => {}
        }
    }

    fn dump(&mut self, id: &ChannelId) -> String {
        let mut event = self.event("CHANNEL_DATA", "");
        let Some(channel) = self.channels.get(id) else { return NO_CHANNEL.to_owned() };
        channel.describe(&mut event, channel.call_state());
        let frame = event.encode(Format::Json);
        let text = String::from_utf8_lossy(&frame);
        text.split_once("\n\n").map_or_else(String::new, |(_, body)| body.to_owned())
    }

    fn contact(&self, user: &str) -> String {
        let user = user.split('@').next().unwrap_or(user);
        match self.registered.contains(user) {
            true => format!("sofia/internal/sip:{user}@192.0.2.10:5060"),
            false => "error/user_not_registered".to_owned(),
        }
    }

    fn callcenter_config(&mut self, rest: &str) -> String {
        let words: Vec<&str> = rest.splitn(5, ' ').collect();
        match words.as_slice() {
            ["agent", "list", ..] => self.agent_list(),
            ["agent", "set", "status", agent, status] => {
                let status = match status.trim_matches('\'') {
                    "Available" => super::AgentStatus::Available,
                    "On Break" => super::AgentStatus::OnBreak,
                    _ => super::AgentStatus::LoggedOut,
                };
                let (agent, now) = ((*agent).to_owned(), self.now);
                match self.set_agent(&agent, status, now) {
                    true => "+OK\n".to_owned(),
                    false => "-ERR Agent not found!\n".to_owned(),
                }
            }
            _ => "-ERR Invalid!\n".to_owned(),
        }
    }

    fn status(&self) -> String {
        format!(
            "UP {}\nFreeSWITCH (Version 1.11.2-dev git 0a54a48 2026-07-17 20:41:38Z 64bit) is ready\n\
             {} session(s) since startup\n{} session(s) - peak 0, last 5min 0 \n\
             0 session(s) per Sec out of max {}, peak 0, last 5min 0 \n{} session(s) max\n\
             min idle cpu 0.00/94.83\nCurrent Stack Size/Max 240K/8192K\n",
            up_time(self.now.mono.since(self.started)),
            self.sessions,
            self.channels.len(),
            self.config.health.most.1,
            self.config.health.most.0,
        )
    }

    /// The table that lags: channels of just now are not in it yet, those that just ended still are.
    fn show_channels(&mut self) -> String {
        let before = self.now.mono;
        self.ghosts.retain(|(until, _)| *until > before);
        let lag = self.config.lag;
        let settled = |channel: &&Channel| before.since(channel.since) >= lag;
        let ghosts = self.ghosts.iter().map(|(_, channel)| channel);
        let rows: Vec<_> = self.channels.values().chain(ghosts).filter(settled).map(row).collect();
        match rows.is_empty() {
            true => "{\"row_count\": 0}\n".to_owned(),
            false => json!({ "row_count": rows.len(), "rows": rows }).to_string(),
        }
    }
}

fn row(channel: &Channel) -> serde_json::Value {
    let profile = &channel.profile;
    let (application, data) = channel.executing().unwrap_or(("", ""));
    json!({
        "uuid": channel.id.as_str(), "direction": channel.way(), "created": date(channel.times.created),
        "created_epoch": (channel.times.created.0 / 1000).to_string(), "name": channel.name,
        "state": channel.state.wire().0, "cid_name": profile.name, "cid_num": profile.number, "ip_addr": "",
        "dest": profile.destination, "application": application, "application_data": data,
        "dialplan": profile.dialplan, "context": profile.context, "read_codec": "PCMU", "read_rate": "8000",
        "read_bit_rate": "64000", "write_codec": "PCMU", "write_rate": "8000", "write_bit_rate": "64000",
        "secure": "", "hostname": "pretend", "presence_id": channel.variable("presence_id").unwrap_or(""),
        "presence_data": "", "accountcode": "", "callstate": channel.call_state(),
        "callee_name": profile.callee_name, "callee_num": profile.callee_number, "callee_direction": "",
        "call_uuid": channel.variable("call_uuid").unwrap_or(channel.id.as_str()), "sent_callee_name": "",
        "sent_callee_num": "", "initial_cid_name": profile.orig_name, "initial_cid_num": profile.orig_number,
        "initial_ip_addr": "", "initial_dest": profile.destination, "initial_dialplan": profile.dialplan,
        "initial_context": profile.context,
    })
}

fn date(at: Wall) -> String {
    at.timestamp().to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A span in the switch's words.
pub(super) fn up_time(span: Span) -> String {
    let (seconds, rest) = (span.0 / 1000, span.0 % 1000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!(
        "0 years, {days} days, {hours} hours, {minutes} minutes, {} seconds, {rest} milliseconds, 0 microseconds",
        seconds % 60
    )
}
