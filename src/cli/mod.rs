//! The command line: one file a subcommand.
//!
//! Exit codes: 0 it was done · 1 it was not · 2 the command line cannot be read · 69 no daemon answers · 78 the configuration
//! is faulty, or the switch refuses the password (systemd is told not to start again on that one).

pub mod ask;
pub mod blocked;
pub mod check;
pub mod decode;
pub mod demo;
pub mod explain;
pub mod journal;
pub mod list;
pub mod logs;
pub mod replay;
pub mod report;
pub mod run;
pub mod say;
pub mod settings;
pub mod show;
mod token;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Where the configuration is, when nobody says otherwise.
pub const CONFIG: &str = "/etc/perezvon/perezvon.toml";
/// Where the control socket is, when nobody says otherwise.
pub const SOCKET: &str = "/run/perezvon/perezvon.sock";

const EXIT_CODES: &str = "\
Exit codes:
  0   it was done
  1   it was not: refused, broken, or an invariant did not hold
  2   the command line cannot be read
  69  no daemon answers at the socket
  78  the configuration is faulty, or the switch refuses the password

First steps:
  perezvon demo                                        a call centre's morning in a minute, nothing is needed
  perezvon check --config perezvon.toml                is the configuration right?
  perezvon run --config perezvon.toml --observe        say what would be dialled, and dial nothing
  perezvon run --config perezvon.toml                  call back
  perezvon journal                                     what came of each call";

/// Lets no client's call be lost: a missed call is called back, an operator first.
#[derive(Debug, Parser)]
#[command(name = "perezvon", version, about, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it work: a morning of a small call centre in a minute; nothing is needed and nothing is left behind
    #[command(after_help = "\
Ends with 1 when something happened that must never happen.

Examples:
  perezvon demo
  perezvon demo --lang ru --speed 60
  perezvon demo --json | tail -n 1 | jq .recovered")]
    Demo(demo::Options),
    /// Be the daemon: watch the switches and call back who was missed
    #[command(after_help = "\
SIGHUP reads the configuration anew; SIGTERM dials nobody any more, finishes what rings and stops.
Every key can be set by a variable: PEREZVON_SWITCH__MAIN__PASSWORD=… (two underscores between levels).

Examples:
  perezvon run --config /etc/perezvon/perezvon.toml
  perezvon run --config perezvon.toml --observe      # look for a week, dial nothing")]
    Run {
        /// The configuration
        #[arg(long, value_name = "FILE", default_value = CONFIG)]
        config: PathBuf,
        /// Write down who would be called back, when and by whom, and dial nobody
        #[arg(long)]
        observe: bool,
    },
    /// Say whether a configuration is right, and name every fault with its line and its cure
    #[command(after_help = "\
