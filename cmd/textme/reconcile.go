package main

import (
	"context"
	"fmt"

	"textme/store"
)

type reconcileCommand struct {
	operatorSettings
}

// Run makes everything due. The running service does the work, at the pace of
// RECONCILE_RATE.
func (c *reconcileCommand) Run(ctx context.Context, w world) error {
	return c.withStore(ctx, func(st *store.Store) error {
		n, err := st.PollAll(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.out, "%d conversations are to be compared with Twilio's, and unknown ones looked for; the running service does it.\n", n)
		return err
	})
}
