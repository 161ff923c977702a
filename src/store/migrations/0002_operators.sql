-- What an operator has done, so that calls are shared out fairly after a restart too.

ALTER TABLE operators ADD COLUMN talks     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN talk_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN offered   INTEGER;
