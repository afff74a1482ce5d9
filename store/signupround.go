package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// draft is a sign-up on its way into the database. Its result is filled in when
// it is known.
type draft struct {
	chat.Signup
	result *chat.Recorded

	id           uuid.UUID
	content      []byte
	customer     uuid.UUID
	conversation uuid.UUID
	previous     []byte // hash of the person's latest evidence; nil: none
	idle         bool   // a job must wake the conversation's worker (see wake)
	salt         []byte
}

// recordRound records sign-ups of different people: look, make the
// conversations, write the evidence. Each step is one round trip for all.
func (s *Store) recordRound(ctx context.Context, tx pgx.Tx, round []*draft) error {
	for _, d := range round {
		d.id, d.content = newID(), d.ContentHash()
	}
	if err := findPeople(ctx, tx, round); err != nil {
		return err
	}
	round = slices.DeleteFunc(slices.Clone(round), func(d *draft) bool { return d.result.Duplicate })
	if len(round) == 0 {
		return nil
	}
	if err := openConversations(ctx, tx, round); err != nil {
		return err
	}
	var b pgx.Batch
	writeEvidence(&b, round)
	s.writeDetails(&b, round)
	var jobs []chat.Job
	for _, d := range round {
		*d.result = chat.Recorded{SignupID: d.id, ConversationID: d.conversation}
		if d.idle {
			jobs = append(jobs, chat.AdvanceJob{ConversationID: d.conversation})
		}
	}
	if err := s.enqueueIn(tx, &b, jobs); err != nil {
		return err
	}
	return tx.SendBatch(ctx, &b).Close()
}

// findPeople finds or makes the people and locks their rows until the
// transaction ends, so that twins queue here; then it looks for submissions that
// are recorded already and for each person's latest evidence. Where a key is
// known, nobody is made: it may have come with another number.
func findPeople(ctx context.Context, tx pgx.Tx, round []*draft) error {
	n := len(round)
	ids, phones, sources := make([]uuid.UUID, n), make([]string, n), make([]uuid.UUID, n)
	keys, contents, since := make([]*string, n), make([][]byte, n), make([]time.Time, n)
	byPhone := make(map[string]*draft, n)
	for i, d := range round {
		ids[i], phones[i], sources[i] = newID(), string(d.Phone), d.Source.ID
		contents[i], since[i] = d.content, d.At.Add(-chat.DedupeWindow)
		if d.DedupeKey != "" {
			keys[i] = &d.DedupeKey
		}
		byPhone[phones[i]] = d
	}
	var b pgx.Batch
	// The subselects cannot become joins, whatever Postgres thinks of the tables.
	const people = `/* store.findPeople */
		INSERT INTO customers (id, phone)
		SELECT id, phone FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[]) AS n(id, phone, source, key)
		WHERE coalesce((SELECT false FROM signups WHERE source_id = n.source AND dedupe_key = n.key LIMIT 1), true)
		ORDER BY phone ON CONFLICT (phone) DO UPDATE SET phone = excluded.phone RETURNING phone, id`
	b.Queue(people, ids, phones, sources, keys).Query(func(rows pgx.Rows) error {
		var phone string
		var id uuid.UUID
		_, err := pgx.ForEachRow(rows, []any{&phone, &id}, func() error {
			byPhone[phone].customer = id
			return nil
		})
		return err
	})
	const known = `/* store.findPeople */
		SELECT n.i, g.id, g.conversation_id
		FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::timestamptz[]) WITH ORDINALITY AS n(source, key, content, since, i),
		LATERAL (
			(SELECT id, conversation_id FROM signups WHERE source_id = n.source AND dedupe_key = n.key LIMIT 1)
			UNION ALL
			(SELECT id, conversation_id FROM signups
				WHERE n.key IS NULL AND source_id = n.source AND content_hash = n.content AND created_at > n.since
				ORDER BY created_at DESC LIMIT 1)) g`
	b.Queue(known, sources, keys, contents, since).Query(func(rows pgx.Rows) error {
		var i int
		var signup, conversation uuid.UUID
		_, err := pgx.ForEachRow(rows, []any{&i, &signup, &conversation}, func() error {
			*round[i-1].result = chat.Recorded{SignupID: signup, ConversationID: conversation, Duplicate: true}
			return nil
		})
		return err
	})
	// The one that no other follows: clocks and locks may disagree on which came last,
	// but hardly by a thousand sign-ups of one person, who may have very many more.
	const latest = `/* store.findPeople */
		SELECT n.phone, g.hash FROM unnest($1::text[]) AS n(phone),
		LATERAL (SELECT id FROM customers WHERE phone = n.phone LIMIT 1) k,
		LATERAL (
			WITH newest AS MATERIALIZED (SELECT hash, previous_hash, created_at, id FROM signups
				WHERE customer_id = k.id ORDER BY created_at DESC, id DESC LIMIT 1000)
			SELECT hash FROM newest g WHERE NOT EXISTS (SELECT FROM newest f WHERE f.previous_hash = g.hash)
			ORDER BY created_at DESC, id DESC LIMIT 1) g`
	b.Queue(latest, phones).Query(func(rows pgx.Rows) error {
		var phone string
		var hash []byte
		_, err := pgx.ForEachRow(rows, []any{&phone, &hash}, func() error {
			byPhone[phone].previous = bytes.Clone(hash)
			return nil
		})
		return err
	})
	return tx.SendBatch(ctx, &b).Close()
}

