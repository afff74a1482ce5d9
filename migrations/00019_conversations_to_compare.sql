-- What an outage has missed may concern somebody who is not due for days: those that were
-- not compared since are found by this. The table may be large, and in use meanwhile; what
-- a build that was cut short has left is made anew.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX IF EXISTS conversations_to_compare;
CREATE INDEX CONCURRENTLY conversations_to_compare ON conversations (mapping_checked_at)
  WHERE reconcile_at IS NOT NULL AND conversation_sid IS NOT NULL AND state <> 'closed';

-- +goose Down
DROP INDEX conversations_to_compare;
