-- The polls that are under way are looked for before the restoring after an outage ends.
-- The table may be large, and in use meanwhile; what a build that was cut short has left is
-- made anew.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX IF EXISTS conversations_claimed;
CREATE INDEX CONCURRENTLY conversations_claimed ON conversations (claimed_due_at) WHERE claimed_due_at IS NOT NULL;

-- +goose Down
DROP INDEX conversations_claimed;
