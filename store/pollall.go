package store

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// pollAllBatch keeps each transaction of PollAll short: who stores a webhook waits
// for the rows that it has locked.
const pollAllBatch = 500

// PollAll makes every open conversation at Twilio, and the look for unknown
// ones, due now, and counts the conversations. Those that are due already stay
// so. The mapping of each is checked as well. It goes through the table in
// batches, each a transaction; rows that somebody else has locked come last, one by
// one, so that nobody waits for what PollAll waits for. After an error some are
// due and others may not be; calling it again is safe.
func (s *Store) PollAll(ctx context.Context) (due int, err error) {
	if err := s.lookNow(ctx); err != nil {
		return 0, err
	}
	var locked []uuid.UUID
	page := make([]uuid.UUID, 1)
	for len(page) > 0 {
		var open []uuid.UUID
		if page, open, err = s.nextOpen(ctx, page[len(page)-1]); err != nil {
			return due, err
		}
		made, err := s.makeDue(ctx, open, "SKIP LOCKED")
		if err != nil {
			return due, err
		}
		due += len(made)
		for _, id := range open {
			if !slices.Contains(made, id) {
				locked = append(locked, id)
			}
		}
	}
	for _, id := range locked {
		made, err := s.makeDue(ctx, []uuid.UUID{id}, "")
		if err != nil {
			return due, err
		}
		due += len(made)
	}
	return due, nil
}

// lookNow makes the look for unknown conversations due.
func (s *Store) lookNow(ctx context.Context) error {
	return s.tx(ctx, "poll all", func(tx pgx.Tx) error {
		const q = `/* store.PollAll */ UPDATE looks SET next_at = least(next_at, now()) WHERE scope = $1`
		_, err := tx.Exec(ctx, q, discoveryLook)
		return err
	})
}

// nextOpen lists the conversations that come after one, in the order of their ids,
// and those of them that are open at Twilio. However many are closed, a page is
// read as fast.
func (s *Store) nextOpen(ctx context.Context, after uuid.UUID) (page, open []uuid.UUID, err error) {
	const q = `/* store.PollAll */
		SELECT id, conversation_sid IS NOT NULL AND state <> 'closed' FROM conversations WHERE id > $1 ORDER BY id LIMIT $2`
	rows, err := s.pool.Query(ctx, q, after, pollAllBatch)
	if err != nil {
		return nil, nil, translate("poll all", err)
	}
	var id uuid.UUID
	var isOpen bool
	_, err = pgx.ForEachRow(rows, []any{&id, &isOpen}, func() error {
		page = append(page, id)
		if isOpen {
			open = append(open, id)
		}
		return nil
	})
	return page, open, translate("poll all", err)
}

// makeDue makes those of the conversations due that are open still, and returns
// them. Locked ones it waits for, or passes by with SKIP LOCKED.
func (s *Store) makeDue(ctx context.Context, ids []uuid.UUID, locked string) (made []uuid.UUID, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.tx(ctx, "poll all", func(tx pgx.Tx) (err error) {
		q := `/* store.PollAll */
			UPDATE conversations SET reconcile_at = least(reconcile_at, now()), mapping_checked_at = 'epoch'
			WHERE id = ANY (ARRAY(SELECT id FROM conversations WHERE id = ANY($1) AND state <> 'closed' FOR NO KEY UPDATE ` + locked + `))
			RETURNING id`
		made, err = collect[uuid.UUID](ctx, tx, q, ids)
		return err
	})
	return made, err
}
