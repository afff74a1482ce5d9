-- One sign-up: the person, the pair's open conversation, the evidence with its
-- details, and the job that wakes the worker.
\startpipeline
BEGIN;
SELECT set_config('bench.phone', '+1415' || (2000000 + random() * 7999999)::int, true);
WITH person AS (
  INSERT INTO customers (id, phone) VALUES (gen_random_uuid(), current_setting('bench.phone'))
  ON CONFLICT (phone) DO UPDATE SET phone = excluded.phone RETURNING id),
pair AS (
  INSERT INTO conversations (id, customer_id, sender, source_id, work_seq)
  SELECT gen_random_uuid(), person.id, s.sender, s.id, 1 FROM person, sources s
  ON CONFLICT (sender, customer_id) WHERE state <> 'closed' DO UPDATE SET work_seq = conversations.work_seq + 1
  RETURNING id, customer_id, source_id),
evidence AS (
  INSERT INTO signups (id, customer_id, source_id, conversation_id, dedupe_key, content_hash, disclosure_version, disclosure_sha256,
    consent, verified_by, commitment, hash, created_at)
  SELECT gen_random_uuid(), customer_id, source_id, pair.id, 'content:' || md5(random()::text), sha256('content'), s.disclosure_version, sha256('disclosure'),
    'checkbox', 'none', sha256('commitment'), sha256('hash'), now() FROM pair JOIN sources s ON s.id = source_id
  RETURNING id),
details AS (
  INSERT INTO signup_details (signup_id, salt, phone_typed, name, page_url, ip, user_agent, payload)
  SELECT id, sha256('salt'), current_setting('bench.phone'), 'Canary', '', '127.0.0.1', 'bench', '\x00112233445566778899' FROM evidence)
INSERT INTO river_job (args, kind, max_attempts, queue, state)
SELECT jsonb_build_object('conversation_id', id), 'advance', 100, 'default', 'available' FROM pair;
COMMIT;
\endpipeline
