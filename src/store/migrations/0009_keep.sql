-- Rows that are too old are removed: what names a callback is found before it goes.

CREATE INDEX calls_of_callback ON calls (callback) WHERE callback IS NOT NULL;
CREATE INDEX attempts_of_callback ON attempts (callback) WHERE callback IS NOT NULL;
