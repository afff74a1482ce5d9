package store

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// mappingColumns are a chat.Mapping's, for conversations c and customers k.
const mappingColumns = `c.id, coalesce(k.phone, ''),
	coalesce((SELECT d.name FROM signups g JOIN signup_details d ON d.signup_id = g.id
		WHERE g.customer_id = c.customer_id AND d.name <> '' ORDER BY g.created_at DESC LIMIT 1), ''),
	c.sender, coalesce(c.conversation_sid, ''), coalesce(c.participant_sid, ''), c.state, c.failure_reason, c.last_activity_at`

// Mappings returns one page of the mapping, newest activity first. It pages by
// key, so that any page costs the same.
func (s *Store) Mappings(ctx context.Context, q chat.MappingQuery) (chat.MappingPage, error) {
	backwards := !q.Before.IsZero()
	order, beyond, from := "DESC", "<", q.After
	if backwards {
		order, beyond, from = "ASC", ">", q.Before
	}
	sql := `/* store.Mappings */
		SELECT ` + mappingColumns + `
		FROM conversations c JOIN customers k ON k.id = c.customer_id
		WHERE ($1 = '' OR k.phone = $1)
			AND ($2 = '' OR c.conversation_sid = $2 OR c.participant_sid = $2)
			AND ($3 OR (c.last_activity_at, c.id) ` + beyond + ` ($4, $5))
		ORDER BY c.last_activity_at ` + order + `, c.id ` + order + ` LIMIT $6`
	rows, err := s.pool.Query(ctx, sql, string(q.Phone), q.SID, from.IsZero(), from.At, from.ID, q.Limit+1)
	if err != nil {
		return chat.MappingPage{}, translate("mappings", err)
	}
	list, err := pgx.CollectRows(rows, scanMapping)
	if err != nil {
		return chat.MappingPage{}, translate("mappings", err)
	}
	more := len(list) > q.Limit
	list = list[:min(len(list), q.Limit)]
	page := chat.MappingPage{Mappings: list, Older: more, Newer: !q.After.IsZero()}
	if backwards {
		slices.Reverse(page.Mappings)
		page.Newer, page.Older = more, true
	}
	return page, nil
}

func scanMapping(row pgx.CollectableRow) (chat.Mapping, error) {
	var m chat.Mapping
	return m, row.Scan(&m.ID, &m.Phone, &m.Name, &m.Sender, &m.SID, &m.ParticipantSID, &m.State, &m.Reason, &m.LastActivity)
}

// Dossier loads everything about one conversation, or chat.ErrNotFound.
func (s *Store) Dossier(ctx context.Context, conversation uuid.UUID) (d chat.Dossier, err error) {
	const head = `/* store.Dossier */
		SELECT ` + mappingColumns + `, c.unique_name, s.key, c.handler, c.adopted, c.failure_code, c.created_at
		FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN sources s ON s.id = c.source_id WHERE c.id = $1`
	err = s.pool.QueryRow(ctx, head, conversation).Scan(
		&d.ID, &d.Phone, &d.Name, &d.Sender, &d.SID, &d.ParticipantSID, &d.State, &d.Reason, &d.LastActivity,
		&d.UniqueName, &d.Source, &d.Handler, &d.Adopted, &d.FailureCode, &d.CreatedAt)
	if err != nil {
		return d, translate("dossier", err)
	}
	if d.OptedOutSince, err = s.optedOutSince(ctx, s.pool, d.Phone, d.Sender); err != nil {
		return d, translate("dossier", err)
	}
	d.OptedOut = !d.OptedOutSince.IsZero()
	if d.Signups, err = s.signupRecords(ctx, conversation); err != nil {
		return d, translate("dossier", err)
	}
	if d.Messages, err = s.transcript(ctx, conversation); err != nil {
		return d, translate("dossier", err)
	}
	d.Changes, err = s.changes(ctx, d.SID)
	return d, translate("dossier", err)
}

func (s *Store) signupRecords(ctx context.Context, conversation uuid.UUID) ([]chat.SignupRecord, error) {
	const q = `/* store.signupRecords */
		SELECT g.id, s.key, coalesce(d.name, ''), g.created_at, coalesce(o.outcome, ''), coalesce(o.reason, ''), coalesce(o.decided_at, 'epoch')
		FROM signups g JOIN sources s ON s.id = g.source_id
		LEFT JOIN signup_details d ON d.signup_id = g.id LEFT JOIN signup_outcomes o ON o.signup_id = g.id
		WHERE g.conversation_id = ANY ` + members + ` ORDER BY g.created_at, g.id`
	rows, err := s.pool.Query(ctx, q, conversation)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[chat.SignupRecord])
}

// transcript lists a conversation's messages: those at Twilio by index, then
// what is still on its way out.
func (s *Store) transcript(ctx context.Context, conversation uuid.UUID) ([]chat.Message, error) {
	const q = `/* store.transcript */
		SELECT id, coalesce(message_sid, ''), coalesce(index, -1), direction = 'in', purpose, author, body,
			media, status, error_code, reason, coalesce(twilio_at, created_at),
			edited_at IS NOT NULL, removed_at IS NOT NULL
		FROM messages WHERE conversation_id = $1 ORDER BY index NULLS LAST, created_at, ordinal, id`
	rows, err := s.pool.Query(ctx, q, conversation)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m chat.Message, err error) {
		var media []byte
		err = row.Scan(&m.ID, &m.SID, &m.Index, &m.Incoming, &m.Purpose, &m.Author, &m.Body, &media,
			&m.Status, &m.ErrorCode, &m.Reason, &m.At, &m.Edited, &m.Removed)
		m.Files = chat.ReadMedia(media)
		return m, err
	})
}

// mostChanges bounds what a dossier shows of a conversation that changes often.
const mostChanges = 100

// changes lists what Twilio told of the conversation and its participants, the latest
// of very many.
func (s *Store) changes(ctx context.Context, sid chat.ConversationSID) ([]chat.Change, error) {
	const q = `/* store.changes */
		SELECT received_at, type, coalesce(payload ->> 'StateTo', state_to) FROM events
		WHERE conversation_sid = $1 AND conversation_sid <> '' AND applied_at IS NOT NULL AND type = ANY($2)
		ORDER BY received_at DESC, id DESC LIMIT $3`
	rows, err := s.pool.Query(ctx, q, sid, []string{
		chat.ConversationAdded, chat.ConversationRemoved, chat.ConversationStateUpdated, chat.ParticipantAdded, chat.ParticipantRemoved,
	}, mostChanges)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chat.Change])
	slices.Reverse(list)
	return list, err
}

// RevealPhone returns the customer's number and writes down who asked.
func (s *Store) RevealPhone(ctx context.Context, conversation uuid.UUID, entry chat.AuditEntry) (phone chat.Phone, err error) {
	err = s.tx(ctx, "reveal phone", func(tx pgx.Tx) error {
		const q = `/* store.RevealPhone */
			SELECT coalesce(k.phone, '') FROM conversations c JOIN customers k ON k.id = c.customer_id WHERE c.id = $1`
		if err := tx.QueryRow(ctx, q, conversation).Scan(&phone); err != nil {
			return err
		}
		return audit(ctx, tx, entry)
	})
	return phone, err
}
