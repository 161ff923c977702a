-- Times are milliseconds since 1970-01-01 UTC, spans are milliseconds, numbers are E.164 with the plus. Words are those of
-- the API. A column that ends in _of names what the word before it is about. A migration that was released never changes.

-- "PRZV": says whose file this is.
PRAGMA application_id = 1347574358;

CREATE TABLE store (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seed   INTEGER NOT NULL,                  -- the bits of an unsigned number
    born   INTEGER NOT NULL,
    paused INTEGER NOT NULL
) STRICT;

CREATE TABLE operators (
    name      TEXT    NOT NULL PRIMARY KEY,
    ready     INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    last_talk INTEGER
) STRICT;

CREATE TABLE callbacks (
    id        INTEGER NOT NULL PRIMARY KEY,
    number    TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    line      TEXT    NOT NULL,
    origin    TEXT    NOT NULL,               -- missed, by-hand
    origin_of TEXT    NOT NULL,               -- the first call missed; who asked
    opened    INTEGER NOT NULL,
    last_miss INTEGER NOT NULL,
    misses    INTEGER NOT NULL,
    state     TEXT    NOT NULL,               -- tracking, waiting, active, ending, closed
    closed    INTEGER,                        -- of ending: since when
    reason    TEXT,
    reason_of TEXT,                           -- the call, the operator or the person
    due       INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    spent     INTEGER NOT NULL,
    setbacks  INTEGER NOT NULL,
    last      TEXT                            -- the outcome of the last attempt
) STRICT;

CREATE INDEX callbacks_open ON callbacks (id) WHERE state <> 'closed';
CREATE INDEX callbacks_by_hand ON callbacks (opened, id) WHERE origin = 'by-hand';
CREATE INDEX callbacks_of_number ON callbacks (number, id);

CREATE TABLE calls (
    id       TEXT    NOT NULL PRIMARY KEY,    -- the uuid of the caller's channel
    switch   TEXT    NOT NULL,
    line     TEXT    NOT NULL,
    number   TEXT,
    name     TEXT    NOT NULL,
    arrived  INTEGER NOT NULL,
    served   INTEGER,
    operator TEXT,
    talk     INTEGER NOT NULL,
    ended    INTEGER,
    missed   INTEGER,
    cause    TEXT    NOT NULL,
    callback INTEGER REFERENCES callbacks (id) DEFERRABLE INITIALLY DEFERRED,
    known_by TEXT    NOT NULL                 -- event, cdr, guess
) STRICT;

CREATE INDEX calls_by_arrival ON calls (arrived, id);
CREATE INDEX calls_of_number ON calls (number, arrived, id);
CREATE INDEX calls_alive ON calls (id) WHERE ended IS NULL;
CREATE INDEX calls_guessed ON calls (ended) WHERE known_by = 'guess';

CREATE TABLE attempts (
    callback INTEGER NOT NULL REFERENCES callbacks (id) DEFERRABLE INITIALLY DEFERRED,
    n        INTEGER NOT NULL,
    switch   TEXT    NOT NULL,
    started  INTEGER NOT NULL,
    operator TEXT,
    took     TEXT,                            -- the client's own call
    joined   INTEGER,
    ended    INTEGER,
    outcome  TEXT,
    cause    TEXT    NOT NULL,
    PRIMARY KEY (callback, n)
) STRICT;

CREATE INDEX attempts_alive ON attempts (ended) WHERE ended IS NULL; -- on its key, the planner would read all attempts

CREATE TABLE legs (
    callback INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    place    INTEGER NOT NULL,                -- in the order of dialling, from 0
    id       TEXT    NOT NULL,                -- the uuid of the channel
    role     TEXT    NOT NULL,                -- operator, client
    who      TEXT    NOT NULL,
    intended INTEGER NOT NULL,
    ring     INTEGER NOT NULL,
    answered INTEGER,
    ended    INTEGER,
    cause    TEXT    NOT NULL,
    PRIMARY KEY (callback, attempt, place),
    FOREIGN KEY (callback, attempt) REFERENCES attempts (callback, n) DEFERRABLE INITIALLY DEFERRED
) STRICT;
