package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// applyParked applies the events that waited for sid to become a row's, which are
// listed. The caller holds the SID's lock.
func (s *Store) applyParked(ctx context.Context, tx pgx.Tx, sid chat.ConversationSID, list []storedEvent) error {
	if len(list) == 0 {
		return nil
	}
	a := applier{Store: s, tx: tx}
	if err := a.findRows(ctx, []chat.ConversationSID{sid}); err != nil {
		return err
	}
	var ids []uuid.UUID
	var events []chat.Event
	for _, p := range list {
		e, err := s.read(p)
		if err != nil {
			if err := markEvents(ctx, tx, []uuid.UUID{p.ID}, "its payload can no longer be read"); err != nil {
				return err
			}
			continue
		}
		ids, events = append(ids, p.ID), append(events, e)
	}
	if err := a.applyStored(ctx, ids, events); err != nil {
		return err
	}
	return a.finish(ctx)
}

// parkedFor is how long events wait for a pending row, which is going to meet their
// conversation, until it is seen whether it is still there.
const parkedFor = 10 * time.Minute

// leaveParked leaves the events that wait for sid to the pending row whose they are
// going to be. It may have long to wait, and others send to the person meanwhile, so
// what is said in them is done at once.
func (s *Store) leaveParked(ctx context.Context, tx pgx.Tx, row eventRow, sid chat.ConversationSID) error {
	parked, err := parkedEvents(ctx, tx, sid)
	if err != nil || len(parked) == 0 {
		return err
	}
	const q = `/* store.leaveParked */ UPDATE events SET sweep_at = now() + $2::interval WHERE id = $1`
	if _, err := tx.Exec(ctx, q, parked[0].ID, parkedFor); err != nil {
		return err
	}
	a := applier{Store: s, tx: tx}
	for _, p := range parked {
		e, err := s.read(p)
		if err != nil || !e.TellsMessage() {
			continue // what cannot be read is marked when it is applied
		}
		if err := a.obey(ctx, row, e); err != nil {
			return err
		}
	}
	return nil
}

// parkedEvents lists the events that wait for sid to become a row's, as they
// came.
func parkedEvents(ctx context.Context, tx pgx.Tx, sid chat.ConversationSID) ([]storedEvent, error) {
	var b pgx.Batch
	list := queueParkedEvents(&b, sid)
	err := tx.SendBatch(ctx, &b).Close()
	return *list, err
}

// queueParkedEvents is parkedEvents in a batch: the list is there when it has
// been sent.
func queueParkedEvents(b *pgx.Batch, sid chat.ConversationSID) (list *[]storedEvent) {
	list = new([]storedEvent)
	const q = `/* store.parkedEvents */
		SELECT ` + storedColumns + ` FROM events
		WHERE conversation_sid = $1 AND applied_at IS NULL AND error = '' AND payload IS NOT NULL
		ORDER BY received_at, id`
	b.Queue(q, sid).Query(func(rows pgx.Rows) (err error) {
		*list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[storedEvent])
		return err
	})
	return list
}

// applyStored applies stored events together or, if the database refuses one of
// them, one by one, so that it does not keep the others from being applied.
func (a *applier) applyStored(ctx context.Context, ids []uuid.UUID, events []chat.Event) error {
	err := a.attempt(ctx, events)
	if err == nil {
		return markEvents(ctx, a.tx, ids, "")
	}
	if !refused(err) {
		return err
	}
	for i := range events {
		problem := ""
		err := a.attempt(ctx, events[i:i+1])
		switch {
		case refused(err):
			problem = notApplied + reasonOf(err)
		case err != nil:
			return err
		}
		if err := markEvents(ctx, a.tx, ids[i:i+1], problem); err != nil {
			return err
		}
	}
	return nil
}

// attempt applies events, or leaves the transaction as it was.
func (a *applier) attempt(ctx context.Context, events []chat.Event) error {
	outer := a.tx
	defer func() { a.tx = outer }()
	return pgx.BeginFunc(ctx, outer, func(inner pgx.Tx) error {
		a.tx = inner
		return a.apply(ctx, events)
	})
}

// storedEvent is an event as its row has it.
type storedEvent struct {
	ID              uuid.UUID
	Payload         []byte
	Via             chat.Via
	ConversationSID chat.ConversationSID
	ReceivedAt      time.Time
	AppliedAt       *time.Time
}

// storedColumns are a storedEvent's.
const storedColumns = "id, payload, via, conversation_sid, received_at, applied_at"

// read turns a row back into the event it was.
func (s *Store) read(row storedEvent) (chat.Event, error) {
	e, err := s.decode(row.Payload)
	e.Via, e.SID = row.Via, row.ConversationSID
	if row.AppliedAt != nil {
		e.AppliedAt = *row.AppliedAt
	}
	return dated(e, row.ID, row.ReceivedAt), err
}

// dated gives an event its id and the time it was received, also where Twilio
// gave none: applied again, it must come to the same.
func dated(e chat.Event, id uuid.UUID, received time.Time) chat.Event {
	e.ID, e.ReceivedAt = id, received
	for _, at := range []*time.Time{&e.At, &e.Message.At, &e.Receipt.At} {
		if at.IsZero() {
			*at = received
		}
	}
	if e.Type == chat.MessageUpdated && e.Message.UpdatedAt.IsZero() {
		e.Message.UpdatedAt = received
	}
	return e
}

// markEvents ends parked events: applied, or kept with the problem they have.
func markEvents(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, problem string) error {
	const q = `/* store.markEvents */
		UPDATE events SET applied_at = CASE WHEN $2 = '' THEN now() END, error = $2 WHERE id = ANY($1)`
	_, err := tx.Exec(ctx, q, ids, problem)
	return err
}
