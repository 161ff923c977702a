//! The demonstration, as a newcomer sees it. It has a file of its own: at 240 times life's speed, what else the machine does
//! meanwhile would be minutes of a call centre.

#![cfg(feature = "daemon")]

use perezvon::metrics::{self, Kind};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// What Prometheus would get.
fn scrape(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    page.starts_with("HTTP/1.1 200").then_some(page)
}

/// What the demonstration says, and its metrics as they were scraped last.
fn watch(demo: &mut Child) -> (String, String) {
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    let mut said = String::new();
    let address = loop {
        let begun = said.len();
        assert!(out.read_line(&mut said).unwrap() > 0, "it does not say where its metrics are: {said}");
        if let Some((_, rest)) = said[begun..].split_once("http://") {
            break rest.split('/').next().unwrap().to_owned();
        }
    };
    let scraper = thread::spawn(move || {
        let mut last = None;
        while let Some(page) = scrape(&address) {
            last = Some(page);
            thread::sleep(Duration::from_millis(500));
        }
        last.expect("its metrics were never there")
    });
    out.read_to_string(&mut said).unwrap();
    (said, scraper.join().unwrap())
}

/// Every metric of the table is on the page, with the labels of the table, and nothing else is.
fn every_metric_is_there(page: &str) {
    let samples = page.lines().filter(|line| line.starts_with("perezvon_"));
    let names: BTreeSet<&str> = samples.clone().filter_map(|line| line.split(['{', ' ']).next()).collect();
    for metric in metrics::ALL {
        let name = match metric.kind {
            Kind::Histogram => format!("{}_bucket", metric.name),
            Kind::Counter | Kind::Gauge => metric.name.to_owned(),
        };
        assert!(names.contains(name.as_str()), "{name} is not in {page}");
        let wanted: BTreeSet<&str> = metric.labels.iter().copied().collect();
        for sample in samples.clone().filter(|line| line.split(['{', ' ']).next() == Some(metric.name)) {
            let labels = sample.split_once('{').map_or("", |(_, rest)| rest.split('}').next().unwrap_or_default());
            let labels = labels.split("\",").filter(|l| !l.is_empty()).filter_map(|label| label.split('=').next());
            assert_eq!(labels.collect::<BTreeSet<_>>(), wanted, "{sample}");
        }
    }
}

#[test]
fn the_demonstration_calls_everybody_back_and_breaks_nothing() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_perezvon"))
        .args(["demo", "--json", "--lang", "ru"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (said, page) = watch(&mut demo);
    let output = demo.wait_with_output().unwrap();
    every_metric_is_there(&page);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let summary: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_default();
    assert_eq!(output.status.code(), Some(0), "{}\n{summary}", text(&output.stderr));
    let count = |key: &str| summary[key].as_u64().unwrap_or_else(|| panic!("no {key}: {summary}"));
    assert_eq!(count("violations"), 0);
    assert!(count("calls") >= 55 && count("missed") >= 10 && count("attempts") >= count("recovered"), "{summary}");
    assert_eq!(count("missed"), count("recovered") + count("cancelled") + count("gave_up"), "{summary}");
    for trouble in
        ["занято", "такого номера нет", "отклонил вызов", "дозвонился сам", "ТРЕВОГА", "скрытого номера", "${system"]
    {
        assert!(said.contains(trouble), "{trouble}: {said}");
    }
}

/// The house that stays answers on its pages, people call it, and it goes when it is told to.
#[test]
fn a_demonstration_that_stays_has_its_pages_and_ends_when_told() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_perezvon"))
        .args(["demo", "--stay", "--listen", "127.0.0.1:0", "--lang", "en"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let at = |line: &str| Some(line.split("http://").nth(1)?.split('/').next()?.to_owned());
    let address = said.by_ref().find_map(|line| at(&line)).unwrap();
    let get = |path: &str, more: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{more}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for path in ["/", "/operator", "/shop", "/widget.js", "/widget/shop-demo", "/docs"] {
        let answer = get(path, &format!("Origin: http://{address}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let operators = get("/api/v1/operators", "Authorization: Bearer demo-boss\r\n");
    assert!(operators.contains("Anna") && operators.contains("Vera"), "{operators}");
    assert!(said.any(|line| line.contains("+7916") || line.contains("call")), "somebody calls");
    let stopped = Command::new("kill").args(["-TERM", &demo.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(demo.wait().unwrap().success());
}
