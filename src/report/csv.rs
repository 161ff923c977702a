//! Comma-separated values (RFC 4180).

use super::{By, Report, Totals};
use crate::engine::time::Span;

/// A field, in quotes where it needs them.
pub fn quoted(field: &str) -> String {
    match field.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

/// A line of names and one a row; without rows the total alone, else a program's sum would count everything twice. Spans are seconds.
pub fn report(report: &Report) -> String {
    let head = format!(
        "{},calls,served,missed,call_talk_s,callbacks,closed,recovered,attempts,wait_s,talk_s,to_talk_median_s,\
         to_talk_worst_s,operator_cost,client_cost,cost,currency,queued,queue_served,in_time,abandoned,short,\
         call_back,shut,other,queue_wait_mean_s,queue_wait_p90_s,queue_wait_longest_s\n",
        report.by.map_or("name", By::as_str),
    );
    let rows: String = match report.by {
        Some(_) => report.rows.iter().map(|row| line(report, &row.name, &row.totals)).collect(),
        None => line(report, "total", &report.total),
    };
    head + &rows
}

fn line(report: &Report, name: &str, totals: &Totals) -> String {
    let seconds = |span: Span| (span.0 / 1000).to_string();
    let maybe = |span: Option<Span>| span.map(seconds).unwrap_or_default();
    let Totals { calls, served, missed, callbacks, closed, recovered, attempts, .. } = totals;
    let Totals { operator_cost, client_cost, cost, queue, .. } = totals;
    format!(
        "{},{calls},{served},{missed},{},{callbacks},{closed},{recovered},{attempts},{},{},{},{},\
         {operator_cost},{client_cost},{cost},{},{},{},{},{},{},{},{},{},{},{},{}\n",
        quoted(name),
        seconds(totals.call_talk),
        seconds(totals.wait),
        seconds(totals.talk),
        maybe(totals.to_talk_median),
        maybe(totals.to_talk_worst),
        report.currency.as_deref().unwrap_or_default(),
        queue.calls,
        queue.served,
        queue.in_time,
        queue.abandoned,
        queue.short,
        queue.call_back,
        queue.closed,
        queue.other,
        maybe(queue.wait_mean),
        maybe(queue.wait_p90),
        maybe(queue.wait_longest),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::money::Amount,
        report::{Queue, Row},
    };

    #[test]
    fn csv_quotes_what_would_break_it() {
        let night = Totals { calls: 4, missed: 1, served: 3, ..Totals::default() };
        let noon = Totals { calls: 80, served: 60, missed: 20, cost: Amount(125_000), ..Totals::default() };
        let total = Totals { calls: 84, queue: Queue::default(), ..Totals::default() };
        let row = |name: &str, totals| Row { name: name.to_owned(), totals };
        let rows = vec![row("03", night), row("12, noon", noon)];
        let currency = Some("RUB".into());
        let text = super::report(&Report { since: None, until: None, by: Some(By::Hour), currency, rows, total });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "no total among the rows: {text}");
        assert_eq!(lines[1], "03,4,3,1,0,0,0,0,0,0,0,,,0.00,0.00,0.00,RUB,0,0,0,0,0,0,0,0,,,");
        assert!(lines[2].starts_with("\"12, noon\",80,60,20,"), "{text}");
        assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
    }
}
