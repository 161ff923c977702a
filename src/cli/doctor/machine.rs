//! Looks at this machine: the daemon and its socket, the store, the disk, ports, folders, time zones.

use super::finding::Finding;
use crate::{
    clock::Clock,
    config::Config,
    control::{client, request::Request},
    engine::rules::Language,
    store::{self, StoreError},
    voice::studio::Studio,
};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::{collections::BTreeSet, fs, io, net::SocketAddr, os::unix::fs::MetadataExt, path::Path, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    task::spawn_blocking,
    time::timeout,
};

/// How long the daemon, a port or a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Less free space than this is worth a word, in KiB.
const LITTLE: u64 = 1 << 20;
/// With less than this the store will soon take no writes, in KiB.
const NEXT_TO_NOTHING: u64 = 100 << 10;

/// What is to be said of this machine.
pub async fn examine(config: &Config, clock: Clock) -> Vec<Finding> {
    let daemon = status(config).await;
    let runs = daemon.is_some();
    let mut findings = vec![user(), socket(config, runs), store(config, daemon.as_ref()).await];
    findings.extend(disk(config).await);
    findings.extend(http(config, runs).await);
    findings.extend(outbound(config, runs).await);
    findings.extend(records(config));
    findings.push(zones(config, clock));
    findings
}

/// Over the folder of rendered sounds, or why it is of no use.
pub async fn studio(config: &Config) -> (Option<Studio>, Option<Finding>) {
    let studio = match Studio::open(config.voice.rendering()) {
        Ok(None) => return (None, None),
        Ok(Some(studio)) => studio,
        Err(why) => return (None, Some(cured("render", &why, ";"))),
    };
    for language in [Language::Ru, Language::En].into_iter().filter(|language| studio.renders(*language)) {
        if let Err(why) = studio.make(language, "1, 2, 3.").await {
            let cure = "try it as the daemon's user: `perezvon say LINE --wav /tmp/a.wav`";
            return (Some(studio), Some(Finding::fault("render", why.to_string(), cure)));
        }
    }
    (Some(studio), Some(Finding::ok("render", "[voice] command makes sounds, and their folder takes them")))
}

/// A fault whose text has its cure behind this sign.
fn cured(check: &'static str, text: &str, sign: &str) -> Finding {
    let (what, cure) = text.rsplit_once(sign).unwrap_or((text, ""));
    Finding::fault(check, what, cure.trim())
}

async fn status(config: &Config) -> Option<Value> {
    let socket = config.socket.clone();
    let asked = spawn_blocking(move || client::ask(&socket, &Request::Status {}));
    timeout(PATIENCE, asked).await.ok()?.ok()?.ok()
}

fn user() -> Finding {
    // Our own entry in /proc is ours.
    let root = fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0);
    match root {
        false => Finding::ok("user", "what is said of folders and ports holds for this user"),
        true => Finding::warning(
            "user",
            "this is root, who may read and write everything: that says nothing of the daemon's user",
            "ask as the daemon's user: `sudo -u perezvon perezvon doctor`",
        ),
    }
}

fn socket(config: &Config, runs: bool) -> Finding {
    let socket = config.socket.display();
    if runs {
        return Finding::ok("daemon", format!("it runs, and answers at {socket}"));
    }
    match writable(config.socket.parent().unwrap_or(Path::new("/"))) {
        Ok(()) => Finding::ok("daemon", format!("none runs; one could open {socket}")),
        Err(why) => Finding::fault(
            "daemon",
            format!("none runs, and none could open {socket}: {why}"),
            "deploy/perezvon.service makes the folder (RuntimeDirectory); or name another with `socket` of [control]",
        ),
    }
}

/// May we make a file there?
fn writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".perezvon-doctor-{}", std::process::id()));
    fs::File::create_new(&probe)?;
    fs::remove_file(&probe)
}

