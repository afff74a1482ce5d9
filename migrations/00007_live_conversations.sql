-- +goose Up
ALTER TABLE conversations ADD COLUMN live_at timestamptz;
COMMENT ON COLUMN conversations.live_at IS 'when the person was last known to be in the conversation, by our clock; null: never, or before this was written down';

-- +goose Down
ALTER TABLE conversations DROP COLUMN live_at;
