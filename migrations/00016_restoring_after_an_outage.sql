-- After an outage nothing that was queued leaves before Twilio was asked for all that was
-- missed: when one was seen, and what is still to be asked, outlives any replica. A program
-- of before that still runs beside this one asks as ever, and holds nothing.

-- +goose Up
ALTER TABLE conversations ADD COLUMN claimed_due_at timestamptz;
COMMENT ON COLUMN conversations.claimed_due_at IS 'when the poll that is under way was due';
ALTER TABLE looks ADD COLUMN away interval, ADD COLUMN restoring_since timestamptz, ADD COLUMN found_at timestamptz;
COMMENT ON COLUMN looks.away IS 'by how much the next look must be late for an outage';
COMMENT ON COLUMN looks.restoring_since IS 'since when Twilio is asked for what an outage has missed';
COMMENT ON COLUMN looks.found_at IS 'when the first look since then was done';

-- +goose Down
ALTER TABLE conversations DROP COLUMN claimed_due_at;
ALTER TABLE looks DROP COLUMN away, DROP COLUMN restoring_since, DROP COLUMN found_at;