async fn store(config: &Config, daemon: Option<&Value>) -> Finding {
    if let Some(status) = daemon {
        return match status["store_works"].as_bool() {
            Some(true) => Finding::ok("store", format!("{}: the daemon has it, and it takes writes", config.store)),
            _ => Finding::fault(
                "store",
                format!("{} takes no writes: nobody is called back", config.store),
                "the daemon's log says why: `journalctl -u perezvon`",
            ),
        };
    }
    let Some(file) = config.store.strip_prefix("sqlite:").map(Path::new) else {
        return Finding::ok("store", "in memory");
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(why) = writable(folder) {
        let cure = format!("`install -d -o perezvon -g perezvon -m 750 {}`", folder.display());
        return Finding::fault("store", format!("{} cannot be written: {why}", folder.display()), cure);
    }
    if !file.exists() {
        return Finding::ok("store", format!("{} will be made", file.display()));
    }
    match store::look(&config.store).await {
        Ok(_) => Finding::ok("store", format!("{} can be read", file.display())),
        // One that the next start brings up to date.
        Err(StoreError::Older { .. }) => Finding::ok("store", format!("{} will be brought up to date", file.display())),
        Err(why) => cured("store", &why.to_string(), ": "),
    }
}

/// The space that is left for the store.
async fn disk(config: &Config) -> Option<Finding> {
    let file = Path::new(config.store.strip_prefix("sqlite:")?);
    let folder = file.parent().filter(|folder| folder.is_dir())?;
    let df = Command::new("df").arg("-Pk").arg(folder).kill_on_drop(true).output();
    let output = timeout(PATIENCE, df).await.ok()?.ok()?;
    let left = available(&String::from_utf8_lossy(&output.stdout))?;
    let text = format!("{} MiB are free in {}", left / 1024, folder.display());
    let cure = "free some space, or move the store with `url` of [store]";
    Some(match left {
        0..NEXT_TO_NOTHING => Finding::fault("disk", text, cure),
        NEXT_TO_NOTHING..LITTLE => Finding::warning("disk", text, cure),
        _ => Finding::ok("disk", text),
    })
}

/// The fourth column of the last line that `df -Pk` says, in KiB.
fn available(df: &str) -> Option<u64> {
    df.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

async fn http(config: &Config, runs: bool) -> Option<Finding> {
    let address = config.listen?;
    Some(match TcpListener::bind(address).await {
        Ok(_) => Finding::ok("http", format!("{address} is free")),
        Err(_) if runs && is_alive(address).await => Finding::ok("http", format!("the daemon answers at {address}")),
        Err(why) => taken("http", address, &why, "[http]"),
    })
}

fn taken(check: &'static str, address: SocketAddr, why: &io::Error, section: &str) -> Finding {
    let cure = format!("`ss -ltnp` names who has it; stop that, or name another with `listen` of {section}");
    Finding::fault(check, format!("{address} cannot be listened at: {why}"), cure)
}

/// Does our daemon answer there?
async fn is_alive(address: SocketAddr) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer.ends_with(b"alive\n"))
    };
    timeout(PATIENCE, asked).await.is_ok_and(|alive| alive.unwrap_or(false))
}

async fn outbound(config: &Config, runs: bool) -> Option<Finding> {
    let address = config.outbound.as_ref()?.listen;
    Some(match TcpListener::bind(address).await {
        Ok(_) => Finding::ok("callers", format!("{address} is free")),
        Err(_) if runs => Finding::ok("callers", format!("{address} is taken, as it is where the daemon runs")),
        Err(why) => taken("callers", address, &why, "[outbound]"),
    })
}

/// The folder of call records that could not be posted.
fn records(config: &Config) -> Option<Finding> {
    let folder = config.cdr.folder.as_deref()?;
    let name = folder.display();
    let cure =
        format!("`install -d -o freeswitch -g perezvon -m 2770 {name}`, as deploy/tmpfiles.d/perezvon.conf does");
    Some(match fs::read_dir(folder).and_then(|_| writable(folder)) {
        Ok(()) => Finding::ok("spool", format!("records are taken out of {name}")),
        Err(why) => Finding::fault("spool", format!("records cannot be taken out of {name}: {why}"), cure),
    })
}

/// What time it is by each line's clock, for whoever reads this to compare.
fn zones(config: &Config, clock: Clock) -> Finding {
    let now = clock.now().wall.timestamp();
    let zones: BTreeSet<String> = config
        .rules
        .lines
        .values()
        .map(|line| {
            let zone = &line.redial.manners.zone;
            format!("{} in {}", now.to_zoned(zone.clone()).strftime("%F %H:%M"), zone.iana_name().unwrap_or("UTC"))
        })
        .collect();
    let lines = zones.into_iter().collect::<Vec<_>>().join(", ");
    match TimeZone::system().is_unknown() {
        false => Finding::ok("zones", format!("it is {lines}")),
        true => Finding::warning(
            "zones",
            format!("this machine does not know its own time zone; by the lines it is {lines}"),
            "`timedatectl set-timezone Europe/Moscow`: the journal is shown in the machine's time",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_that_is_left_is_read_from_df() {
        let df = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n\
                  /dev/vda         263174212 14680064  81788928      16% /\n";
        assert_eq!(available(df), Some(81_788_928));
        assert_eq!(available("df: /nowhere: No such file or directory\n"), None);
    }
}
