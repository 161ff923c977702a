//! Measures the codec, alone and against other crates. See the README beside this.

#![allow(clippy::disallowed_methods, reason = "what measures reads the clock")]

mod clock;
mod commands;
mod events;
mod memory;
mod server;
mod stream;
mod truth;

use events::Look;
use server::Show;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const USAGE: &str = "perezvon-peers [memory | socket | commands | floods | truth [COUNT] | all]";
/// Bytes of events in the socket's stream.
const STREAM: usize = 200_000_000;
/// Each client is measured this often, in turn; the best counts.
const ROUNDS: usize = 3;
const PEERS: [&str; 3] = ["freeswitch-esl-tokio", "eslrs", "freeswitch-esl"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["memory"] => memory::run(),
        ["socket"] => socket(),
        ["commands"] => measure_commands(),
        ["floods"] => floods(),
        ["truth"] => truth::run(100_000_000),
        ["truth", count] => truth::run(count.parse().expect(USAGE)),
        [] | ["all"] => {
            memory::run();
            socket();
            measure_commands();
            floods();
            truth::run(100_000_000);
        }
        ["server", show, bytes] => serve(show, bytes.parse().expect(USAGE)),
        ["client", name, port, look] => client(name, port.parse().expect(USAGE), look),
        ["commander", name, port, outstanding] => {
            let rate = block_on(commands::run(name, port.parse().expect(USAGE), outstanding.parse().expect(USAGE)));
            println!("{rate}");
        }
        _ => eprintln!("{USAGE}"),
    }
}

/// Everything runs on one thread.
fn block_on<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(task)
}

fn serve(show: &str, bytes: usize) {
    let show = match show {
        "answers" => Show::Answers,
        "plain" => Show::Events { bytes, json: false },
        "json" => Show::Events { bytes, json: true },
        "headers" => Show::Headers { bytes },
        "body" => Show::Body { bytes },
        other => panic!("no show {other}"),
    };
    // A client that has seen enough closes in the middle.
    let _ = server::run(show);
}

fn client(name: &str, port: u16, look: &str) {
    let look = if look == "every" { Look::Every } else { Look::Five };
    let done = block_on(events::run(name, port, look));
    println!("{} {} {} {}", done.events, done.seconds, done.used.user, done.used.system);
}

