-- An outage of Twilio's is no reason to have parked events looked after by ever
-- more jobs: the sweep notes that it has seen to them, and waits.

-- +goose Up
ALTER TABLE events ADD COLUMN swept_at timestamptz;
COMMENT ON COLUMN events.swept_at IS 'on the oldest parked event of a conversation: when the sweep last saw to it';

-- +goose Down
ALTER TABLE events DROP COLUMN swept_at;
