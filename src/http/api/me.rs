//! Who asks.

use super::{
    problem::{Denied, Problem},
    tokens::Reader,
};
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// Whose token it is.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// The token's name.
    name: String,
    /// read, operate, admin: each includes the one before.
    scope: &'static str,
    /// The operator who holds it.
    operator: Option<String>,
    /// Numbers are whole in what it is answered; else they are like +7916***4567.
    whole_numbers: bool,
}

/// Who asks, and what they may. Scope `read`.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "people",
    responses((status = OK, body = Me), Denied),
    security(("token" = []))
)]
pub async fn me(by: Reader) -> Result<Json<Me>, Problem> {
    let operator = by.operator.map(|name| name.to_string());
    let whole_numbers = by.whole_numbers;
    Ok(Json(Me { name: by.name.to_string(), scope: by.scope.as_str(), operator, whole_numbers }))
}
