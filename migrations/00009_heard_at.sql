-- What was said in a conversation that is taken over has not been heard: nothing is
-- sent there before it has. Rows from before this are heard when they next wake.

-- +goose Up
ALTER TABLE conversations ADD COLUMN heard_at timestamptz NOT NULL DEFAULT 'epoch';
COMMENT ON COLUMN conversations.heard_at IS 'when Twilio was last asked for all that was said there; 1970: never';

-- +goose Down
ALTER TABLE conversations DROP COLUMN heard_at;
