//! `perezvon demo`: a morning of a small call centre in a minute.
//!
//! The daemon is the real one: its loop, its connection, its SQLite file, its metrics. Only the switch is pretended (it speaks
//! the event socket over TCP), and the people; and the clock runs fast. At the end what the telephones did is held against
//! what must never happen.

mod morning;
mod office;
mod stay;
mod summary;
mod tell;
mod verdict;

use super::{
    Failure, logs,
    run::{House, Parts},
};
use crate::{
    clock::Clock,
    config::{self, Log},
    control::{Service, Tiding},
    engine::{
        Deadline,
        effect::Notice,
        input::{Input, Wish},
        record::{CallbackId, ChannelId},
        rules::Language,
        time::{Mono, Now, Span, Wall},
    },
    metrics,
    sim::{
        switch::{ConnId, Outside, Party},
        tcp::Streets,
        town::Town,
    },
    store,
};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use morning::{Cue, Happening, Morning};
use std::{
    collections::{BTreeMap, VecDeque},
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tell::Teller;
use tokio::{sync::broadcast, task::JoinHandle, time::sleep};

/// Monday, 30 November 2026, 08:59 in Moscow.
const BEGINS: Wall = Wall(1_796_018_340_000);
/// What is not over by then never will be.
const LONGEST: Span = Span::minutes(225);
/// The metrics' port, when nobody has it.
const METRICS: u16 = 9464;
/// How often the town is looked at, in life.
const LOOK: Duration = Duration::from_millis(10);
/// The highest number that a connection to the pretend switch has: it counts them, and is cut once.
const MOST_CONNECTIONS: u64 = 64;
/// What could not be known for so long is not held against the daemon, in life; longer when the machine stalls.
const FAIR: Duration = Duration::from_millis(100);
/// How long the loop may take to stop, in life.
const STOP: Duration = Duration::from_secs(10);

/// How the demonstration is run.
#[derive(Debug, Args)]
pub struct Options {
    /// How many times faster than life
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..=1000))]
    speed: u32,
    /// Another seed is another morning
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The house in real time until Ctrl-C, with its pages: console, operators' page, a shop with the widget
    #[arg(long, conflicts_with_all = ["speed", "json"])]
    stay: bool,
    /// Where the pages are, with --stay; another port when it is taken
    #[arg(long, default_value = "127.0.0.1:8080", requires = "stay")]
    listen: SocketAddr,
    /// The summary as one JSON object, the last line on standard output
    #[arg(long)]
    json: bool,
    /// The language of the narration; by LC_ALL, LC_MESSAGES or LANG when it is not given
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    Ru,
    En,
}

