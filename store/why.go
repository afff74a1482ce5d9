package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// mostTexts and mostPauses bound what Past lists; the latest are kept.
const (
	mostTexts  = 200
	mostPauses = 50
)

// Past loads all that is on record of how the sign-ups of the person with that
// phone fared.
func (s *Store) Past(ctx context.Context, phone chat.Phone) (p chat.Past, err error) {
	err = s.tx(ctx, "past", func(tx pgx.Tx) error {
		p = chat.Past{}
		const who = `/* store.Past */ SELECT id, created_at FROM customers WHERE phone = $1`
		if _, err := optional(tx.QueryRow(ctx, who, phone).Scan(&p.CustomerID, &p.Since)); err != nil {
			return err
		}
		if p.Signups, err = pastSignups(ctx, tx, p.CustomerID); err != nil {
			return err
		}
		if p.Conversations, err = pastConversations(ctx, tx, p.CustomerID); err != nil {
			return err
		}
		if p.OptOuts, err = s.pastOptOuts(ctx, tx, phone); err != nil {
			return err
		}
		p.Pauses, err = pastPauses(ctx, tx, p)
		return err
	})
	return p, err
}

func pastSignups(ctx context.Context, tx pgx.Tx, customer uuid.UUID) ([]chat.PastSignup, error) {
	const q = `/* store.pastSignups */
		SELECT g.id, g.created_at, s.key, g.consent, g.disclosure_version, g.verified_by, g.conversation_id,
			coalesce(o.outcome, ''), coalesce(o.reason, ''), o.decided_at
		FROM signups g JOIN sources s ON s.id = g.source_id LEFT JOIN signup_outcomes o ON o.signup_id = g.id
		WHERE g.customer_id = $1 ORDER BY g.created_at, g.id`
	return list(ctx, tx, func(row pgx.CollectableRow) (g chat.PastSignup, err error) {
		return g, row.Scan(&g.ID, &g.At, &g.Source, &g.Consent, &g.DisclosureVersion, &g.VerifiedBy, &g.ConversationID,
			&g.Outcome, &g.Reason, &g.DecidedAt)
	}, q, customer)
}

func pastConversations(ctx context.Context, tx pgx.Tx, customer uuid.UUID) ([]chat.PastConversation, error) {
	const q = `/* store.pastConversations */
		SELECT c.id, c.sender, s.key, c.created_at, c.state, c.state_at, c.failure_reason, c.failure_code, c.failed_at,
			coalesce(c.conversation_sid, ''), coalesce(c.participant_sid, ''), c.adopted, c.merged_into,
			c.handler, c.handler_at, c.work_seq > c.done_seq, CASE WHEN c.work_seq > c.done_seq THEN c.retry_at END
		FROM conversations c JOIN sources s ON s.id = c.source_id
		WHERE c.customer_id = $1 ORDER BY c.created_at, c.id`
	conversations, err := list(ctx, tx, func(row pgx.CollectableRow) (c chat.PastConversation, err error) {
		var code int
		var merged *uuid.UUID
		err = row.Scan(&c.ID, &c.Sender, &c.Source, &c.CreatedAt, &c.State, &c.StateAt, &c.Reason, &code, &c.FailedAt,
			&c.SID, &c.ParticipantSID, &c.Adopted, &merged, &c.Handler, &c.HandlerAt, &c.WorkLeft, &c.NextTry)
		if merged != nil {
			c.MergedInto = *merged
		}
		c.Failure, c.Texts = chat.NewFailure(code), []chat.PastText{}
		return c, err
	}, q, customer)
	if err != nil {
		return nil, err
	}
	return conversations, pastTexts(ctx, tx, customer, conversations)
}

