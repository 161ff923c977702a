//! Totals over a period.

use super::{
    Api,
    callbacks::moment,
    problem::{Denied, Malformed, Problem, Unavailable, Unknown},
    tokens::Reader,
};
use crate::report::By;
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use serde_json::Value;
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
}

fn by_schema() -> Object {
    Object::builder().schema_type(Type::String).enum_values(Some(By::ALL.map(|(name, _)| name))).build()
}

/// Calls, missed, recovered, minutes and money of a period, as `perezvon report --json`. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/report", tag = "reports", params(Which), security(("token" = [])),
    responses(
        (status = 200, body = Value),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn report(
    _: Reader,
    State(api): State<Api>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(which) = which?;
    let (since, until) =
        (which.since.as_deref().map(moment).transpose()?, which.until.as_deref().map(moment).transpose()?);
    let zone = api.service.zone(which.zone.as_deref())?;
    let report = api.service.report(since, until, which.by, zone).await?;
    Ok(Json(serde_json::to_value(report).unwrap_or_default()))
}
