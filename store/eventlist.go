package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

const eventColumns = `id, via, type, conversation_sid, participant_sid, message_sid, received_at, applied_at, error, pruned_at`

// Events lists stored events without their payloads, newest first. It pages by
// key, so that any page costs the same.
func (s *Store) Events(ctx context.Context, q chat.EventQuery) ([]chat.EventRecord, error) {
	const sql = `/* store.Events */
		SELECT ` + eventColumns + `, NULL::jsonb FROM events
		WHERE ($1 = '' OR conversation_sid = $1) AND ($2 = '' OR type = $2)
			AND (NOT $3 OR applied_at IS NULL AND error = '') AND (NOT $4 OR error <> '')
			AND received_at >= $5
			AND ($6 = '00000000-0000-0000-0000-000000000000'::uuid OR (received_at, id) < (SELECT received_at, id FROM events WHERE id = $6))
		ORDER BY received_at DESC, id DESC LIMIT $7`
	rows, err := s.pool.Query(ctx, sql, q.SID, q.Type, q.Parked, q.Failed, q.Since, q.Before, q.Limit)
	if err != nil {
		return nil, translate("events", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chat.EventRecord])
	return list, translate("events", err)
}

// Event loads one stored event with its payload, or chat.ErrNotFound.
func (s *Store) Event(ctx context.Context, id uuid.UUID) (chat.EventRecord, error) {
	const q = `/* store.Event */ SELECT ` + eventColumns + `, payload FROM events WHERE id = $1`
	rows, err := s.pool.Query(ctx, q, id)
	if err != nil {
		return chat.EventRecord{}, translate("event", err)
	}
	e, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[chat.EventRecord])
	return e, translate("event", err)
}
