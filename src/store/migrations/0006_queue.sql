-- Callers of our own queue: operators are rung for them as for callbacks, and the row of the call says how it went.

-- For whom operators were rung: a callback; of a caller on the line, a negative number made of the channel's uuid.
CREATE TABLE attempts_for_all (
    job       INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    switch    TEXT    NOT NULL,
    started   INTEGER NOT NULL,
    operator  TEXT,
    took      TEXT,                           -- the client's own call
    joined    INTEGER,
    ended     INTEGER,
    outcome   TEXT,
    cause     TEXT    NOT NULL,
    handed_to TEXT,
    recording TEXT,
    callback  INTEGER GENERATED ALWAYS AS (CASE WHEN job >= 0 THEN job END) STORED
              REFERENCES callbacks (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (job, n)
) STRICT;
INSERT INTO attempts_for_all (job, n, switch, started, operator, took, joined, ended, outcome, cause, handed_to, recording)
    SELECT callback, n, switch, started, operator, took, joined, ended, outcome, cause, handed_to, recording FROM attempts;

CREATE TABLE legs_for_all (
    job      INTEGER NOT NULL,
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
    phone    TEXT,
    PRIMARY KEY (job, attempt, place),
    FOREIGN KEY (job, attempt) REFERENCES attempts_for_all (job, n) DEFERRABLE INITIALLY DEFERRED
) STRICT;
INSERT INTO legs_for_all (job, attempt, place, id, role, who, intended, ring, answered, ended, cause, phone)
    SELECT callback, attempt, place, id, role, who, intended, ring, answered, ended, cause, phone FROM legs;

DROP TABLE legs;
DROP TABLE attempts;
ALTER TABLE attempts_for_all RENAME TO attempts;
ALTER TABLE legs_for_all RENAME TO legs;
CREATE INDEX attempts_alive ON attempts (ended) WHERE ended IS NULL; -- on its key, the planner would read all attempts
CREATE INDEX legs_of_clients ON legs (intended) WHERE role = 'client';

ALTER TABLE calls ADD COLUMN queue_group TEXT;                 -- whose operators it waited for; none: it was in no queue of ours
ALTER TABLE calls ADD COLUMN place_since INTEGER;
ALTER TABLE calls ADD COLUMN rounds      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN left_by     TEXT;                 -- served, abandoned, short, call-back, key, closed, nobody, full, late, given-back
ALTER TABLE calls ADD COLUMN voicemail   TEXT;                 -- files on the switch
ALTER TABLE calls ADD COLUMN recording   TEXT;
ALTER TABLE calls ADD COLUMN handed_to   TEXT;
ALTER TABLE calls ADD COLUMN no_callback INTEGER NOT NULL DEFAULT 0;
CREATE INDEX calls_of_queue ON calls (arrived) WHERE queue_group IS NOT NULL;
