-- What phone of an operator's a leg rang; whom the operator handed the client on to; where the talk is recorded.

ALTER TABLE legs     ADD COLUMN phone     TEXT;        -- the dial string; of a client's leg none
ALTER TABLE attempts ADD COLUMN handed_to TEXT;
ALTER TABLE attempts ADD COLUMN recording TEXT;        -- a file on the switch
