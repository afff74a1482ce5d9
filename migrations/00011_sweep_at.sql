-- Parked events that wait for a row of ours are to be seen to again soon, and those
-- that wait for Twilio ever less often: when it is next says both.

-- +goose Up
ALTER TABLE events RENAME COLUMN swept_at TO sweep_at;
UPDATE events SET sweep_at = sweep_at + (sweep_at - received_at) WHERE sweep_at IS NOT NULL;
COMMENT ON COLUMN events.sweep_at IS 'on the oldest parked event of a conversation: when the sweep sees to it again';

-- +goose Down
UPDATE events SET sweep_at = received_at + (sweep_at - received_at) / 2 WHERE sweep_at IS NOT NULL;
ALTER TABLE events RENAME COLUMN sweep_at TO swept_at;
COMMENT ON COLUMN events.swept_at IS 'on the oldest parked event of a conversation: when the sweep last saw to it';
