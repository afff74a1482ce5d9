-- Who signed up, where, and what they agreed to. Evidence is insert-only: a
-- trigger refuses UPDATE, DELETE and TRUNCATE for every role, because the row
-- may one day have to prove consent. What may be erased (names, addresses, raw
-- payloads) lives apart in signup_details; the evidence keeps only salted
-- commitments to it.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is insert-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'integrity_constraint_violation';
END
$$;
-- +goose StatementEnd

CREATE TABLE customers (
  id         uuid PRIMARY KEY,
  phone      text CONSTRAINT customers_phone_key UNIQUE
             CONSTRAINT customers_phone_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
  created_at timestamptz NOT NULL DEFAULT now(),
  erased_at  timestamptz,
  CONSTRAINT customers_phone_or_erased CHECK (phone IS NOT NULL OR erased_at IS NOT NULL)
);
COMMENT ON COLUMN customers.phone IS 'E.164; null only after erasure';

CREATE TABLE disclosures (
  version    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  body       text NOT NULL,
  sha256     bytea NOT NULL CONSTRAINT disclosures_sha256_key UNIQUE CHECK (length(sha256) = 32),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER disclosures_insert_only BEFORE UPDATE OR DELETE ON disclosures
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER disclosures_no_truncate BEFORE TRUNCATE ON disclosures
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE sources (
  id                 uuid PRIMARY KEY,
  key                text NOT NULL CONSTRAINT sources_key_key UNIQUE
                     CONSTRAINT sources_key_shape CHECK (key ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind               text NOT NULL CONSTRAINT sources_kind CHECK (kind IN ('page', 'widget', 'form', 'webhook')),
  business           text NOT NULL CHECK (business <> ''),
  sender             text NOT NULL CONSTRAINT sources_sender_e164 CHECK (sender ~ '^\+[1-9][0-9]{6,14}$'),
  disclosure_version bigint NOT NULL CONSTRAINT sources_disclosure REFERENCES disclosures,
  secrets            bytea[] NOT NULL DEFAULT '{}',
  token_hashes       bytea[] NOT NULL DEFAULT '{}',
  origins            text[] NOT NULL DEFAULT '{}',
  settings           jsonb NOT NULL DEFAULT '{}',
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now(),
  disabled_at        timestamptz
);
COMMENT ON COLUMN sources.secrets IS 'sealed signing secrets, newest first; at most two are honoured, so one can be rotated';
COMMENT ON COLUMN sources.token_hashes IS 'SHA-256 of bearer tokens, newest first';
COMMENT ON COLUMN sources.origins IS 'exact web origins whose pages may post here (scheme://host[:port])';

CREATE TABLE signups (
  id                 uuid PRIMARY KEY,
  customer_id        uuid NOT NULL CONSTRAINT signups_customer REFERENCES customers,
  source_id          uuid NOT NULL CONSTRAINT signups_source REFERENCES sources,
  conversation_id    uuid NOT NULL,
  dedupe_key         text NOT NULL,
  content_hash       bytea NOT NULL CHECK (length(content_hash) = 32),
  disclosure_version bigint NOT NULL CONSTRAINT signups_disclosure REFERENCES disclosures,
  disclosure_sha256  bytea NOT NULL CHECK (length(disclosure_sha256) = 32),
  consent            text NOT NULL CONSTRAINT signups_consent CHECK (consent IN ('checkbox', 'vendor')),
  verified_by        text NOT NULL CONSTRAINT signups_verified_by CHECK (verified_by IN ('form_token', 'origin', 'none', 'signature', 'token')),
  commitment         bytea NOT NULL CHECK (length(commitment) = 32),
  previous_hash      bytea CHECK (length(previous_hash) = 32),
  hash               bytea NOT NULL CHECK (length(hash) = 32),
  created_at         timestamptz NOT NULL,
  CONSTRAINT signups_dedupe_key UNIQUE (source_id, dedupe_key)
);
COMMENT ON COLUMN signups.consent IS 'how consent was given: a ticked checkbox, or the vendor''s own form as configured on the source';
COMMENT ON COLUMN signups.verified_by IS 'how the caller proved where the sign-up came from';
COMMENT ON COLUMN signups.commitment IS 'HMAC-SHA256 over the personal facts in signup_details under the salt kept there';
COMMENT ON COLUMN signups.hash IS 'SHA-256 over this row and previous_hash: a chain per customer';
CREATE INDEX signups_customer_created ON signups (customer_id, created_at);
CREATE INDEX signups_conversation ON signups (conversation_id);
CREATE INDEX signups_content ON signups (source_id, content_hash, created_at);
CREATE TRIGGER signups_insert_only BEFORE UPDATE OR DELETE ON signups
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signups_no_truncate BEFORE TRUNCATE ON signups
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE signup_details (
  signup_id   uuid PRIMARY KEY CONSTRAINT signup_details_signup REFERENCES signups,
  salt        bytea CHECK (length(salt) = 32),
  phone_typed text,
  name        text,
  page_url    text,
  ip          inet,
  user_agent  text,
  payload     bytea,
  erased_at   timestamptz
);
COMMENT ON COLUMN signup_details.payload IS 'the submission as received, sealed; null once erased or past retention';

CREATE INDEX signup_details_with_payload ON signup_details (signup_id) WHERE payload IS NOT NULL;

CREATE TABLE signup_outcomes (
  signup_id    uuid PRIMARY KEY CONSTRAINT signup_outcomes_signup REFERENCES signups,
  outcome      text NOT NULL CONSTRAINT signup_outcomes_outcome
               CHECK (outcome IN ('admitted', 'joined', 'opted_out', 'refused', 'capped', 'unconfirmed', 'failed')),
  reason       text NOT NULL DEFAULT '',
  confirmed_at timestamptz,
  decided_at   timestamptz NOT NULL
);

CREATE TABLE quarantine (
  id          uuid PRIMARY KEY,
  source_id   uuid NOT NULL CONSTRAINT quarantine_source REFERENCES sources,
  reason      text NOT NULL,
  submission  bytea,
  received_at timestamptz NOT NULL DEFAULT now(),
  replayed_at timestamptz
);
COMMENT ON TABLE quarantine IS 'submissions from a proven caller that could not be understood, kept sealed so that nothing is lost';
CREATE INDEX quarantine_source_received ON quarantine (source_id, received_at);

-- +goose Down
DROP TABLE quarantine, signup_outcomes, signup_details, signups, sources, disclosures, customers;
DROP FUNCTION refuse_change();
