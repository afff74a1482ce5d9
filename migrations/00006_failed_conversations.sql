-- "conversations retry --all-failed" reads the failed ones in their order.

-- +goose Up
CREATE INDEX conversations_failed ON conversations (failed_at, id) WHERE state = 'failed';

-- +goose Down
DROP INDEX conversations_failed;
