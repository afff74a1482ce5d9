package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// errRehearsal takes back what a dry run has done.
var errRehearsal = errors.New("a dry run")

// ReplayEvent applies a stored event again and says what became of it. Applied
// already, it changes nothing; one that the database refused earlier may be
// taken now. With dry nothing is changed, the answer is what it would be, and the
// rows that would not stay as they are come with it.
// It returns chat.ErrNotFound for an event that is not there.
func (s *Store) ReplayEvent(ctx context.Context, id uuid.UUID, dry bool) (r chat.Result, would []Difference, err error) {
	const q = `/* store.ReplayEvent */ SELECT ` + storedColumns + ` FROM events WHERE id = $1`
	rows, err := s.pool.Query(ctx, q, id)
	if err != nil {
		return r, nil, translate("replay event", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[storedEvent])
	if err != nil {
		return r, nil, translate("replay event", err)
	}
	if row.Payload == nil {
		return chat.Result{Applied: chat.EventStored, Error: "its payload is not kept any more"}, nil, nil
	}
	e, err := s.read(row)
	if err != nil {
		return chat.Result{Applied: chat.EventStored, Error: "its payload can no longer be read"}, nil, nil //nolint:nilerr // an outcome
	}
	err = s.tx(ctx, "replay event", func(tx pgx.Tx) (err error) {
		a := applier{Store: s, tx: tx}
		if err := a.lockRows(ctx, sidsOf([]chat.Event{e})); err != nil {
			return err
		}
		if !dry {
			r, err = a.replay(ctx, e)
			return err
		}
		before, err := a.image(ctx, e)
		if err != nil {
			return err
		}
		if r, err = a.replay(ctx, e); err != nil {
			return err
		}
		after, err := a.image(ctx, e)
		if err != nil {
			return err
		}
		if would, err = before.differences(after); err != nil {
			return err
		}
		return errRehearsal
	})
	if errors.Is(err, errRehearsal) {
		err = nil
	}
	return r, would, err
}

// replay applies a stored event. The rows are locked.
func (a *applier) replay(ctx context.Context, e chat.Event) (chat.Result, error) {
	r := a.expect(e)
	switch {
	case a.rows[e.SID].overtakes(e): // and stays applied
	case r.Applied == chat.EventApplied:
		err := a.attempt(ctx, []chat.Event{e})
		if err != nil && !refused(err) {
			return r, err
		}
		if err != nil {
			r = chat.Result{Applied: chat.EventStored, Error: notApplied + reasonOf(err)}
		}
		if err := markEvents(ctx, a.tx, []uuid.UUID{e.ID}, r.Error); err != nil {
			return r, err
		}
	case r.Applied == chat.EventParked:
		a.jobs = append(a.jobs, chat.AdoptJob{ConversationSID: e.SID})
	}
	return r, a.finish(ctx)
}

// Replayable returns the ids of stored events that have a payload, oldest
// first, at the most so many, beginning behind the one given; uuid.Nil begins
// with the first.
func (s *Store) Replayable(ctx context.Context, after uuid.UUID, most int) ([]uuid.UUID, error) {
	const q = `/* store.Replayable */
		SELECT id FROM events
		WHERE payload IS NOT NULL AND (received_at, id) > (coalesce((SELECT received_at FROM events WHERE id = $1), '-infinity'), $1)
		ORDER BY received_at, id LIMIT $2`
	rows, err := s.pool.Query(ctx, q, after, most)
	if err != nil {
		return nil, translate("replayable events", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, translate("replayable events", err)
}