Example:
  perezvon check --config perezvon.toml && systemctl reload perezvon")]
    Check {
        /// The configuration
        #[arg(long, value_name = "FILE", default_value = CONFIG)]
        config: PathBuf,
    },
    /// How things stand now: switches, calls, callbacks, operators
    Status {
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// What came of each call: the newest last
    #[command(after_help = "\
Examples:
  perezvon journal --since 1d
  perezvon journal --number +79161234567
  perezvon journal --json | jq 'select(.callback.reason.reason == \"attempts-spent\")'
  perezvon journal --callback 12                     # one callback with its attempts and legs")]
    Journal(journal::Wanted),
    /// Totals: calls, missed, recovered, minutes and money, of the last 7 days unless --since is given
    #[command(after_help = "\
At a terminal, the hours and days have a picture beside them.
A callback counts where it was opened, with all that came of it later. Costs are of each leg from its answer to its
end, by today's `per_minute` of its trunk; \"wait\" is an operator's phone without the client, \"talk\" is with the client.

Examples:
  perezvon report
  perezvon report --since 30d --by source
  perezvon report --since 2027-02-01 --until 2027-03-01 --by day
  perezvon report --by operator --csv > operators.csv
  perezvon report --json | jq .total.cost")]
    Report(report::Wanted),
    /// Try new rules on the journal: how many dials, minutes, money and recovered clients more or less
    #[command(after_help = "\
The engine itself decides, in virtual time, once by the rules in force and once by the new ones; the world around it \
is a model. It takes for granted that
- clients call when they called and wait as long, and who was served is served again; who is reached by the replay \
does not call again about the same thing;
- a client who is dialled does what they did when dialled within 15 minutes of that time; where the journal does not \
know, one of the dials of the same line at the same hour of the day is drawn, by a fixed seed. No answer stays no \
answer, however long it rings;
- operators answer as often and as fast as they did at that hour; everybody is ready who is not on a call, since the \
journal does not keep who was away; fourteen letters of an announcement are said a second;
- nothing is open when the period begins; what people cancelled by hand is not cancelled; prices are those of each file.
The journal's own totals stand beside it: how far 'current rules' are from 'journal' is how far the model is from life.

Examples:
  perezvon replay --rules new.toml --since 30d
  perezvon replay --config perezvon.toml --rules new.toml --since 2027-02-01 --until 2027-03-01 --json | jq .new.recovered")]
    Replay(replay::Wanted),
    /// Call a number back now, by hand; or call a list of numbers through
    #[command(after_help = "\
Numbers of a list are called by the rules of its line, after the clients who were missed. Doubles, numbers that are never
dialled and clients who are to be called already are left out and named; the same file again goes on where it was.

Examples:
  perezvon call +79161234567 --line site
  perezvon call --file spring.csv --line site        # one number a line, or the first column
  perezvon pause --list spring")]
    Call {
        /// The client's number, as people write it
        #[arg(required_unless_present = "file")]
        number: Option<String>,
        /// Call the numbers of this file through; the list has the file's name
        #[arg(long, value_name = "FILE", conflicts_with_all = ["number", "json"])]
        file: Option<PathBuf>,
        /// Enter the list and go, without telling how far it is
        #[arg(long, requires = "file")]
        no_wait: bool,
        /// The line whose operators, caller id and rules are used; may be left out when there is one
        #[arg(long, value_name = "NAME")]
        line: Option<String>,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Numbers that are never dialled: who refused our call, who is not to be called, who does not exist
    #[command(after_help = "\
Examples:
  perezvon blocked
  perezvon blocked add +79161234567
  perezvon blocked remove +79161234567")]
    Blocked {
        /// `add NUMBER` or `remove NUMBER`
        #[command(subcommand)]
        change: Option<blocked::Change>,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Why a callback stands where it stands, or what would come of a missed call
    #[command(after_help = "\
Examples:
  perezvon explain 12
  perezvon explain --number +79161234567 --line site
  perezvon explain --number +79161234567 --at 2027-02-20T18:30")]
    Explain(explain::Wanted),
    /// Take a callback off, by its number in the journal
    Cancel {
        /// The callback
        callback: u64,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Who waits on the line now: place, number, line, how long, what they hear or who is rung for them
    #[command(after_help = "\
Examples:
  perezvon queue
  perezvon queue --json | jq '.queues[].waiting | length'")]
    Queue {
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Who the operators are and what they do; set one ready or away
    #[command(after_help = "\
Examples:
  perezvon operators
  perezvon operators away anna lunch
  perezvon operators ready anna")]
    Operators {
        /// `ready NAME` or `away NAME [WHY]`
        #[command(subcommand)]
        set: Option<SetOperator>,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Dial nobody until `resume`; talks go on, and missed calls are still noticed
    Pause {
        /// Only this list of numbers rests
        #[arg(long, value_name = "NAME")]
        list: Option<String>,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Dial again after `pause`
    Resume {
        /// Only this list of numbers
        #[arg(long, value_name = "NAME")]
        list: Option<String>,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Have the daemon read its configuration anew; a faulty one changes nothing
    Reload {
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
    },
    /// What people changed over the configuration, in versions: who, what, checked before it is saved, and back again
    #[command(after_help = "\
Settings lie over the file, which the daemon never writes: lines, groups, operators, calendars, [defaults], a trunk's prices and
channels. `remove = [\"line.site.redial.avoid\"]` takes off what the file says. Variables stand over both.

Examples:
  perezvon settings                                  # what is in force over the file
  perezvon settings > new.toml                       # edit it, then
  perezvon settings apply new.toml --dry-run
  perezvon settings apply new.toml --comment 'five tries for the spring'
  perezvon settings diff 12
  perezvon settings rollback 11")]
    Settings {
        /// What about them; what is in force when it is left out
        #[command(subcommand)]
        what: Option<settings::What>,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
        /// As one JSON object
        #[arg(long, global = true)]
        json: bool,
    },
    /// Write a whole copy of the journal while the daemon runs
    #[command(after_help = "\
The daemon writes the file, so it must be where its user may write; one that exists is not overwritten.

Example:
  perezvon backup /var/lib/perezvon/backup-$(date +%F).db")]
    Backup {
        /// The new file
        file: PathBuf,
        /// Which daemon is asked
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Say an announcement as it would be said: its text, or its sound
    #[command(after_help = "\
Examples:
  perezvon say site
  perezvon say site --kind repeated --number '8 916 123-45-67' --name Ivan
  perezvon say site --kind client --wav /tmp/client.wav && aplay /tmp/client.wav")]
    Say(say::Wanted),
    /// Make a recording of an event socket readable
    #[command(after_help = "\
Examples:
  perezvon decode tests/wire/callback-bridged.esl
  perezvon decode --json recording.esl | jq -r '.headers[\"Event-Name\"] // .content_type'")]
    Decode {
        /// Every byte that the switch sent on one connection; - is standard input
        file: PathBuf,
        /// One JSON object a message
        #[arg(long)]
        json: bool,
    },
    /// Make a token for the HTTP API: a secret, and the lines for the configuration that keeps its hash
    #[command(after_help = "\
Examples:
  perezvon token site --scope operate")]
    Token {
        /// Who will use it
        name: String,
        /// For what; each includes the one before
        #[arg(long, value_enum, default_value_t = TokenScope::Read)]
        scope: TokenScope,
    },
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TokenScope {
    /// To see
    Read,
    /// To have people called, to set operators, to block numbers
    Operate,
    /// To pause everything, to change settings
    Admin,
}

impl From<TokenScope> for crate::config::Scope {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Read => Self::Read,
            TokenScope::Operate => Self::Operate,
            TokenScope::Admin => Self::Admin,
        }
    }
}

/// Set an operator.
#[derive(Debug, Subcommand)]
pub enum SetOperator {
    /// Takes calls
    Ready {
        /// The operator's name in the configuration
        name: String,
    },
    /// Takes no calls
    Away {
        /// The operator's name in the configuration
        name: String,
        /// Why: lunch, training, …
        why: Option<String>,
    },
}

/// Which daemon is asked.
#[derive(Debug, Args)]
pub struct Daemon {
    /// Its control socket
    #[arg(long, value_name = "PATH", env = "PEREZVON_CONTROL__SOCKET", default_value = SOCKET, global = true)]
    pub socket: PathBuf,
}

/// How a command ends when it does not succeed.
#[derive(Debug)]
pub enum Failure {
    /// It was not done. 1.
    Failed(String),
    /// No daemon answers. 69, `EX_UNAVAILABLE`.
    Unreachable(String),
    /// The configuration is faulty, or the switch refuses the password. 78, `EX_CONFIG`.
    Config(String),
    /// Whoever read our output has gone. 0: `perezvon journal | head` is no fault.
    Unread,
}

impl Failure {
    fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Unread => 0,
            Failure::Failed(_) => 1,
            Failure::Unreachable(_) => 69,
            Failure::Config(_) => 78,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(text) | Failure::Unreachable(text) | Failure::Config(text) => f.write_str(text),
            Failure::Unread => Ok(()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Unread,
            _ => Failure::Failed(error.to_string()),
        }
    }
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    match run(cli.command, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                let _ = writeln!(io::stderr(), "{text}");
            }
            failure.code()
        }
    }
}

fn run(command: Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Run { config, observe } => run::run(&config, observe),
        Command::Demo(options) => demo::run(&options, out),
        Command::Check { config } => check::run(&config, out),
        Command::Status { daemon, json } => ask::status(&daemon.socket, json, out),
        Command::Journal(wanted) => journal::run(&wanted, out),
        Command::Report(wanted) => report::run(&wanted, out),
        Command::Call { file: Some(file), line, no_wait, daemon, .. } => {
            list::run(&daemon.socket, &list::Wanted { file: &file, line: line.as_deref(), no_wait }, out)
        }
        Command::Call { number, line, daemon, json, .. } => {
            ask::call(&daemon.socket, number.unwrap_or_default(), line, json, out)
        }
        Command::Blocked { change, daemon, json } => blocked::run(&daemon.socket, change, json, out),
        Command::Explain(wanted) => explain::run(&wanted, out),
        Command::Replay(wanted) => replay::run(&wanted, out),
        Command::Cancel { callback, daemon } => ask::cancel(&daemon.socket, callback, out),
        Command::Queue { daemon, json } => ask::queue(&daemon.socket, json, out),
        Command::Operators { set, daemon, json } => ask::operators(&daemon.socket, set, json, out),
        Command::Pause { list, daemon } => ask::pause(&daemon.socket, list, out),
        Command::Resume { list, daemon } => ask::resume(&daemon.socket, list, out),
        Command::Reload { daemon } => ask::reload(&daemon.socket, out),
        Command::Settings { what, daemon, json } => settings::run(&daemon.socket, what, json, out),
        Command::Backup { file, daemon } => ask::backup(&daemon.socket, &file, out),
        Command::Say(wanted) => say::run(&wanted, out),
        Command::Decode { file, json } => decode(&file, json, out),
        Command::Token { name, scope } => token::run(&name, scope.into(), out),
    }
}

fn decode(file: &std::path::Path, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    decode::run(file, json, out).map_err(|error| match error {
        decode::DecodeError::Write(error) => error.into(),
        other => Failure::Failed(other.to_string()),
    })
}
