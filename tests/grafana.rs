//! The dashboards and the alerts ask for what the program exports, and for nothing else. That the running program exports it is
//! seen in `tests/demo.rs`.
#![cfg(feature = "daemon")]

mod outside;

use outside::{file, program, said};
use perezvon::metrics::{self, Kind, Metric};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write, fs, process::Stdio};

const DASHBOARDS: &str = "grafana/dashboards";
const ALERTS: &str = "grafana/prometheus/alerts.yml";
const ALERTS_TEST: &str = "grafana/prometheus/alerts_test.yml";
/// Labels that Prometheus adds by itself.
const ADDED: [&str; 2] = ["instance", "alertname"];

fn dashboards() -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(file(DASHBOARDS)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()).collect()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no {pointer}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The panels that show something: rows are headings.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "/panels").iter().filter(|panel| panel["type"] != "row")
}

/// Every query of a dashboard, with the panel or the variable that asks it.
fn queries_of(dashboard: &Value) -> Vec<(String, String)> {
    let asks = |place: &Value, query: &Value| {
        (format!("{}: {}", text(&dashboard["title"]), text(place)), text(query).to_owned())
    };
    let of_panels = panels(dashboard)
        .flat_map(|panel| list(panel, "/targets").iter().map(|target| asks(&panel["title"], &target["expr"])));
    let variables = list(dashboard, "/templating/list").iter().filter(|variable| variable["type"] == "query");
    let marks = list(dashboard, "/annotations/list").iter().filter(|mark| mark["expr"].is_string());
    of_panels
        .chain(variables.map(|variable| asks(&variable["name"], &variable["query"]["query"])))
        .chain(marks.map(|mark| asks(&mark["name"], &mark["expr"])))
        .collect()
}

/// Every query, with its place.
fn queries() -> Vec<(String, String)> {
    let mut queries: Vec<_> = dashboards().iter().flat_map(queries_of).collect();
    let alerts = fs::read_to_string(file(ALERTS)).unwrap();
    queries.extend(
        alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(|q| (ALERTS.into(), q.into())),
    );
    queries
}

/// The names that follow this word in a file of rules.
fn said_after<'a>(text: &'a str, word: &'a str) -> BTreeSet<&'a str> {
    let after = text.split(word).skip(1);
    after.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap()).collect()
}

/// A metric as a query names it.
struct Named<'a> {
    /// What stands before it, such as `increase(`.
    before: &'a str,
    name: &'a str,
    /// What stands in its braces.
    selector: &'a str,
}

fn names(query: &str) -> Vec<Named<'_>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    query
        .match_indices("perezvon_")
        .map(|(at, _)| {
            let rest = &query[at..];
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let selector = rest[end..].strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or_default();
            Named { before: &query[..at], name: &rest[..end], selector }
        })
        .collect()
}

/// The metric behind a name: a histogram shows itself as three.
fn metric(name: &str) -> Option<&'static Metric> {
    let of = |name: &str, histogram: bool| {
        metrics::ALL.iter().copied().find(|m| m.name == name && (m.kind == Kind::Histogram) == histogram)
    };
    let parts = ["_bucket", "_sum", "_count"].into_iter().filter_map(|suffix| name.strip_suffix(suffix));
    of(name, false).or_else(|| parts.filter_map(|name| of(name, true)).next())
}

#[test]
fn every_query_names_a_metric_that_is_exported() {
    for (place, query) in queries() {
        if query.contains("ALERTS{alertname=~\"Perezvon.*\"") {
            continue;
        }
        let named = names(&query);
        assert!(!named.is_empty(), "{place}: {query} names no metric");
        for Named { before, name, selector } in named {
            let metric = metric(name).unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
            let grows = before.ends_with("increase(") || before.ends_with("rate(");
            let shown = before.ends_with("label_values(") || before.ends_with("absent(");
            assert!(
                shown || grows != (metric.kind == Kind::Gauge),
                "{place}: {name} is read as what it is not: {query}"
            );
            let is_label = |label: &str| {
                metric.labels.contains(&label) || ADDED.contains(&label) || (label == "le" && name.ends_with("_bucket"))
            };
            for label in selector.split("\",").filter_map(|one| one.split(['=', '!']).next()).filter(|l| !l.is_empty())
            {
                assert!(is_label(label), "{place}: {name} has no label {label}");
            }
            for by in
                query.split("by (").skip(1).filter_map(|rest| rest.split(')').next()).flat_map(|by| by.split(", "))
            {
                assert!(is_label(by), "{place}: {name} cannot be summed by {by}");
            }
        }
    }
}

#[test]
fn every_metric_is_shown() {
    let shown: BTreeSet<_> = queries()
        .iter()
        .filter(|(place, _)| place != ALERTS)
        .flat_map(|(_, query)| {
            names(query).iter().filter_map(|named| metric(named.name)).map(|m| m.name).collect::<Vec<_>>()
        })
        .collect();
    let missing: Vec<_> = metrics::ALL.iter().map(|m| m.name).filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
}

