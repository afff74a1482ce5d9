-- One webhook: the event once, the text once, the conversation's worker woken.
\startpipeline
BEGIN;
SELECT set_config('bench.ch', 'CH' || repeat('f', 24) || lpad(to_hex((random() * 1999)::int), 8, '0'), true),
    set_config('bench.im', 'IM' || md5(random()::text), true);
INSERT INTO events (id, key_hash, via, type, conversation_sid, message_sid, payload, applied_at)
VALUES (gen_random_uuid(), sha256(current_setting('bench.im')::bytea), 'webhook', 'onMessageAdded', current_setting('bench.ch'), current_setting('bench.im'),
    '{"AccountSid": "ACbe5c4000000000000000000000000000", "Attributes": "{}", "Author": "+14152000000", "Body": "What are your hours?", "ChatServiceSid": "ISbe5c4000000000000000000000000002", "ConversationSid": "CHffffffffffffffffffffffff00000001", "DateCreated": "2026-11-22T12:00:00.000Z", "EventType": "onMessageAdded", "Index": "1", "MessageSid": "IM00000000000000000000000000000001", "MessagingServiceSid": "MGbe5c4000000000000000000000000003", "ParticipantSid": "MBffffffffffffffffffffffff00000001", "RetryCount": "0", "Source": "SMS", "WebhookType": "post"}', now())
ON CONFLICT (key_hash) DO NOTHING;
INSERT INTO messages (id, conversation_id, message_sid, index, direction, author, body, status, twilio_at)
SELECT gen_random_uuid(), id, current_setting('bench.im'), (random() * 2000000000)::int, 'in', 'customer', 'What are your hours?', 'received', now()
FROM conversations WHERE conversation_sid = current_setting('bench.ch')
ON CONFLICT (message_sid) DO NOTHING;
UPDATE conversations SET work_seq = work_seq + 1, last_activity_at = now() WHERE conversation_sid = current_setting('bench.ch');
COMMIT;
\endpipeline
