//! Totals over a period.

use super::{
    Api,
    callbacks::moment,
    calls::Format,
    problem::{Denied, Malformed, Problem, Unavailable, Unknown},
    tokens::Reader,
};
use crate::report::{By, csv};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{
    IntoParams,
    openapi::{Object, schema::Type},
};

/// Of what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// From this time on.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before this time.
    #[param(format = DateTime)]
    until: Option<String>,
    /// By what the rows are told apart; without it there is the total alone.
    #[param(schema_with = by_schema)]
    by: Option<By>,
    /// Whose hours and days, `Europe/Moscow`; the daemon's own when it is left out.
    #[param(max_length = 64)]
    zone: Option<String>,
    /// json, csv: spans in seconds.
    #[param(inline)]
    format: Option<Format>,
}

fn by_schema() -> Object {
    Object::builder().schema_type(Type::String).enum_values(Some(By::ALL.map(|(name, _)| name))).build()
}

/// Calls, missed, recovered, minutes and money of a period, as `perezvon report --json`. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/report", tag = "reports", params(Which), security(("token" = [])),
    responses(
        (status = 200, content((Value = "application/json"), (String = "text/csv"))),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn report(
    _: Reader,
    State(api): State<Api>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(which) = which?;
    let (since, until) =
        (which.since.as_deref().map(moment).transpose()?, which.until.as_deref().map(moment).transpose()?);
    let zone = api.service.zone(which.zone.as_deref())?;
    let report = api.service.report(since, until, which.by, zone).await?;
    Ok(match which.format.unwrap_or_default() {
        Format::Json => Json(report).into_response(),
        Format::Csv => {
            let headers = [
                (CONTENT_TYPE, "text/csv; charset=utf-8"),
                (CONTENT_DISPOSITION, "attachment; filename=\"report.csv\""),
            ];
            (headers, csv::report(&report)).into_response()
        }
    })
}
