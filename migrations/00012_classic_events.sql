-- A STOP or START that a conversation brings looks for the classic webhook's, which
-- is the same. The table may be large, and webhooks are stored meanwhile; what a build
-- that was cut short has left is made anew.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX IF EXISTS events_classic;
CREATE INDEX CONCURRENTLY events_classic ON events (message_sid) WHERE type = 'classicMessage';

-- +goose Down
DROP INDEX events_classic;
