-- Parked events that wait for a row of ours are to be seen to again soon, and those
-- that wait for Twilio ever less often: when it is next says both. The program of
-- before still writes swept_at while it runs beside the new one.

-- +goose Up
ALTER TABLE events ADD COLUMN sweep_at timestamptz;
COMMENT ON COLUMN events.sweep_at IS 'on the oldest parked event of a conversation: when the sweep sees to it again';
COMMENT ON COLUMN events.swept_at IS 'no longer used: see sweep_at';

-- +goose Down
COMMENT ON COLUMN events.swept_at IS 'on the oldest parked event of a conversation: when the sweep last saw to it';
ALTER TABLE events DROP COLUMN sweep_at;
