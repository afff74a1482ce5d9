package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"textme/chat"
	"textme/store"
)

type conversationsRetry struct {
	operatorSettings
	Conversation string `arg:"" optional:"" help:"Its id, as the admin page and textme why show it, or its SID, CH…."`
	AllFailed    bool   `help:"Every conversation that failed."`
	Code         int    `help:"With --all-failed: only those that failed with this code of Twilio's."`
}

// retryBatch is how many failed conversations are read at once.
const retryBatch = 500

// Run makes failed conversations pending again. The running service does the
// rest, by its present rules.
func (c *conversationsRetry) Run(ctx context.Context, w world) error {
	if (c.Conversation != "") == c.AllFailed {
		return usageError{errors.New("name one conversation, or --all-failed")}
	}
	if c.Code != 0 && !c.AllFailed {
		return usageError{errors.New("--code goes with --all-failed")}
	}
	return c.withStore(ctx, func(st *store.Store) error {
		if c.AllFailed {
			return c.all(ctx, w, st)
		}
		id, err := c.find(ctx, st)
		if err != nil {
			return err
		}
		tried, err := st.TryAgain(ctx, id, tryAgainEntry(id))
		switch {
		case errors.Is(err, chat.ErrNotFound):
			return fmt.Errorf("there is no conversation %s", c.Conversation)
		case err != nil:
			return err
		case !tried:
			return fmt.Errorf("conversation %s has not failed; textme why tells how it stands", c.Conversation)
		}
		_, err = fmt.Fprintf(w.out, "conversation %s is tried again\n", id)
		return err
	})
}

func (c *conversationsRetry) find(ctx context.Context, st *store.Store) (uuid.UUID, error) {
	if id, err := uuid.Parse(c.Conversation); err == nil {
		return id, nil
	}
	sid := chat.ConversationSID(c.Conversation)
	if !sid.Valid() {
		return uuid.Nil, usageError{fmt.Errorf("%q is neither an id nor a SID, CH and 32 hex digits", c.Conversation)}
	}
	id, err := st.ConversationWithSID(ctx, sid)
	if errors.Is(err, chat.ErrNotFound) {
		return uuid.Nil, fmt.Errorf("no conversation of ours has the SID %s", sid)
	}
	return id, err
}

// all tries what had failed when it was called. One that fails again meanwhile
// is not tried twice.
func (c *conversationsRetry) all(ctx context.Context, w world, st *store.Store) error {
	seen, n := map[uuid.UUID]bool{}, 0
	for {
		ids, err := st.FailedConversations(ctx, c.Code, retryBatch)
		if err != nil {
			return err
		}
		before := len(seen)
		for _, id := range ids {
			if seen[id] {
				continue
			}
			seen[id] = true
			tried, err := st.TryAgain(ctx, id, tryAgainEntry(id))
			if err != nil && !errors.Is(err, chat.ErrNotFound) {
				return err
			}
			if tried {
				n++
			}
		}
		if len(seen) == before {
			_, err := fmt.Fprintf(w.out, "tried again: %d\n", n)
			return err
		}
	}
}

func tryAgainEntry(id uuid.UUID) chat.AuditEntry {
	return chat.AuditEntry{Actor: "cli", Action: "try-again", Subject: id.String()}
}
