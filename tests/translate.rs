//! What every recording of a real FreeSWITCH tells the engine, held against `tests/wire/NAME.news.txt`.
//!
//! `PEREZVON_BLESS=1 cargo test --test translate` writes these files anew: read the difference before it is committed.

use perezvon::{
    engine::{input::News, record::ChannelId},
    esl::{
        event::{Event, EventBuilder, Format},
        frame::{Decoder, Limits},
        view::View,
    },
    switch::{event, order::Purpose},
};
use std::{fmt::Write, fs, path::Path};

const RECORDINGS: [&str; 17] = [
    "callback-bridged",
    "callback-bridged-json",
    "client-failures",
    "direct-call",
    "early-media-answered",
    "early-media-missed",
    "log-interleaved",
    "machine-beep",
    "missed-abandoned",
    "missed-no-answer",
    "operator-away",
    "operator-race",
    "outbound-caller-gone",
    "queue-att-xfer",
    "queue-blind-transfer",
    "queue-hold-refer-replaces",
    "served-by-callcenter",
];

fn news_of(recording: &[u8]) -> Vec<News> {
    let limits = Limits::default();
    let mut decoder = Decoder::new(limits);
    decoder.push(recording);
    let mut all = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("recordings are whole") {
        let Some(event) = Event::from_frame(&frame, &limits) else { continue };
        let event = event.expect("recorded events can be read");
        match event.view() {
            View::Job(job) => all.extend(Purpose::Originate(ChannelId::new("(the job's leg)")).done(&job.result())),
            _ => event::news(&event, &mut |news| all.push(news)),
        }
    }
    all
}

fn written(news: &[News]) -> String {
    news.iter().fold(String::new(), |mut text, news| {
        let _ = writeln!(text, "{news:?}");
        text
    })
}

#[test]
fn every_recording_tells_what_happened() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let bless = std::env::var_os("PEREZVON_BLESS").is_some();
    for name in RECORDINGS {
        let recording = fs::read(folder.join(format!("{name}.esl"))).unwrap();
        let news = written(&news_of(&recording));
        let expected = folder.join(format!("{name}.news.txt"));
        if bless {
            fs::write(&expected, &news).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert!(expected == news, "{name}: what is told differs from {name}.news.txt; it is now\n{news}");
    }
}

fn news_named(name: &str) -> Vec<News> {
    news_of(&fs::read(format!("{}/tests/wire/{name}.esl", env!("CARGO_MANIFEST_DIR"))).unwrap())
}

/// The first inbound channel, and whether it was bridged before it ended.
fn served(name: &str) -> bool {
    let news = news_named(name);
    let caller = news.iter().find_map(|news| match news {
        News::Created(channel) if channel.direction == perezvon::engine::input::Direction::Inbound => Some(&channel.id),
        _ => None,
    });
    let caller = caller.expect("somebody calls");
    let ended = news.iter().position(|news| matches!(news, News::Ended(ended) if ended.id == *caller));
    let bridged = news.iter().position(|news| matches!(news, News::Bridged(a, b) if a == caller || b == caller));
    let ended = ended.expect("every recorded call ends");
    bridged.is_some_and(|bridged| bridged < ended)
}

#[test]
fn served_and_missed_can_be_told_apart() {
    for name in ["served-by-callcenter", "direct-call", "early-media-answered"] {
        assert!(served(name), "{name}");
    }
    for name in ["missed-no-answer", "missed-abandoned", "early-media-missed"] {
        assert!(!served(name), "{name}");
    }
}

#[test]
fn json_tells_what_plain_text_tells() {
    let kinds = |name: &str| -> Vec<_> {
        let news = news_named(name);
        news.iter().filter(|news| !matches!(news, News::Heartbeat)).map(std::mem::discriminant).collect()
    };
    assert_eq!(kinds("callback-bridged").len(), kinds("callback-bridged-json").len());
}

#[test]
fn where_a_client_came_from_is_read_at_the_calls_end_and_of_callers_alone() {
    for (direction, count) in [("inbound", 2), ("outbound", 1)] {
        let event = EventBuilder::new("CHANNEL_HANGUP")
            .header("Unique-ID", "a")
            .header("Call-Direction", direction)
            .header("Hangup-Cause", "NORMAL_CLEARING")
            .header("variable_perezvon_campaign", "Весна & co")
            .header("variable_perezvon_tags", "vip");
        let news = news_of(&event.to_frame(Format::Plain));
        assert_eq!(news.len(), count, "{direction}");
        if let News::Marked(id, marks) = &news[0] {
            assert_eq!((id.as_str(), marks.campaign.as_str(), marks.tags.as_str()), ("a", "Весна & co", "vip"));
        }
    }
}
