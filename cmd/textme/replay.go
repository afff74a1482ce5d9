package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"textme/chat"
	"textme/store"
)

type eventsReplay struct {
	operatorSettings
	ID        string `arg:"" optional:"" help:"The event's id, as list prints it."`
	All       bool   `help:"Every event whose payload is kept, oldest first."`
	OntoEmpty bool   `help:"With --all: apply them to an empty copy instead, compare what comes of it with what there is, and throw it away."`
	DryRun    bool   `help:"Change nothing; say what would become of each, by itself, and which rows would not stay as they are."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run replays.
func (c *eventsReplay) Run(ctx context.Context, w world) error {
	if c.All == (c.ID != "") {
		return usageError{errors.New("want the id of an event, or --all")}
	}
	if c.OntoEmpty && !c.All {
		return usageError{errors.New("--onto-empty goes with --all")}
	}
	return c.withStore(ctx, func(st *store.Store) error {
		switch {
		case c.OntoEmpty:
			return c.rehearse(ctx, w, st)
		case c.All:
			return c.replayAll(ctx, w, st)
		default:
			return c.replayOne(ctx, w, st)
		}
	})
}

func (c *eventsReplay) replayOne(ctx context.Context, w world, st *store.Store) error {
	id, err := eventID(c.ID)
	if err != nil {
		return usageError{err}
	}
	all := newReplayed()
	err = all.add(ctx, st, id, c.DryRun)
	if errors.Is(err, chat.ErrNotFound) {
		return fmt.Errorf("there is no event %s", id)
	}
	if err != nil {
		return err
	}
	return c.print(w, all)
}

// replayed is what became of events, and in a dry run which rows would not stay as
// they are.
type replayed struct {
	Outcomes    map[string]int     `json:"outcomes"`
	Differences []store.Difference `json:"differences"`
}

func newReplayed() replayed {
	return replayed{map[string]int{}, []store.Difference{}} // no null in JSON
}

// add replays one event.
func (all *replayed) add(ctx context.Context, st *store.Store, id uuid.UUID, dry bool) error {
	r, would, err := st.ReplayEvent(ctx, id, dry)
	if err != nil {
		return err
	}
	all.Outcomes[outcome(r)]++
	all.Differences = append(all.Differences, would...)
	return nil
}

// outcome is what became of an event, in words.
func outcome(r chat.Result) string {
	if r.Error != "" {
		return "left out: " + r.Error
	}
	return string(r.Applied)
}

// replayBatch is how many ids are read at once.
const replayBatch = 500

func (c *eventsReplay) replayAll(ctx context.Context, w world, st *store.Store) error {
	all := newReplayed()
	last := uuid.Nil
	for {
		ids, err := st.Replayable(ctx, last, replayBatch)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return c.print(w, all)
		}
		for _, id := range ids {
			err := all.add(ctx, st, id, c.DryRun)
			if err != nil && !errors.Is(err, chat.ErrNotFound) { // pruned meanwhile
				return err
			}
		}
		last = ids[len(ids)-1]
	}
}

func (c *eventsReplay) print(w world, all replayed) error {
	switch {
	case c.JSON && c.DryRun:
		return printJSON(w, all)
	case c.JSON:
		return printJSON(w, all.Outcomes)
	case len(all.Outcomes) == 0:
		_, err := fmt.Fprintln(w.out, "No event has its payload any more.")
		return err
	}
	if err := printDifferences(w, all.Differences); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all.Outcomes)) {
		if _, err := fmt.Fprintf(w.out, "%d %s\n", all.Outcomes[name], name); err != nil {
			return err
		}
	}
	return nil
}

// rehearse compares what the events alone come to with what there is. A
// difference is a failure: scripts may watch for it.
func (c *eventsReplay) rehearse(ctx context.Context, w world, st *store.Store) error {
	r, err := st.Rehearse(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(w, r)
	} else {
		err = printRehearsal(w, r)
	}
	if err == nil && len(r.Differences) > 0 {
		err = fmt.Errorf("%d rows are not what the events come to", len(r.Differences))
	}
	return err
}

func printRehearsal(w world, r store.Rehearsal) error {
	if err := printDifferences(w, r.Differences); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w.out, "%d events applied, %d left out, %d differences.\n", r.Events, r.LeftOut, len(r.Differences))
	return err
}

// printDifferences prints each once: two events may tell the same.
func printDifferences(w world, list []store.Difference) error {
	printed := map[string]bool{}
	for _, d := range list {
		how := "differs in " + strings.Join(d.Columns, ", ")
		if d.Only != "" {
			how = "only " + d.Only
		}
		line := fmt.Sprintf("%s %s: %s\n", d.Table, d.Key, how)
		if printed[line] {
			continue
		}
		printed[line] = true
		if _, err := io.WriteString(w.out, line); err != nil {
			return err
		}
	}
	return nil
}
