package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"textme/chat"
)

// ApplyEvents stores and applies facts from Twilio and returns one result for
// each. Those given together commit together, and single ones share a commit
// with whatever else arrives just then; if one spoils the others, they are
// redone one by one. An event that cannot be applied is stored with its error;
// only a database that cannot commit is an error (chat.ErrUnavailable), and
// then the events without a result may not have been kept. Applying is free of
// order: a receipt may come before its message, a message before its conversation.
func (s *Store) ApplyEvents(ctx context.Context, events []chat.Event) ([]chat.Result, error) {
	if len(events) == 1 {
		result, err := s.ingest.do(ctx, events[0])
		if err != nil {
			return nil, err
		}
		return []chat.Result{result}, nil
	}
	results, errs := s.applyOrSplit(ctx, usualPatience, stuckPatience, events)
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return results[:i], errs[i]
	}
	return results, nil
}

// applyBatch applies events that others wait with.
func (s *Store) applyBatch(ctx context.Context, patience time.Duration, events []chat.Event) ([]chat.Result, []error) {
	return s.applyOrSplit(ctx, patience, briefPatience, events)
}

// applyOrSplit applies the events in one transaction, or else one by one, with the
// patience of either.
func (s *Store) applyOrSplit(ctx context.Context, together, alone time.Duration, events []chat.Event) ([]chat.Result, []error) {
	results, err := s.applyTogether(ctx, together, events)
	switch {
	case err == nil:
		return results, nil
	case len(events) == 1 && locked(err):
		return nil, []error{err}
	}
	return s.applyApart(ctx, alone, events)
}

// applyApart applies each event alone.
func (s *Store) applyApart(ctx context.Context, patience time.Duration, events []chat.Event) ([]chat.Result, []error) {
	return oneByOne(events, subjectOf, func(e chat.Event) (chat.Result, error) { return s.applyAlone(ctx, patience, e) })
}

// subjectOf is whose lock the event needs: the conversation's, or without one the
// person's.
func subjectOf(e chat.Event) string {
	return cmp.Or(string(e.SID), string(e.Classic.From))
}

// applyAlone applies one event, or keeps it with its error.
func (s *Store) applyAlone(ctx context.Context, patience time.Duration, e chat.Event) (chat.Result, error) {
	results, err := s.applyTogether(ctx, patience, []chat.Event{e})
	if refused(err) {
		results, err = s.storeRefused(ctx, patience, e, err)
	}
	if err != nil {
		if !errors.Is(err, chat.ErrUnavailable) {
			err = fmt.Errorf("%w: %w", chat.ErrUnavailable, err)
		}
		return chat.Result{}, err
	}
	return results[0], nil
}

func (s *Store) applyTogether(ctx context.Context, patience time.Duration, events []chat.Event) (results []chat.Result, err error) {
	err = s.txWithin(ctx, patience, "apply events", func(tx pgx.Tx) error {
		a := applier{Store: s, tx: tx}
		if err := a.lockRows(ctx, sidsOf(events)); err != nil {
			return err
		}
		results, err = a.receive(ctx, events)
		if err != nil {
			return err
		}
		return a.finish(ctx)
	})
	return results, err
}

// sidsOf lists the conversations the events are about, sorted, so that every
// batch locks them in one order.
func sidsOf(events []chat.Event) []chat.ConversationSID {
	sids := make([]chat.ConversationSID, 0, len(events))
	for _, e := range events {
		if e.SID != "" {
			sids = append(sids, e.SID)
		}
	}
	slices.Sort(sids)
	return slices.Compact(sids)
}

const notApplied = "could not be applied: "

// storeRefused keeps an event that the database will not have applied.
func (s *Store) storeRefused(ctx context.Context, patience time.Duration, e chat.Event, cause error) ([]chat.Result, error) {
	e.Problem = notApplied + reasonOf(cause)
	return s.applyTogether(ctx, patience, []chat.Event{e})
}

// refused reports whether the database will never have what it was given, such
// as a value out of range or a second message with one index. Any other error
// is not the event's fault. SQLSTATE classes: 22 data exception, 23 integrity
// constraint, 54 program limit.
func refused(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && slices.Contains([]string{"22", "23", "54"}, pe.Code[:2])
}

// reasonOf names what went wrong without repeating what was in the event.
func reasonOf(err error) string {
	if name := constraint(err); name != "" {
		return "violates " + name
	}
	return "refused by the database"
}
