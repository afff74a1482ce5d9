package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"textme/chat"
	"textme/store"
)

type eventsCommand struct {
	List   eventsList   `cmd:"" help:"List stored events, newest first."`
	Show   eventsShow   `cmd:"" help:"Show one event."`
	Replay eventsReplay `cmd:"" help:"Apply a stored event again, or all of them."`
}

type eventsList struct {
	operatorSettings
	Conversation string `help:"Only those of this conversation, CH…."`
	Type         string `help:"Only those of this type, such as onMessageAdded."`
	Parked       bool   `help:"Only those that wait for their conversation to become ours." xor:"state"`
	Failed       bool   `help:"Only those that could not be applied." xor:"state"`
	Since        string `help:"Only those received since: a time such as 24h ago, or 2026-11-22T09:00:00Z."`
	Before       string `help:"Only those older than the event with this id: the next page."`
	Limit        int    `help:"How many at the most." default:"50"`
	JSON         bool   `name:"json" help:"Print JSON."`
}

// Run lists the events.
func (c *eventsList) Run(ctx context.Context, w world) error {
	query, err := c.query()
	if err != nil {
		return usageError{err}
	}
	return c.withStore(ctx, func(st *store.Store) error {
		events, err := st.Events(ctx, query)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return printJSON(w, events)
		case len(events) == 0:
			_, err := fmt.Fprintln(w.out, "No such events.")
			return err
		}
		if err := printEvents(w, events); err != nil || len(events) < c.Limit {
			return err
		}
		_, err = fmt.Fprintf(w.out, "There may be more: --before %s\n", events[len(events)-1].ID)
		return err
	})
}

func (c *eventsList) query() (q chat.EventQuery, err error) {
	q = chat.EventQuery{Type: c.Type, Parked: c.Parked, Failed: c.Failed, Limit: c.Limit}
	if c.Conversation != "" {
		if q.SID, err = conversationSID(c.Conversation); err != nil {
			return q, err
		}
	}
	if c.Since != "" {
		if q.Since, err = readSince(c.Since, utcNow()); err != nil {
			return q, err
		}
	}
	if c.Before != "" {
		if q.Before, err = eventID(c.Before); err != nil {
			return q, err
		}
	}
	if c.Limit < 1 || c.Limit > chat.MostEventsListed {
		return q, fmt.Errorf("--limit: 1 to %d", chat.MostEventsListed)
	}
	return q, nil
}

// readSince reads a time, or how long ago one is.
func readSince(s string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, errors.New("--since: want a time such as 24h, or 2026-11-22T09:00:00Z")
	}
	return at, nil
}

func eventID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil {
		return id, fmt.Errorf("%q is not the id of an event", s)
	}
	return id, nil
}

func printEvents(w world, events []chat.EventRecord) error {
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tRECEIVED\tVIA\tTYPE\tCONVERSATION\tSTATE")
	for _, e := range events {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.ReceivedAt.UTC().Format(time.RFC3339), e.Via, e.Type, e.SID, eventState(e))
	}
	return t.Flush()
}

// eventState is what has become of an event, in a few words.
func eventState(e chat.EventRecord) string {
	switch {
	case e.Error != "":
		return "failed: " + e.Error
	case e.Parked():
		return "parked"
	case e.PrunedAt != nil:
		return "applied, pruned"
	}
	return "applied"
}

type eventsShow struct {
	operatorSettings
	ID      string `arg:"" help:"The event's id, as list prints it."`
	Payload bool   `help:"Print what Twilio sent as well: the text and the phone number are in it."`
}

// Run shows the event.
func (c *eventsShow) Run(ctx context.Context, w world) error {
	id, err := eventID(c.ID)
	if err != nil {
		return usageError{err}
	}
	return c.withStore(ctx, func(st *store.Store) error {
		e, err := st.Event(ctx, id)
		if errors.Is(err, chat.ErrNotFound) {
			return fmt.Errorf("there is no event %s", id)
		}
		if err != nil {
			return err
		}
		if !c.Payload {
			e.Payload = nil
		}
		return printJSON(w, e)
	})
}