/// This program again, in another process.
fn again(arguments: &[&str]) -> Child {
    let program = std::env::current_exe().expect("this program");
    Command::new(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process")
}

/// What became of a client.
struct End {
    /// What it printed; nothing when it failed.
    words: Vec<f64>,
    /// The most memory that it had, in bytes.
    memory: usize,
    /// Whether it had to be stopped.
    stopped: bool,
}

/// A server and a client of it, which has so many seconds.
fn pair(show: &str, bytes: usize, seconds: u64, client: impl Fn(&str) -> Vec<String>) -> End {
    let mut server = again(&["server", show, &bytes.to_string()]);
    let mut port = String::new();
    BufReader::new(server.stdout.take().expect("its port")).read_line(&mut port).expect("its port");
    let arguments = client(port.trim());
    let mut client = again(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let start = Instant::now();
    let (mut memory, mut stopped) = (0, false);
    while client.try_wait().expect("its end").is_none() {
        memory = memory.max(clock::peak_memory(client.id()).unwrap_or(0));
        if start.elapsed() > Duration::from_secs(seconds) {
            stopped = true;
            let _ = client.kill();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut text = String::new();
    client.stdout.take().expect("its words").read_to_string(&mut text).expect("its words");
    let _ = server.kill();
    let _ = server.wait();
    let words = text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    End { words, memory, stopped }
}

fn client_of(name: &str, look: &str) -> impl Fn(&str) -> Vec<String> {
    move |port| ["client", name, port, look].map(str::to_owned).to_vec()
}

fn socket() {
    let (_, events) = stream::stream(STREAM, false);
    println!("over loopback TCP, one thread: {} MB, {events} events", STREAM / 1_000_000);
    let clients = [
        ("drain", "five"),
        ("perezvon", "five"),
        ("perezvon", "every"),
        ("freeswitch-esl-tokio", "five"),
        ("freeswitch-esl-tokio", "every"),
        ("eslrs", "five"),
        ("freeswitch-esl", "five"),
    ];
    // Of each: events, seconds, user, system.
    let mut best: Vec<Option<Vec<f64>>> = vec![None; clients.len()];
    for _ in 0..ROUNDS {
        for ((name, look), best) in clients.iter().zip(&mut best) {
            let format = if *name == "freeswitch-esl" { "json" } else { "plain" };
            let done = pair(format, STREAM, 100, client_of(name, look)).words;
            if done.len() == 4 && best.as_ref().is_none_or(|best| done[2] + done[3] < best[2] + best[3]) {
                *best = Some(done);
            }
        }
    }
    let ours = best[1].clone().expect("ours");
    let per_event = |done: &[f64]| (done[2] + done[3]) / events as f64 * 1e6;
    for ((name, look), done) in clients.iter().zip(&best) {
        let Some(done) = done else {
            println!("  {name:22} {look:6} failed");
            continue;
        };
        println!(
            "  {name:22} {look:6} {:7.2} µs of processor an event ({:.2} of it in the kernel)  {:7.1} MB/s on the wall  {:6.1}× ours",
            per_event(done),
            done[3] / events as f64 * 1e6,
            STREAM as f64 / done[1] / 1e6,
            per_event(done) / per_event(&ours),
        );
        if *name != "drain" && *name != "freeswitch-esl" && done[0] as usize != events {
            println!("  {:22} saw {} events of {events}", "", done[0]);
        }
    }
    if let Some(drain) = &best[0] {
        println!(
            "  ours, of the rate at which the socket is drained: {:.0} % by the wall, {:.0} % by processor time",
            drain[1] / ours[1] * 100.0,
            (drain[2] + drain[3]) / (ours[2] + ours[3]) * 100.0
        );
    }
}

fn measure_commands() {
    println!("commands a second over loopback");
    let many = commands::OUTSTANDING;
    let clients = [
        ("raw", 1),
        ("perezvon", 1),
        ("freeswitch-esl-tokio", 1),
        ("eslrs", 1),
        ("freeswitch-esl", 1),
        ("perezvon", many),
        ("freeswitch-esl-tokio", many),
        ("freeswitch-esl", many),
    ];
    let mut best = [0.0_f64; 8];
    for _ in 0..2 * ROUNDS {
        for ((name, outstanding), best) in clients.iter().zip(&mut best) {
            let words = |port: &str| ["commander", name, port, &outstanding.to_string()].map(str::to_owned).to_vec();
            *best = best.max(pair("answers", 0, 20, words).words.first().copied().unwrap_or_default());
        }
    }
    for ((name, outstanding), best_rate) in clients.iter().zip(best) {
        let (raw, latency) = (best[0], 1e6 / best_rate);
        match outstanding {
            1 => println!(
                "  {name:22}  1 outstanding {best_rate:9.0} a second: {latency:7.1} µs, {:.2}× raw",
                raw / best_rate
            ),
            many => println!("  {name:22} {many} outstanding {best_rate:9.0} a second"),
        }
    }
}

fn floods() {
    println!("the most memory under a flood of 1 GB");
    for name in ["perezvon"].into_iter().chain(PEERS) {
        for show in ["headers", "body"] {
            let end = pair(show, 1_000_000_000, 30, client_of(name, "five"));
            let fate = match (end.stopped, end.words.is_empty()) {
                (true, _) => ", and it never ended",
                (false, true) => ", and it fell over",
                (false, false) => "",
            };
            println!("  {name:22} {show:8} {:7.1} MB{fate}", end.memory as f64 / 1e6);
        }
    }
}
