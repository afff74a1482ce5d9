package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// prepare adds live conversations to the database, as sign-ups would have made
// them: those numbered from first on, up to n. Then it has Postgres look at them,
// as it does by itself within a minute: its plans for empty tables do not serve
// full ones.
func prepare(ctx context.Context, dsn string, first, n int) (err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var source uuid.UUID
	if err := conn.QueryRow(ctx, "SELECT id FROM sources LIMIT 1").Scan(&source); err != nil {
		return fmt.Errorf("the service's first source: %w", err)
	}
	customers := make([]uuid.UUID, n-first)
	for i := range customers {
		customers[i] = uuid.Must(uuid.NewV7())
	}
	begin := time.Now().Add(-time.Duration(n) * time.Second)
	people := pgx.CopyFromSlice(n-first, func(i int) ([]any, error) { return []any{customers[i], phoneOf(first + i)}, nil })
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"customers"}, []string{"id", "phone"}, people); err != nil {
		return err
	}
	columns := []string{"id", "customer_id", "sender", "source_id", "conversation_sid", "participant_sid", "state", "last_activity_at"}
	rows := pgx.CopyFromSlice(n-first, func(i int) ([]any, error) {
		at := begin.Add(time.Duration(i) * time.Second)
		return []any{uuid.Must(uuid.NewV7()), customers[i], sender, source, sidOf("CH", first+i), sidOf("MB", first+i), "active", at}, nil
	})
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"conversations"}, columns, rows); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, history); err != nil {
		return fmt.Errorf("history of the conversations: %w", err)
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// history gives every conversation that has none the sign-up it came of, the
// welcome text that was delivered, and the webhook that said so.
const history = `
	INSERT INTO signups (id, customer_id, source_id, conversation_id, dedupe_key, content_hash, disclosure_version, disclosure_sha256,
		consent, verified_by, commitment, hash, created_at)
	SELECT gen_random_uuid(), c.customer_id, s.id, c.id, 'bench:' || c.id, sha256(c.id::text::bytea), s.disclosure_version, sha256(''),
		'checkbox', 'none', sha256(''), sha256(c.id::text::bytea), c.last_activity_at
	FROM conversations c JOIN sources s ON s.id = c.source_id WHERE NOT EXISTS (SELECT FROM signups g WHERE g.conversation_id = c.id);
	INSERT INTO signup_details (signup_id, salt, phone_typed, name)
	SELECT g.id, sha256(''), k.phone, 'Canary ' || k.phone FROM signups g JOIN customers k ON k.id = g.customer_id
	WHERE NOT EXISTS (SELECT FROM signup_details d WHERE d.signup_id = g.id);
	INSERT INTO signup_outcomes (signup_id, outcome, decided_at)
	SELECT id, 'admitted', created_at FROM signups g WHERE NOT EXISTS (SELECT FROM signup_outcomes o WHERE o.signup_id = g.id);
	INSERT INTO messages (id, conversation_id, message_sid, index, direction, purpose, author, body, status, sending_at, twilio_at, created_at)
	SELECT gen_random_uuid(), id, 'IM' || md5(id::text), 0, 'out', 'welcome', 'bot', 'Harbor Bikes: thanks for signing up!', 'delivered',
		last_activity_at, last_activity_at, last_activity_at
	FROM conversations c WHERE NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id);
	INSERT INTO receipts (message_sid, participant_sid, receipt_sid, channel_sid, status, at)
	SELECT m.message_sid, c.participant_sid, 'DY' || md5(m.message_sid), 'SM' || md5(m.message_sid), 'delivered', m.created_at
	FROM messages m JOIN conversations c ON c.id = m.conversation_id ON CONFLICT DO NOTHING;
	INSERT INTO events (id, key_hash, via, type, conversation_sid, participant_sid, message_sid, payload, received_at, applied_at)
	SELECT gen_random_uuid(), sha256(m.message_sid::bytea), 'webhook', 'onDeliveryUpdated', c.conversation_sid, c.participant_sid, m.message_sid, '{}',
		m.created_at, m.created_at
	FROM messages m JOIN conversations c ON c.id = m.conversation_id ON CONFLICT DO NOTHING`

// execute runs one statement on a database.
func execute(ctx context.Context, dsn, q string) (err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, q)
	return err
}
