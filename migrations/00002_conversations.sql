-- The mapping phone <-> conversation <-> participant, and the transcript.
-- "At most one open conversation per customer and sender" lives in the partial
-- unique index below, not in Go: two racing sign-ups meet here.

-- +goose Up
CREATE TABLE conversations (
  id                     uuid PRIMARY KEY,
  customer_id            uuid NOT NULL CONSTRAINT conversations_customer REFERENCES customers,
  sender                 text NOT NULL CONSTRAINT conversations_sender_e164 CHECK (sender ~ '^\+[1-9][0-9]{6,14}$'),
  source_id              uuid NOT NULL CONSTRAINT conversations_source REFERENCES sources,
  unique_name            text NOT NULL GENERATED ALWAYS AS ('textme-' || id::text) STORED,
  conversation_sid       text CONSTRAINT conversations_sid_key UNIQUE CHECK (conversation_sid ~ '^CH[0-9a-fA-F]{32}$'),
  participant_sid        text CONSTRAINT conversations_participant_sid_key UNIQUE CHECK (participant_sid ~ '^MB[0-9a-fA-F]{32}$'),
  state                  text NOT NULL DEFAULT 'pending'
                         CONSTRAINT conversations_state CHECK (state IN ('pending', 'active', 'failed', 'closed')),
  adopted                boolean NOT NULL DEFAULT false,
  create_attempted_at    timestamptz,
  merged_into            uuid CONSTRAINT conversations_merged_into REFERENCES conversations,
  failure_code           integer NOT NULL DEFAULT 0,
  failure_reason         text NOT NULL DEFAULT '',
  failed_at              timestamptz,
  closed_at              timestamptz,
  lease_token            uuid,
  lease_until            timestamptz,
  retry_at               timestamptz,
  work_seq               bigint NOT NULL DEFAULT 0,
  done_seq               bigint NOT NULL DEFAULT 0,
  reply_from_index       integer NOT NULL DEFAULT 0,
  answered_through_index integer NOT NULL DEFAULT -1,
  gaps_checked_through   integer NOT NULL DEFAULT -1,
  reconcile_at           timestamptz,
  mapping_checked_at     timestamptz NOT NULL DEFAULT now(),
  handler                text NOT NULL DEFAULT 'bot' CONSTRAINT conversations_handler CHECK (handler IN ('bot', 'agent')),
  handler_at             timestamptz NOT NULL DEFAULT now(),
  last_activity_at       timestamptz NOT NULL DEFAULT now(),
  state_at               timestamptz NOT NULL DEFAULT now(),
  created_at             timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT conversations_active_has_sids CHECK (state <> 'active' OR (conversation_sid IS NOT NULL AND participant_sid IS NOT NULL)),
  CONSTRAINT conversations_closed_has_time CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
  CONSTRAINT conversations_lease_whole CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
  CONSTRAINT conversations_done_at_most_work CHECK (done_seq <= work_seq)
);
COMMENT ON COLUMN conversations.unique_name IS 'the UniqueName at Twilio: never a phone number, it shows in their logs';
COMMENT ON COLUMN conversations.adopted IS 'the conversation at Twilio was made by somebody else (autocreate, an earlier row) and taken over';
COMMENT ON COLUMN conversations.create_attempted_at IS 'set before the first create call: from then on the conversation may exist at Twilio without our knowing its SID';
COMMENT ON COLUMN conversations.work_seq IS 'bumped by every fact that needs work; the worker is done when done_seq has caught up';
COMMENT ON COLUMN conversations.retry_at IS 'with work left and no lease: when a job is going to take it up; the sweep wakes what is overdue';
COMMENT ON COLUMN conversations.reply_from_index IS 'texts below this index came before us: recorded, obeyed, not answered by the bot';
COMMENT ON COLUMN conversations.gaps_checked_through IS 'highest index up to which holes were looked up at Twilio; true gaps exist there';
COMMENT ON COLUMN conversations.reconcile_at IS 'when Twilio is asked next what webhooks did not tell; null: nothing has happened for a long time';
COMMENT ON COLUMN conversations.mapping_checked_at IS 'when Twilio was last asked whether conversation and participant still stand';
COMMENT ON COLUMN conversations.state_at IS 'when the state was so, by Twilio''s clock where Twilio said it';

