//! The same calls through a queue of mod_callcenter and through one of ours, side by side: who gets which?
//!
//! Every strategy has three phones of its own in each of the two queues, so that all go on at once. Of each two calls the second
//! comes while the first one talks. How long they talk is chosen so that no two agents have talked nearly as long: mod_callcenter
//! counts whole seconds, we count thousandths.

use super::caller;
use perezvon::esl::{Decoder, Event, Limits};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    thread::{self, JoinHandle, sleep},
    time::Duration,
};

/// How many agents a queue has.
pub const AGENTS: usize = 3;
/// How many times two calls come.
const PAIRS: usize = 12;
/// How long after the first of two the second comes, in seconds.
const LATER: u64 = 2;
/// The pause after both have ended.
const PAUSE: Duration = Duration::from_millis(1500);
/// By how many seconds the talk times of two agents differ at least, after each pair.
const APART: u64 = 5;
/// The shortest call, in seconds: whoever leaves before a phone was answered has talked with nobody.
const SHORTEST: u64 = 5;

/// How long each call of a pair lasts, in seconds: the first one's agent is the one who has talked least, the second one's the next.
/// Of all that keep talk times apart, and the ends of the two calls, the pair that is over first: so it comes about that who has
/// talked least is another than who has been free longest.
pub fn script() -> Vec<(u64, u64)> {
    let mut talked = [0; AGENTS];
    let mut script = Vec::new();
    for _ in 0..PAIRS {
        talked.sort_unstable();
        let apart = |(first, second): &(u64, u64)| {
            let mut then = [talked[0] + first, talked[1] + second, talked[2]];
            then.sort_unstable();
            then.windows(2).all(|two| two[1] - two[0] >= APART) && first.abs_diff(LATER + second) >= 2
        };
        let pairs = (SHORTEST..40).flat_map(|first| (SHORTEST..40).map(move |second| (first, second)));
        let over = |(first, second): &(u64, u64)| (*first.max(&(LATER + second)), *first);
        let pair = pairs.filter(apart).min_by_key(over).expect("some pair keeps them apart");
        (talked[0], talked[1]) = (talked[0] + pair.0, talked[1] + pair.1);
        script.push(pair);
    }
    script
}

/// The calls of one queue, in their order: who called, from the switch's own point of view.
pub fn play(sip: SocketAddr, did: &str, numbers: &[String], script: &[(u64, u64)]) {
    for (n, (one, other)) in script.iter().enumerate() {
        let call = |number: &String, seconds: u64| {
            let (number, did) = (number.clone(), did.to_owned());
            thread::spawn(move || caller::call(sip, &number, "Strategy", &did, Duration::from_secs(seconds)))
        };
        let first = call(&numbers[2 * n], *one);
        sleep(Duration::from_secs(LATER));
        let second = call(&numbers[2 * n + 1], *other);
        for (which, done) in [first, second].into_iter().enumerate() {
            assert_eq!(done.join().expect("a caller"), Ok(()), "{did}, pair {n}, call {which}");
        }
        sleep(PAUSE);
    }
}

/// Gives orders to the switch, and hears which agent of mod_callcenter talks with which caller.
pub struct Callcenter {
    stream: TcpStream,
    listener: JoinHandle<Vec<u8>>,
}

impl Callcenter {
    /// From now on.
    pub fn watch(switch: &str, password: &str) -> Callcenter {
        let mut stream = TcpStream::connect(switch).expect("the event socket");
        let hello = format!("auth {password}\n\nevent plain CUSTOM callcenter::info\n\n");
        stream.write_all(hello.as_bytes()).expect("the event socket");
        let mut reader = stream.try_clone().expect("the event socket");
        let listener = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = reader.read_to_end(&mut bytes);
            bytes
        });
        Callcenter { stream, listener }
    }

    /// The agents of a queue, from none, in their order.
    pub fn agents(&mut self, queue: &str, phones: &[String]) {
        for (n, phone) in phones.iter().enumerate() {
            let agent = format!("{queue}-{n}");
            self.order(&format!("callcenter_config tier del {queue}@default {agent}"));
            self.order(&format!("callcenter_config agent del {agent}"));
            self.order(&format!("callcenter_config agent add {agent} callback"));
            self.order(&format!("callcenter_config agent set contact {agent} {phone}"));
            self.order(&format!("callcenter_config agent set max_no_answer {agent} 0"));
            self.order(&format!("callcenter_config agent set wrap_up_time {agent} 0"));
            self.order(&format!("callcenter_config agent set status {agent} Available"));
            self.order(&format!("callcenter_config tier add {queue}@default {agent} 1 {}", n + 1));
        }
    }

    fn order(&mut self, api: &str) {
        write!(self.stream, "api {api}\n\n").expect("the event socket");
    }

    /// Takes these queues' agents away, and says who talked with whom: the agent's place by the caller's number.
    pub fn seen(mut self, queues: &[&str]) -> BTreeMap<String, usize> {
        for queue in queues {
            for n in 0..AGENTS {
                self.order(&format!("callcenter_config tier del {queue}@default {queue}-{n}"));
                self.order(&format!("callcenter_config agent del {queue}-{n}"));
            }
        }
        sleep(Duration::from_secs(1));
        let _ = self.stream.shutdown(Shutdown::Both);
        let bytes = self.listener.join().expect("the listener");
        let limits = Limits::default();
        let mut decoder = Decoder::new(limits);
        decoder.push(&bytes);
        let mut seen = BTreeMap::new();
        while let Ok(Some(frame)) = decoder.next_frame() {
            let event = Event::from_frame(&frame, &limits).and_then(Result::ok);
            seen.extend(event.as_ref().and_then(joined));
        }
        seen
    }
}

fn joined(event: &Event) -> Option<(String, usize)> {
    let text = |name: &str| event.get(name).unwrap_or_default().into_owned();
    let (number, agent) = (text("CC-Member-CID-Number"), text("CC-Agent"));
    let place = agent.rsplit('-').next()?.parse().ok()?;
    (text("CC-Action") == "bridge-agent-start").then_some((number, place))
}
