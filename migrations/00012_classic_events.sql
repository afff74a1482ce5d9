-- A STOP or START that a conversation brings looks for the classic webhook's, which
-- is the same.

-- +goose Up
CREATE INDEX events_classic ON events (message_sid) WHERE type = 'classicMessage';

-- +goose Down
DROP INDEX events_classic;
