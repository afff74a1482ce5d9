-- Twilio's last word on a text may come when its reader has another participant than
-- the text was sent to. Events tell of it only sometimes, and are pruned.

-- +goose Up
ALTER TABLE conversations ADD COLUMN former_participants text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN conversations.former_participants IS 'MB… SIDs that the customer has had in it before participant_sid';

-- +goose Down
ALTER TABLE conversations DROP COLUMN former_participants;
