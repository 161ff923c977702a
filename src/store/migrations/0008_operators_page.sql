-- What operators say at their page: why they are away, until when their pause after a talk lasts.

ALTER TABLE operators ADD COLUMN why   TEXT    NOT NULL DEFAULT '';
ALTER TABLE operators ADD COLUMN pause INTEGER;                        -- where somebody said so
