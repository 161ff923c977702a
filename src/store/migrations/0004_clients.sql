-- Where clients came from and how long they waited; numbers that are never dialled; lists; what trunks have cost.

ALTER TABLE calls ADD COLUMN waited   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN previous INTEGER;              -- when the client had called this line before
ALTER TABLE calls ADD COLUMN channel  TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN source   TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN campaign TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN page     TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN tags     TEXT NOT NULL DEFAULT '';

ALTER TABLE callbacks ADD COLUMN channel  TEXT NOT NULL DEFAULT '';
ALTER TABLE callbacks ADD COLUMN source   TEXT NOT NULL DEFAULT '';
ALTER TABLE callbacks ADD COLUMN campaign TEXT NOT NULL DEFAULT '';
ALTER TABLE callbacks ADD COLUMN page     TEXT NOT NULL DEFAULT '';
ALTER TABLE callbacks ADD COLUMN tags     TEXT NOT NULL DEFAULT '';
ALTER TABLE callbacks ADD COLUMN wanted   INTEGER NOT NULL DEFAULT 0;

-- Callbacks that no missed call opened.
DROP INDEX callbacks_by_hand;
CREATE INDEX callbacks_of_wishes ON callbacks (opened, id) WHERE origin <> 'missed';

CREATE TABLE blocked (
    number TEXT    NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    why    TEXT    NOT NULL,              -- invalid, declined, operator, person
    why_of TEXT                           -- the operator or the person
) STRICT;

CREATE TABLE lists (
    list   TEXT    NOT NULL PRIMARY KEY,
    paused INTEGER NOT NULL
) STRICT;

CREATE TABLE spent (
    trunk  TEXT    NOT NULL,
    month  INTEGER NOT NULL,              -- twelve times the year, and the months of it that are over
    amount INTEGER NOT NULL,              -- ten-thousandths of the currency's unit
    PRIMARY KEY (trunk, month)
) STRICT;