// pastTexts gives each conversation its welcome text and those others that did
// not arrive.
func pastTexts(ctx context.Context, tx pgx.Tx, customer uuid.UUID, conversations []chat.PastConversation) error {
	const q = `/* store.pastTexts */
		SELECT * FROM (
			SELECT m.conversation_id, m.id, coalesce(m.message_sid, ''), m.purpose, m.status, m.error_code, m.reason, m.attempts,
				m.created_at, m.sending_at, m.held_at, m.held_for, m.not_before
			FROM messages m JOIN conversations c ON c.id = m.conversation_id
			WHERE c.customer_id = $1 AND m.direction = 'out'
				AND (m.purpose = 'welcome' OR m.status IN ('queued', 'sending', 'undelivered', 'failed', 'cancelled'))
			ORDER BY m.created_at DESC, m.id DESC LIMIT $2) latest
		ORDER BY created_at, id`
	type text struct {
		chat.PastText
		conversation uuid.UUID
	}
	texts, err := list(ctx, tx, func(row pgx.CollectableRow) (t text, err error) {
		var code int
		err = row.Scan(&t.conversation, &t.ID, &t.SID, &t.Purpose, &t.Status, &code, &t.Reason, &t.Attempts,
			&t.QueuedAt, &t.SendingAt, &t.HeldAt, &t.HeldFor, &t.NotBefore)
		t.Failure = chat.NewFailure(code)
		return t, err
	}, q, customer, mostTexts)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if t.Receipts, err = pastReceipts(ctx, tx, t.SID); err != nil {
			return err
		}
		for i := range conversations {
			if conversations[i].ID == t.conversation {
				conversations[i].Texts = append(conversations[i].Texts, t.PastText)
			}
		}
	}
	return nil
}

func pastReceipts(ctx context.Context, tx pgx.Tx, message chat.MessageSID) ([]chat.PastReceipt, error) {
	const q = `/* store.pastReceipts */ SELECT at, status, error_code FROM receipts WHERE message_sid = $1 ORDER BY at, id`
	return list(ctx, tx, func(row pgx.CollectableRow) (r chat.PastReceipt, err error) {
		var code int
		err = row.Scan(&r.At, &r.Status, &code)
		r.Failure = chat.NewFailure(code)
		return r, err
	}, q, message)
}

// pastOptOuts leaves out a START that found nothing to lift.
func (s *Store) pastOptOuts(ctx context.Context, tx pgx.Tx, phone chat.Phone) ([]chat.PastOptOut, error) {
	const q = `/* store.pastOptOuts */
		SELECT scope, since, via, heard_by, cleared_at, cleared_via FROM opt_outs
		WHERE phone_hmac = $1 AND (cleared_at IS NULL OR cleared_at > since) ORDER BY since, id`
	return list(ctx, tx, func(row pgx.CollectableRow) (o chat.PastOptOut, err error) {
		return o, row.Scan(&o.Scope, &o.Since, &o.Via, &o.HeardBy, &o.ClearedAt, &o.ClearedVia)
	}, q, s.keys.HashPhone(phone))
}

func pastPauses(ctx context.Context, tx pgx.Tx, p chat.Past) ([]chat.PastPause, error) {
	const q = `/* store.pastPauses */
		SELECT * FROM (SELECT scope, since, ended_at, reason, code FROM pauses
			WHERE scope = ANY($1) AND coalesce(ended_at, 'infinity') > $2 ORDER BY since DESC LIMIT $3) latest
		ORDER BY since`
	scopes, from := []string{chat.AccountScope}, time.Now()
	if p.Since != nil {
		from = *p.Since
	}
	for _, c := range p.Conversations {
		scopes = append(scopes, string(c.Sender))
	}
	return list(ctx, tx, func(row pgx.CollectableRow) (b chat.PastPause, err error) {
		var code int
		err = row.Scan(&b.Scope, &b.Since, &b.EndedAt, &b.Reason, &code)
		b.Failure = chat.NewFailure(code)
		return b, err
	}, q, scopes, from, mostPauses)
}

// list runs a query and scans its rows; none are an empty list.
func list[T any](ctx context.Context, tx pgx.Tx, scan pgx.RowToFunc[T], q string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}