CREATE UNIQUE INDEX conversations_one_open ON conversations (sender, customer_id) WHERE state <> 'closed';
CREATE INDEX conversations_customer ON conversations (customer_id);
CREATE INDEX conversations_activity ON conversations (last_activity_at DESC, id DESC);
CREATE INDEX conversations_reconcile ON conversations (reconcile_at) WHERE reconcile_at IS NOT NULL;
CREATE INDEX conversations_unfinished ON conversations (id) WHERE work_seq > done_seq;
CREATE INDEX conversations_merged ON conversations (merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE signups ADD CONSTRAINT signups_conversation FOREIGN KEY (conversation_id) REFERENCES conversations;

CREATE TABLE messages (
  id              uuid PRIMARY KEY,
  conversation_id uuid NOT NULL CONSTRAINT messages_conversation REFERENCES conversations,
  message_sid     text CONSTRAINT messages_sid_key UNIQUE CHECK (message_sid ~ '^IM[0-9a-fA-F]{32}$'),
  index           integer CHECK (index >= 0),
  direction       text NOT NULL CONSTRAINT messages_direction CHECK (direction IN ('in', 'out')),
  purpose         text NOT NULL DEFAULT '' CONSTRAINT messages_purpose CHECK (purpose IN ('', 'welcome', 'reply', 'agent')),
  turn            integer,
  ordinal         integer NOT NULL DEFAULT 0,
  author          text NOT NULL DEFAULT '',
  body            text NOT NULL DEFAULT '',
  media           jsonb,
  status          text NOT NULL CONSTRAINT messages_status CHECK (status IN
                  ('received', 'queued', 'sending', 'accepted', 'sent', 'delivered', 'read', 'undelivered', 'failed', 'cancelled')),
  error_code      integer NOT NULL DEFAULT 0,
  reason          text NOT NULL DEFAULT '',
  attempts        integer NOT NULL DEFAULT 0,
  sending_at      timestamptz,
  not_before      timestamptz,
  held_at         timestamptz,
  held_for        text NOT NULL DEFAULT '',
  twilio_at       timestamptz,
  body_at         timestamptz,
  edited_at       timestamptz,
  removed_at      timestamptz,
  receipts_checked_at timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT messages_direction_status CHECK ((direction = 'in') = (status = 'received')),
  CONSTRAINT messages_in_has_sid CHECK (direction = 'out' OR message_sid IS NOT NULL)
);
COMMENT ON COLUMN messages.turn IS 'for a bot reply: the index of the last customer text it answers';
COMMENT ON COLUMN messages.sending_at IS 'set with status sending, before the call: from then on it may exist at Twilio';
COMMENT ON COLUMN messages.held_for IS 'why the gate let it wait, at the latest, and held_at since when; both stay when it has gone out';
COMMENT ON COLUMN messages.twilio_at IS 'DateCreated at Twilio; a claim, imports may set it';
COMMENT ON COLUMN messages.body_at IS 'as of when Twilio says the body reads so: an older version that comes later changes nothing';
COMMENT ON COLUMN messages.receipts_checked_at IS 'when Twilio was last asked for the receipts, because none was final';
CREATE UNIQUE INDEX messages_one_welcome ON messages (conversation_id) WHERE purpose = 'welcome';
CREATE UNIQUE INDEX messages_turn_ordinal ON messages (conversation_id, turn, ordinal) WHERE turn IS NOT NULL;
CREATE UNIQUE INDEX messages_conversation_index ON messages (conversation_id, index) WHERE index IS NOT NULL;
CREATE INDEX messages_conversation_created ON messages (conversation_id, created_at);
CREATE INDEX messages_unsent ON messages (conversation_id) WHERE status IN ('queued', 'sending');
CREATE INDEX messages_undelivered ON messages (conversation_id) WHERE status IN ('accepted', 'sent');

CREATE TABLE receipts (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  message_sid     text NOT NULL CHECK (message_sid ~ '^IM[0-9a-fA-F]{32}$'),
  participant_sid text NOT NULL DEFAULT '',
  receipt_sid     text NOT NULL DEFAULT '',
  channel_sid     text NOT NULL DEFAULT '',
  status          text NOT NULL CONSTRAINT receipts_status CHECK (status IN ('sent', 'delivered', 'read', 'undelivered', 'failed')),
  error_code      integer NOT NULL DEFAULT 0,
  at              timestamptz NOT NULL,
  CONSTRAINT receipts_once UNIQUE (message_sid, participant_sid, receipt_sid, status)
);
COMMENT ON TABLE receipts IS 'every word on a delivery; no foreign key, because a receipt may arrive before its message';

CREATE TABLE events (
  id               uuid PRIMARY KEY,
  key_hash         bytea NOT NULL CONSTRAINT events_key_hash_key UNIQUE CHECK (length(key_hash) = 32),
  via              text NOT NULL CONSTRAINT events_via CHECK (via IN ('webhook', 'poll')),
  type             text NOT NULL,
  conversation_sid text NOT NULL DEFAULT '',
  participant_sid  text NOT NULL DEFAULT '',
  message_sid      text NOT NULL DEFAULT '',
  payload          jsonb,
  received_at      timestamptz NOT NULL DEFAULT now(),
  applied_at       timestamptz,
  error            text NOT NULL DEFAULT '',
  pruned_at        timestamptz
);
COMMENT ON COLUMN events.payload IS 'the fields as Twilio sent them; null after pruning or when the conversation is foreign';
CREATE INDEX events_parked ON events (conversation_sid, received_at) WHERE applied_at IS NULL AND error = '';
CREATE INDEX events_received ON events (received_at, id);
CREATE INDEX events_conversation ON events (conversation_sid, received_at, id) WHERE conversation_sid <> '';
CREATE INDEX events_with_payload ON events (received_at) WHERE payload IS NOT NULL;

CREATE TABLE opt_outs (
  id          uuid PRIMARY KEY,
  scope       text NOT NULL DEFAULT 'organisation',
  phone_hmac  bytea NOT NULL CHECK (length(phone_hmac) = 32),
  since       timestamptz NOT NULL,
  via         text NOT NULL CONSTRAINT opt_outs_via CHECK (via IN ('text', 'receipt', 'admin', 'import')),
  heard_by    text NOT NULL DEFAULT '',
  cleared_at  timestamptz,
  cleared_via text NOT NULL DEFAULT ''
);
COMMENT ON TABLE opt_outs IS 'every STOP we heard, and when a START cleared it; a START that cleared nothing is kept too, as one that began and ended at once';
COMMENT ON COLUMN opt_outs.phone_hmac IS 'keyed hash of the phone: the opt-out must survive erasure';
COMMENT ON COLUMN opt_outs.scope IS '''organisation'', or a sender in E.164 where an opt-out is set narrower';
COMMENT ON COLUMN opt_outs.heard_by IS 'the message SID that said so';
CREATE UNIQUE INDEX opt_outs_once ON opt_outs (scope, phone_hmac, since, heard_by);
CREATE INDEX opt_outs_current ON opt_outs (phone_hmac) WHERE cleared_at IS NULL;

CREATE TABLE bot_state (
  conversation_id uuid PRIMARY KEY CONSTRAINT bot_state_conversation REFERENCES conversations,
  state           jsonb NOT NULL,
  updated_at      timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
ALTER TABLE signups DROP CONSTRAINT signups_conversation;
DROP TABLE bot_state, opt_outs, events, receipts, messages, conversations;