/// Runs a morning.
///
/// # Errors
/// Something that must never happen did.
pub fn run(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    if std::env::var_os("RUST_LOG").is_some() {
        logs::init(&Log { level: "info".into(), ..Log::default() });
    }
    let language = match options.lang {
        Some(Lang::Ru) => Language::Ru,
        Some(Lang::En) => Language::En,
        None => spoken_here(),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(async {
        if options.stay {
            return stay::run(options, language, out).await;
        }
        let folder = Folder::new()?;
        Stage::set(options, language, &folder.0).await?.play(options, out).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// The language of the terminal.
fn spoken_here() -> Language {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set) {
        Some(locale) if locale.starts_with("ru") => Language::Ru,
        _ => Language::En,
    }
}

/// A temporary folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, Failure> {
        let path = std::env::temp_dir().join(format!("perezvon-demo-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything that plays.
struct Stage {
    clock: Clock,
    streets: Streets,
    morning: Morning,
    service: Service,
    tidings: broadcast::Receiver<Tiding>,
    daemon: JoinHandle<Result<(), Failure>>,
    metrics: SocketAddr,
    teller: Teller,
    truth: Truth,
    /// Callbacks whose cue has not come yet, by the client's number.
    cues: BTreeMap<CallbackId, String>,
    /// When the machine kept us and the daemon waiting, each by its end, and for how long in life.
    stalls: Vec<(Mono, Duration)>,
}

/// What truly happened, from the telephones' side.
#[derive(Default)]
struct Truth {
    log: Vec<(Now, Outside)>,
    /// Clients' calls with the number that they showed.
    calls: Vec<(ChannelId, String)>,
}

impl Stage {
    async fn set(options: &Options, language: Language, folder: &Path) -> Result<Stage, Failure> {
        let morning = Morning::new(options.seed, language);
        let clock = Clock::pretended(BEGINS, f64::from(options.speed));
        let town = Town::new(morning.switch(), options.seed, clock.now());
        let streets = Streets::new(town, clock);
        let address = streets.listen(local(0)).await?;
        streets.with(|town, now| morning.prepare(town, now));

        let text = morning.configuration(address, folder) + &office::open().await?;
        let config = config::parse("demo.toml", &text, folder, std::iter::empty())
            .map_err(|faults| Failure::Failed(faults.to_string()))?;
        let failed = |why: &dyn std::fmt::Display| Failure::Failed(why.to_string());
        let recorder = metrics::install().map_err(Failure::Failed)?;
        let store = store::open(&config.store, clock.now().wall).await.map_err(|why| failed(&why))?;
        let house = Parts { clock, store, started: None, config }.start().await?;
        let metrics = match house.listen(local(METRICS), recorder.clone()).await {
            Ok(address) => address,
            Err(_) => house.listen(local(0), recorder).await?,
        };
        let House { daemon, service, .. } = house;
        let tidings = service.handle().listen();
        let daemon = tokio::spawn(async move { daemon.run().await.map_err(Failure::from) });
        let teller = Teller::new(language, morning.names());
        let truth = Truth::default();
        Ok(Stage {
            clock,
            streets,
            morning,
            service,
            tidings,
            daemon,
            metrics,
            teller,
            truth,
            cues: BTreeMap::new(),
            stalls: Vec::new(),
        })
    }

    async fn play(mut self, options: &Options, out: &mut impl Write) -> Result<(), Failure> {
        writeln!(out, "{}", self.teller.welcome(options.speed, self.metrics))?;
        let mut plan: VecDeque<(Span, Happening)> = self.morning.plan().into();
        loop {
            let mark = self.clock.mark();
            // It asks the daemon's loop, so the time that it takes is the daemon's too.
            if self.is_over(&plan).await? {
                break;
            }
            if self.daemon.is_finished() {
                return Err((&mut self.daemon)
                    .await
                    .map_err(|error| Failure::Failed(error.to_string()))?
                    .err()
                    .unwrap_or_else(|| Failure::Failed("the daemon ended".into())));
            }
            let next = plan.front().map(|(at, _)| BEGINS + *at);
            let pause = self.clock.until(Deadline { wall: next, mono: None }).min(LOOK);
            tokio::select! {
                tiding = self.tidings.recv() => if let Ok(tiding) = tiding { self.tell(&tiding, out)? },
                () = sleep(pause) => {}
            }
            while plan.front().is_some_and(|(at, _)| BEGINS + *at <= self.clock.now().wall) {
                if let Some((_, happening)) = plan.pop_front() {
                    self.happen(happening, out)?;
                }
            }
            self.look(out)?;
            let late = self.clock.since(mark).saturating_sub(pause);
            if late > FAIR / 2 {
                self.stalls.push((self.clock.now().mono, late));
            }
        }
        self.close(options, out).await
    }

    /// Nothing is to come, and nothing is open; or it has taken too long.
    async fn is_over(&self, plan: &VecDeque<(Span, Happening)>) -> Result<bool, Failure> {
        let now = self.clock.now().wall;
        if now >= BEGINS + LONGEST {
            return Ok(true);
        }
        let status = self.service.status().await.map_err(|refusal| Failure::Failed(refusal.text))?;
        let quiet = self.streets.with(|town, _| town.switch.channels().next().is_none());
        Ok(plan.is_empty() && quiet && status.callbacks.is_empty() && status.calls.is_empty())
    }

    fn happen(&mut self, happening: Happening, out: &mut impl Write) -> Result<(), Failure> {
        let now = self.clock.now();
        if let Some(line) = self.teller.happening(&happening) {
            self.line(now.wall, &line, out)?;
        }
        match happening {
            Happening::Call { caller, patience, .. } => {
                let number = caller.number.clone();
                let client = caller.user.is_none();
                let id = self.streets.with(|town, now| town.call(&caller, patience, now));
                self.truth.calls.extend(id.filter(|_| client).map(|id| (id, number)));
            }
            Happening::Habit { who, habit, .. } => self.streets.with(|town, _| town.people.habit(who, habit)),
            Happening::Trunk { up } => {
                self.streets.with(|town, _| town.switch.gateway(crate::sim::house::GATEWAY, up));
            }
            Happening::Cut => {
                self.streets.with(|town, _| (1..=MOST_CONNECTIONS).for_each(|n| town.switch.disconnect(ConnId(n))));
            }
        }
        Ok(())
    }

    /// Takes what the telephones did, and posts the call records as mod_json_cdr does.
    fn look(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        let (happened, records) = self.streets.with(|town, _| (town.happened(), town.switch.cdrs()));
        for record in records {
            let handle = self.service.handle().clone();
            tokio::spawn(async move { drop(handle.cdr(None, Bytes::from(record)).await) });
        }
        for (at, outside) in happened {
            if let Some(line) = self.teller.outside(&outside) {
                self.line(at.wall, &line, out)?;
            }
            if std::env::var_os("DEMO_TRUTH").is_some() {
                eprintln!("{} {outside:?}", at.wall.timestamp());
            }
            self.truth.log.push((at, outside));
        }
        Ok(())
    }

    fn tell(&mut self, tiding: &Tiding, out: &mut impl Write) -> Result<(), Failure> {
        let at = match tiding {
            Tiding::Notice(at, _) | Tiding::Alarm(at, _) => *at,
        };
        if let Some(line) = self.teller.tiding(tiding) {
            self.line(at, &line, out)?;
        }
        match tiding {
            Tiding::Notice(_, notice) => self.heed_cue(notice, out),
            Tiding::Alarm(..) => Ok(()),
        }
    }

    /// Some clients and operators wait for a moment, not for a time.
    fn heed_cue(&mut self, notice: &Notice, out: &mut impl Write) -> Result<(), Failure> {
        match notice {
            Notice::Ringing { callback, attempt: 1, number, .. } => {
                self.cues.insert(*callback, number.digits());
                Ok(())
            }
            Notice::OperatorAnswered { callback, operator, .. } => {
                let cue = self.cues.remove(callback).and_then(|number| self.morning.cue(&number));
                match cue {
                    Some(Cue::ClientCalls(happening)) => self.happen(happening, out),
                    Some(Cue::OperatorHangsUp) => self.hang_up(operator, out),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn hang_up(&mut self, operator: &str, out: &mut impl Write) -> Result<(), Failure> {
        let user = self.morning.names().into_iter().find(|(_, name)| name == operator).map(|(user, _)| user);
        if let (Some(user), Some(line)) = (user, self.teller.rude(operator)) {
            self.line(self.clock.now().wall, &line, out)?;
            self.streets.with(|town, now| town.hang_up(&Party::User(user), now));
        }
        Ok(())
    }

    fn line(&self, at: Wall, text: &str, out: &mut impl Write) -> Result<(), Failure> {
        let time = at.timestamp().to_zoned(zone()).strftime("%H:%M:%S").to_string();
        writeln!(out, "{time}  {text}")?;
        Ok(out.flush()?)
    }

    /// Stops the daemon as SIGTERM does, and says what came of it all.
    async fn close(mut self, options: &Options, out: &mut impl Write) -> Result<(), Failure> {
        self.look(out)?;
        while let Ok(tiding) = self.tidings.try_recv() {
            self.tell(&tiding, out)?;
        }
        let ended = self.clock.now();
        let rows = summary::Rows::read(&self.service).await?;
        let (strange, left) = self.streets.with(|town, _| {
            let said: Vec<String> =
                town.switch.expanded().iter().chain(town.switch.strange_commands()).cloned().collect();
            (said, town.switch.channels().count())
        });
        let in_town = |life: Duration| Span(u64::try_from((life * options.speed).as_millis()).unwrap_or(u64::MAX));
        let stalls = self.stalls.iter().map(|(end, life)| (*end, in_town(*life))).collect();
        let fair = verdict::Fairness { least: in_town(FAIR), stalls };
        let judged = verdict::Judged {
            truth: &self.truth,
            rows: &rows,
            strange: &strange,
            left,
            impossible: self.teller.impossible,
            track: self.morning.track(),
            fair: &fair,
        };
        let violations = verdict::judge(&judged);
        let mut summary = summary::Summary::new(&rows, self.teller.waits(), self.truth.calls.len(), violations);
        summary.stall = self.stalls.iter().map(|(_, life)| *life).max().unwrap_or_default();
        writeln!(out, "{}", self.teller.journal(&rows, &zone()))?;
        writeln!(out, "{}", self.teller.summary(&summary, ended.wall.since(BEGINS)))?;
        if options.json {
            writeln!(out, "{}", summary.json())?;
        }
        out.flush()?;
        let _ = self.service.handle().step(Input::Wish(Wish::Drain)).await;
        let _ = tokio::time::timeout(STOP, self.daemon).await;
        match summary.violations.len() {
            0 => Ok(()),
            broken => Err(Failure::Failed(format!("{broken} invariants did not hold"))),
        }
    }
}

fn zone() -> TimeZone {
    TimeZone::get(morning::ZONE).unwrap_or(TimeZone::UTC)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
