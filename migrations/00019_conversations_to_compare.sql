-- What an outage has missed may concern somebody who is not due for days: those that were
-- not compared since are found by this. The table may be large, and in use meanwhile; what
-- a build that was cut short has left is made anew. A program of before that still runs
-- beside this one has its texts wait for those only that are due anyway.

-- +goose NO TRANSACTION
-- +goose Up
ALTER TABLE looks ADD COLUMN IF NOT EXISTS outage_ended_at timestamptz;
COMMENT ON COLUMN looks.away IS 'how long no look must have been ended for an outage';
COMMENT ON COLUMN looks.outage_ended_at IS 'when the latest outage ended: every open conversation is compared since then';
COMMENT ON COLUMN conversations.mapping_checked_at IS 'when Twilio was last asked whether conversation and participant still stand; as late as the end of an outage also if that was asked in vain, because of it alone';
COMMENT ON COLUMN conversations.reconcile_at IS 'when Twilio is asked next what webhooks did not tell; null: never, for it is gone, closed for long, or nobody polls';
COMMENT ON COLUMN conversations.claimed_due_at IS 'since when a poll is due that is under way, was not reached, or could not be made and is still owed';
DROP INDEX IF EXISTS conversations_to_compare;
CREATE INDEX CONCURRENTLY conversations_to_compare ON conversations (mapping_checked_at)
  WHERE conversation_sid IS NOT NULL AND state <> 'closed';

-- +goose Down
DROP INDEX conversations_to_compare;
COMMENT ON COLUMN conversations.claimed_due_at IS 'when the poll that is under way was due';
COMMENT ON COLUMN conversations.reconcile_at IS 'when Twilio is asked next what webhooks did not tell; null: nothing has happened for a long time';
COMMENT ON COLUMN conversations.mapping_checked_at IS 'when Twilio was last asked whether conversation and participant still stand';
COMMENT ON COLUMN looks.away IS 'by how much the next look must be late for an outage';
ALTER TABLE looks DROP COLUMN outage_ended_at;
