-- How many texts were posted in a conversation within the last second is asked before
-- each. The table may be large, and texts leave meanwhile; what a build that was cut short
-- has left is made anew.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX IF EXISTS messages_posted;
CREATE INDEX CONCURRENTLY messages_posted ON messages (conversation_id, sending_at) WHERE sending_at IS NOT NULL;

-- +goose Down
DROP INDEX messages_posted;