// openConversations finds or makes the open conversation of each pair and gives
// its worker something to do.
func openConversations(ctx context.Context, tx pgx.Tx, round []*draft) error {
	n := len(round)
	ids, customers, sources, senders := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n), make([]string, n)
	byCustomer := make(map[uuid.UUID]*draft, n)
	for i, d := range round {
		ids[i], customers[i], sources[i], senders[i] = newID(), d.customer, d.Source.ID, string(d.Source.Sender)
		byCustomer[d.customer] = d
	}
	const q = `/* store.openConversations */
		INSERT INTO conversations (id, customer_id, sender, source_id, work_seq)
		SELECT id, customer, sender, source, 1 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) AS n(id, customer, sender, source)
		ORDER BY customer
		ON CONFLICT (sender, customer_id) WHERE state <> 'closed'
		DO UPDATE SET work_seq = conversations.work_seq + 1, last_activity_at = now()
		RETURNING customer_id, id, work_seq - 1 = done_seq OR retry_at IS NOT NULL`
	rows, err := tx.Query(ctx, q, ids, customers, senders, sources)
	if err != nil {
		return err
	}
	var customer, conversation uuid.UUID
	var idle bool
	_, err = pgx.ForEachRow(rows, []any{&customer, &conversation, &idle}, func() error {
		d := byCustomer[customer]
		d.conversation, d.idle = conversation, idle
		return nil
	})
	return err
}

// seal works out what the evidence says of a sign-up whose conversation is
// known.
func (d *draft) seal() chat.Evidence {
	if d.DedupeKey == "" {
		d.DedupeKey = "content:" + hex.EncodeToString(d.content[:8]) + ":" + d.id.String()
	}
	d.salt = chat.RandomBytes(32)
	return chat.Evidence{
		ID: d.id, CustomerID: d.customer, SourceID: d.Source.ID, ConversationID: d.conversation,
		DedupeKey: d.DedupeKey, ContentHash: d.content,
		DisclosureVersion: d.Source.DisclosureVersion, DisclosureSHA256: d.Source.DisclosureSHA256,
		Consent: d.Consent, VerifiedBy: d.VerifiedBy, Commitment: d.Commitment(d.salt), PreviousHash: d.previous, At: d.At,
	}
}

// writeEvidence inserts the evidence of all.
func writeEvidence(b *pgx.Batch, round []*draft) {
	const q = `/* store.writeEvidence */
		INSERT INTO signups (id, customer_id, source_id, conversation_id, dedupe_key, content_hash,
			disclosure_version, disclosure_sha256, consent, verified_by, commitment, previous_hash, hash, created_at)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[],
			$7::bigint[], $8::bytea[], $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::bytea[], $14::timestamptz[])`
	n := len(round)
	ids, customers, sources, conversations := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n)
	keys, consents, proofs := make([]string, n), make([]string, n), make([]string, n)
	versions, ats := make([]int64, n), make([]time.Time, n)
	contents, disclosures, commitments, previous, hashes := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i, d := range round {
		e := d.seal()
		ids[i], customers[i], sources[i], conversations[i] = e.ID, e.CustomerID, e.SourceID, e.ConversationID
		keys[i], consents[i], proofs[i] = e.DedupeKey, string(e.Consent), string(e.VerifiedBy)
		versions[i], ats[i] = e.DisclosureVersion, e.At
		contents[i], disclosures[i], commitments[i], previous[i], hashes[i] = e.ContentHash, e.DisclosureSHA256, e.Commitment, e.PreviousHash, e.Hash()
	}
	b.Queue(q, ids, customers, sources, conversations, keys, contents, versions, disclosures, consents, proofs, commitments, previous, hashes, ats)
}

// payloadUse ties a sealed submission to its purpose.
const payloadUse = "submission"

// writeDetails inserts the personal facts of all.
func (s *Store) writeDetails(b *pgx.Batch, round []*draft) {
	const q = `/* store.writeDetails */
		INSERT INTO signup_details (signup_id, salt, phone_typed, name, page_url, ip, user_agent, payload)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::inet[], $7::text[], $8::bytea[])`
	n := len(round)
	ids, salts, payloads, ips := make([]uuid.UUID, n), make([][]byte, n), make([][]byte, n), make([]*netip.Addr, n)
	typed, names, pages, agents := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, d := range round {
		ids[i], salts[i], payloads[i], ips[i] = d.id, d.salt, s.keys.Seal(d.Payload, payloadUse), orNull(d.IP)
		typed[i], names[i], pages[i], agents[i] = d.PhoneTyped, d.Name, d.PageURL, d.UserAgent
	}
	b.Queue(q, ids, salts, typed, names, pages, ips, agents, payloads)
}
