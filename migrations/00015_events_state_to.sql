-- Staff read what became of a conversation long after the payload that told of it has
-- been pruned. Of payloads that were pruned before, the word is lost.

-- +goose Up
ALTER TABLE events ADD COLUMN state_to text NOT NULL DEFAULT '';
COMMENT ON COLUMN events.state_to IS 'the state that the conversation changed to, kept of a payload that was pruned';

-- +goose Down
ALTER TABLE events DROP COLUMN state_to;