#[test]
fn every_panel_says_what_it_is_in_which_unit() {
    for dashboard in dashboards() {
        assert!(dashboard["description"].as_str().is_some_and(|text| text.len() > 20));
        for panel in panels(&dashboard) {
            let title = &panel["title"];
            assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title} has no description");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
            let sources = list(panel, "/targets").iter().map(|target| &target["datasource"]);
            for source in sources.chain([&panel["datasource"]]) {
                assert_eq!(source["uid"], "${datasource}", "{title} is bound to one data source");
            }
        }
    }
}

/// The place of a panel: left, top, right, bottom.
fn place(panel: &Value) -> [u64; 4] {
    let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
    assert!(w > 0 && h > 0 && x + w <= 24, "{} is wider than the page", panel["title"]);
    [x, y, x + w, y + h]
}

#[test]
fn every_panel_has_a_place_and_an_id_of_its_own() {
    for dashboard in dashboards() {
        let panels = list(&dashboard, "/panels");
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{}: an id is given twice", dashboard["title"]);
        for (n, panel) in panels.iter().enumerate() {
            let [left, top, right, bottom] = place(panel);
            for other in &panels[n + 1..] {
                let [x, y, to_x, to_y] = place(other);
                let apart = to_x <= left || right <= x || to_y <= top || bottom <= y;
                assert!(apart, "{} lies over {}", panel["title"], other["title"]);
            }
        }
    }
}

#[test]
fn every_variable_is_there_and_is_used_and_every_link_leads_to_a_dashboard() {
    let dashboards = dashboards();
    let uids: BTreeSet<_> = dashboards.iter().map(|dashboard| text(&dashboard["uid"])).collect();
    assert_eq!(uids.len(), dashboards.len(), "two dashboards have one uid");
    for dashboard in &dashboards {
        let declared: BTreeSet<_> =
            list(dashboard, "/templating/list").iter().map(|variable| text(&variable["name"])).collect();
        assert!(declared.contains("datasource") && declared.contains("instance"), "{}", dashboard["title"]);
        let panels = dashboard["panels"].to_string();
        for name in &declared {
            assert!(
                panels.contains(&format!("${name}")) || panels.contains(&format!("${{{name}}}")),
                "{name} is unused"
            );
        }
        for (place, query) in queries_of(dashboard) {
            for name in said_after(&query, "$").into_iter().filter(|name| !name.is_empty()) {
                assert!(declared.contains(name), "{place} asks for ${name}");
            }
        }
        let of_panels = self::panels(dashboard).filter_map(|panel| panel["links"].as_array()).flatten();
        let links: BTreeSet<_> = list(dashboard, "/links")
            .iter()
            .chain(of_panels)
            .map(|link| text(&link["url"]).strip_prefix("/d/").unwrap().split('?').next().unwrap())
            .collect();
        let others = uids.iter().copied().filter(|uid| *uid != text(&dashboard["uid"])).collect();
        assert_eq!(links, others, "{} does not lead to the others", dashboard["title"]);
    }
}

#[test]
fn prometheus_understands_every_query() {
    let Some(mut promtool) = program("promtool") else { return };
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (n, (_, query)) in queries().iter().filter(|(_, query)| !query.starts_with("label_values(")).enumerate() {
        let query = query.replace("$__rate_interval", "5m").replace("$__range", "1d");
        writeln!(rules, "      - record: dashboard:query:{n}\n        expr: {}", Value::from(query)).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file_of_rules = folder.path().join("dashboard.yml");
    fs::write(&file_of_rules, rules).unwrap();
    let output = promtool.args(["check", "rules"]).arg(&file_of_rules).arg(file(ALERTS)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let config =
        program("promtool").unwrap().args(["check", "config"]).arg(file("grafana/prometheus/prometheus.yml")).output();
    let config = config.unwrap();
    assert!(config.status.success(), "{}", said(&config));
}

#[test]
fn every_alert_is_tried() {
    let [rules, tests] = [ALERTS, ALERTS_TEST].map(|path| fs::read_to_string(file(path)).unwrap());
    let mut raised = BTreeSet::new();
    for case in tests.split("alertname: ").skip(1) {
        let (name, rest) = case.split_once(|c: char| !c.is_ascii_alphanumeric()).unwrap();
        if rest.trim_start().starts_with("exp_alerts:") {
            raised.insert(name);
        }
    }
    assert_eq!(said_after(&rules, "- alert: "), raised);
}

#[test]
fn alerts_are_raised_by_what_they_are_for() {
    let Some(mut promtool) = program("promtool") else { return };
    let output = promtool.args(["test", "rules"]).arg(file(ALERTS_TEST)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn prometheus_likes_the_names() {
    let Some(mut promtool) = program("promtool") else { return };
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    ::metrics::with_local_recorder(&recorder, || {
        metrics::describe_all();
        for metric in metrics::ALL {
            let labels: Vec<_> = metric.labels.iter().map(|label| ::metrics::Label::new(*label, "x")).collect();
            match metric.kind {
                Kind::Counter => ::metrics::counter!(metric.name, labels).increment(1),
                Kind::Gauge => ::metrics::gauge!(metric.name, labels).set(1.0),
                Kind::Histogram => {}
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("metrics");
    fs::write(&page, recorder.handle().render()).unwrap();
    let output =
        promtool.args(["check", "metrics"]).stdin(Stdio::from(fs::File::open(&page).unwrap())).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
