-- What keeps the service within limits and under control: pauses, counters,
-- shared rates, the key check value, and the people of the admin page.

-- +goose Up
CREATE TABLE pauses (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope    text NOT NULL,
  code     integer NOT NULL DEFAULT 0,
  reason   text NOT NULL,
  since    timestamptz NOT NULL DEFAULT now(),
  probe_at timestamptz,
  ended_at timestamptz
);
COMMENT ON TABLE pauses IS 'sending stopped because of an operator error; scope is ''account'' or a sender in E.164; ended ones are kept to explain why a text was late';
CREATE UNIQUE INDEX pauses_one_current ON pauses (scope) WHERE ended_at IS NULL;

CREATE TABLE counters (
  name   text NOT NULL,
  window_start timestamptz NOT NULL,
  shard  smallint NOT NULL DEFAULT 0,
  n      bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (name, window_start, shard)
);
COMMENT ON TABLE counters IS 'sharded counts behind the caps; names carry keyed hashes, never phones or addresses';
CREATE INDEX counters_window ON counters (window_start);

CREATE TABLE rates (
  scope   text PRIMARY KEY,
  next_at timestamptz NOT NULL
);
COMMENT ON TABLE rates IS 'when the next call of a rate-limited kind may start, shared by all replicas';

CREATE TABLE looks (
  scope        text PRIMARY KEY,
  seen_through timestamptz NOT NULL DEFAULT now(),
  next_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE looks IS 'what is looked at regularly by whichever replica comes first';
COMMENT ON COLUMN looks.seen_through IS 'everything up to then has been seen';

CREATE TABLE keys (
  id          text PRIMARY KEY,
  check_value bytea NOT NULL CHECK (length(check_value) = 32),
  created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE keys IS 'a value derived from each SECRET_KEY this database has seen: another key is refused at start';

CREATE TABLE admins (
  id            uuid PRIMARY KEY,
  username      text NOT NULL CONSTRAINT admins_username_key UNIQUE CHECK (username ~ '^[a-z0-9][a-z0-9._@+-]{0,126}$'),
  password_hash text NOT NULL,
  role          text NOT NULL DEFAULT 'admin' CONSTRAINT admins_role CHECK (role IN ('admin')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  disabled_at   timestamptz
);

CREATE TABLE sessions (
  token_hash   bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  admin_id     uuid NOT NULL CONSTRAINT sessions_admin REFERENCES admins ON DELETE CASCADE,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz NOT NULL
);
CREATE INDEX sessions_admin ON sessions (admin_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE api_tokens (
  id           uuid PRIMARY KEY,
  name         text NOT NULL,
  token_hash   bytea NOT NULL CONSTRAINT api_tokens_hash_key UNIQUE CHECK (length(token_hash) = 32),
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at   timestamptz
);

CREATE TABLE audit_log (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT now(),
  actor   text NOT NULL,
  action  text NOT NULL,
  subject text NOT NULL DEFAULT '',
  ip      inet
);
COMMENT ON COLUMN audit_log.actor IS 'admin:<username>, or cli';
COMMENT ON COLUMN audit_log.subject IS 'an id of ours, never a phone number';
CREATE INDEX audit_log_at ON audit_log (at);
CREATE TRIGGER audit_log_insert_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE audit_log, api_tokens, sessions, admins, keys, looks, rates, counters, pauses;
