//! A value as a column holds it: one place for both ways, so that what is read is what was written.

use crate::engine::{
    Name,
    number::Number,
    paper::PaperKind,
    record::{CallbackId, ChannelId, Job, KnownBy, Left, Outcome, Role},
    time::{Span, Wall},
};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value},
};
use sqlx::{Decode, Encode, Row, Sqlite, Type, query::Query, sqlite::SqliteArguments, sqlite::SqliteRow};

/// A value that a column can hold.
pub trait Column: Sized {
    /// What the database knows.
    type Raw: for<'q> Encode<'q, Sqlite> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> + Send + 'static;
    /// For the database.
    fn raw(&self) -> Self::Raw;
    /// From the database, where anything may have been written by others; the error says what is wrong with it.
    fn from_raw(raw: Self::Raw) -> Result<Self, String>;
}

/// Columns whose values are whole numbers. The database has signed ones alone: an unsigned one keeps its bits.
macro_rules! whole_number {
    ($($type:ty: $to:expr, $from:expr;)*) => {$(
        impl Column for $type {
            type Raw = i64;
            fn raw(&self) -> i64 {
                $to(self)
            }
            fn from_raw(raw: i64) -> Result<$type, String> {
                $from(raw)
            }
        }
    )*};
}

whole_number! {
    u32: |n: &u32| i64::from(*n), |raw| u32::try_from(raw).map_err(|_| format!("{raw} is no count"));
    u64: |n: &u64| *n as i64, |raw| Ok(raw as u64);
    Wall: |at: &Wall| at.0, |raw| Ok(Wall(raw));
    Span: |span: &Span| span.0 as i64, |raw| Ok(Span(raw as u64));
    Job: |job: &Job| job.key(), |raw| Ok(Job::of_key(raw));
    CallbackId: |id: &CallbackId| id.0 as i64, |raw| Ok(CallbackId(raw as u64));
}

/// Columns whose values are text.
macro_rules! text {
    ($($type:ty: $to:expr, $from:expr;)*) => {$(
        impl Column for $type {
            type Raw = String;
            fn raw(&self) -> String {
                $to(self)
            }
            fn from_raw(raw: String) -> Result<$type, String> {
                $from(raw)
            }
        }
    )*};
}

text! {
    String: String::clone, Ok;
    Name: |name: &Name| name.to_string(), |raw: String| Ok(raw.into());
    ChannelId: ChannelId::to_string, |raw: String| Ok(ChannelId(raw.into()));
    Number: Number::to_string, |raw: String| raw.parse().map_err(|error| format!("{raw:?}: {error}"));
    Outcome: |outcome: &Outcome| outcome.as_str().to_owned(), word;
    Left: |left: &Left| left.as_str().to_owned(), word;
    PaperKind: |kind: &PaperKind| kind.as_str().to_owned(), word;
    KnownBy: |by: &KnownBy| match by {
        KnownBy::Event => "event",
        KnownBy::Cdr => "cdr",
        KnownBy::Guess => "guess",
    }.to_owned(), word;
    Role: |role: &Role| match role {
        Role::Operator => "operator",
        Role::Client => "client",
    }.to_owned(), word;
}

impl Column for bool {
    type Raw = bool;
    fn raw(&self) -> bool {
        *self
    }
    fn from_raw(raw: bool) -> Result<bool, String> {
        Ok(raw)
    }
}

/// One of a few words, as the type's own serde names have them.
fn word<'de, T: Deserialize<'de>>(raw: String) -> Result<T, String> {
    T::deserialize(raw.into_deserializer()).map_err(|error: value::Error| error.to_string())
}

/// A statement that is given its values one after the other.
pub struct Statement<'q>(pub Query<'q, Sqlite, SqliteArguments>);

impl<'q> Statement<'q> {
    /// The next value.
    pub fn with<T: Column>(self, value: &T) -> Statement<'q> {
        Statement(self.0.bind(value.raw()))
    }

    /// The next value, or nothing.
    pub fn maybe<T: Column>(self, value: &Option<T>) -> Statement<'q> {
        Statement(self.0.bind(value.as_ref().map(T::raw)))
    }
}

/// A row that is read column after column.
pub struct Fields<'r> {
    row: &'r SqliteRow,
    next: usize,
}

impl<'r> Fields<'r> {
    /// From this column of the row on.
    pub fn from(row: &'r SqliteRow, first: usize) -> Fields<'r> {
        Fields { row, next: first }
    }

    /// The next value.
    pub fn get<T: Column>(&mut self) -> Result<T, sqlx::Error> {
        self.maybe()?.ok_or_else(|| self.damaged("it is missing".to_owned()))
    }

    /// The next value, which may be missing.
    pub fn maybe<T: Column>(&mut self) -> Result<Option<T>, sqlx::Error> {
        let raw: Option<T::Raw> = self.row.try_get(self.next)?;
        self.next += 1;
        raw.map(T::from_raw).transpose().map_err(|what| self.damaged(what))
    }

    /// The column read last holds what it must not.
    pub fn damaged(&self, what: String) -> sqlx::Error {
        let column = self.row.columns().get(self.next.saturating_sub(1)).map_or("?", sqlx::Column::name);
        sqlx::Error::Decode(format!("column {column}: {what}").into())
    }
}
