//! The dashboard and the alerts ask for what the program exports, and for nothing else.
#![cfg(feature = "daemon")]

mod outside;

use outside::{file, program, said};
use perezvon::metrics::{self, Kind, Metric};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write, fs, process::Stdio};

const DASHBOARD: &str = "grafana/dashboards/perezvon.json";
const ALERTS: &str = "grafana/prometheus/alerts.yml";

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(file(DASHBOARD)).unwrap()).unwrap()
}

/// The panels that show something: rows are headings.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Every query, with the panel or the alert that asks it.
fn queries() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
    let mut queries = Vec::new();
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().unwrap() {
            queries.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            queries.push((text(&variable["name"]), query.to_owned()));
        }
    }
    let alerts = fs::read_to_string(file(ALERTS)).unwrap();
    queries.extend(
        alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(|q| (ALERTS.into(), q.into())),
    );
    queries
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
            for label in
                selector.split(',').filter_map(|one| one.split(['=', '!']).next()).filter(|label| !label.is_empty())
            {
                assert!(metric.labels.contains(&label), "{place}: {name} has no label {label}");
            }
            for by in query.split("by (").skip(1).filter_map(|rest| rest.split(')').next()) {
                let known = metric.labels.contains(&by) || (by == "le" && name.ends_with("_bucket"));
                assert!(known, "{place}: {name} cannot be summed by {by}");
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
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = &panel["title"];
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title} has no description");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        assert!(ids.insert(panel["id"].as_u64()), "{title} has another's id");
        let sources = panel["targets"].as_array().unwrap().iter().map(|target| &target["datasource"]);
        for source in sources.chain([&panel["datasource"]]) {
            assert_eq!(source["uid"], "${datasource}", "{title} is bound to one data source");
        }
    }
}

#[test]
fn prometheus_understands_every_query() {
    let Some(mut promtool) = program("promtool") else { return };
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (n, (_, query)) in queries().iter().filter(|(_, query)| !query.starts_with("label_values(")).enumerate() {
        let query = query.replace("$__rate_interval", "5m").replace("$__range", "1d").replace("$line", "site");
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
fn alerts_are_raised_by_what_they_are_for() {
    let Some(mut promtool) = program("promtool") else { return };
    let output = promtool.args(["test", "rules"]).arg(file("grafana/prometheus/alerts_test.yml")).output().unwrap();
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
