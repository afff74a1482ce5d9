package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"textme/chat"
	"textme/store"
)

type whyCommand struct {
	operatorSettings
	policySettings
	Phone     string `arg:"" help:"The person's number, in any spelling."`
	ShowPhone bool   `help:"Print the number in full."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run explains.
func (c *whyCommand) Run(ctx context.Context, w world) error {
	var bad problems
	opts := chat.Options{
		Regions:          c.Regions,
		WelcomeEvery:     time.Duration(c.WelcomeEvery),
		RetryFailedAfter: time.Duration(c.RetryFailedAfter),
		Quiet:            c.policySettings.check(&bad),
		ReconcileEvery:   time.Duration(c.ReconcileEvery),
	}
	if err := bad.err(); err != nil {
		return err
	}
	return c.withStore(ctx, func(st *store.Store) error {
		phone, err := c.phone(ctx, st)
		if err != nil {
			return usageError{err}
		}
		shown := phone.Masked()
		if c.ShowPhone {
			shown = string(phone)
		}
		why, err := chat.Explain(ctx, st, opts, utcNow(), phone)
		switch {
		case errors.Is(err, chat.ErrNotFound):
			return fmt.Errorf("nothing is on record of %s: no sign-up, no text and no opt-out", shown)
		case err != nil:
			return err
		case c.JSON:
			return printJSON(w, struct {
				Phone string `json:"phone"`
				chat.Why
			}{shown, why})
		}
		return printWhy(w, shown, why)
	})
}

// phone reads the number as a sign-up at the default source would.
func (c *whyCommand) phone(ctx context.Context, st *store.Store) (chat.Phone, error) {
	region := ""
	switch source, err := st.DefaultSource(ctx); {
	case err == nil:
		region = source.Region()
	case !errors.Is(err, chat.ErrNotFound):
		return "", err
	}
	phone, err := chat.ParsePhone(c.Phone, region)
	if err != nil {
		return "", fmt.Errorf("PHONE: %w; write it as + and the country's code", err)
	}
	return phone, nil
}
