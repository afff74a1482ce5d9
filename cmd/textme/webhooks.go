package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"textme/chat"
	"textme/store"
	"textme/twilio"
)

type webhooksCommand struct {
	Plan  webhooksPlan  `cmd:"" help:"Show what apply would change at Twilio, and what there is to look at."`
	Apply webhooksApply `cmd:"" help:"Make the account's events reach this service, and texts to our senders start conversations. Settings of others stay."`
}

// webhooksSettings are what plan and apply share.
type webhooksSettings struct {
	accountSettings
	PublicURL    string   `name:"public-url" help:"How the world reaches the service, https://…."`
	Sender       []string `help:"Our numbers at Twilio, +1…, beside TWILIO_SENDER and those of the sources in the database."`
	TwilioSender string   `help:"Our number at Twilio, +1…."`
	DatabaseURL  string   `help:"If set, the senders of its sources are taken too. SECRET_KEY must be set as well." secret:""`
	keySettings
	Replace bool `help:"Take over settings of others that stand in the way."`
	JSON    bool `name:"json" help:"Print JSON."`
}

// conversationsWebhook is the path that Twilio posts events to.
const conversationsWebhook = "/webhooks/twilio/conversations"

// connect returns a client of the account and what is to be set up in it.
func (s webhooksSettings) connect(ctx context.Context) (*twilio.Client, twilio.WebhookSetup, error) {
	setup := twilio.WebhookSetup{Filters: chat.EventTypes(), Replace: s.Replace}
	var bad problems
	if s.PublicURL == "" {
		bad.require("PUBLIC_URL", "", "the https URL that Twilio calls")
	} else {
		bad.add("PUBLIC_URL", twilio.CheckPublicURL(s.PublicURL))
	}
	setup.URL = strings.TrimSuffix(s.PublicURL, "/") + conversationsWebhook
	add := func(sender chat.Phone) {
		if !slices.Contains(setup.Senders, sender) {
			setup.Senders = append(setup.Senders, sender)
		}
	}
	for _, text := range append(s.Sender, s.TwilioSender) {
		if text == "" {
			continue
		}
		sender, err := chat.ParsePhone(text, "")
		bad.add("--sender", err)
		add(sender)
	}
	if err := bad.err(); err != nil {
		return nil, setup, err
	}
	client, dev, err := s.client()
	if err != nil {
		return nil, setup, err
	}
	if dev != nil && s.DatabaseURL == "" {
		s.DatabaseURL, s.SecretKey = dev.Running.DatabaseURL, dev.SecretKey
	}
	sources, err := s.sources(ctx)
	if err != nil {
		client.Close()
		return nil, setup, err
	}
	for _, src := range sources {
		add(src.Sender)
	}
	return client, setup, nil
}

// sources are those of the database, none without one.
func (s webhooksSettings) sources(ctx context.Context) (list []chat.Source, err error) {
	if s.DatabaseURL == "" {
		return nil, nil
	}
	const conns = 4
	database := operatorSettings{databaseSettings{DatabaseURL: s.DatabaseURL, DatabaseConns: conns}, s.keySettings}
	err = database.withStore(ctx, func(st *store.Store) error {
		list, err = st.Sources(ctx)
		return err
	})
	return list, err
}

// show prints a plan; done says whether its changes were made.
func (s webhooksSettings) show(w world, setup twilio.WebhookSetup, p twilio.WebhookPlan, done bool) error {
	if len(setup.Senders) == 0 {
		p.Warnings = append(p.Warnings, "no sender is known: a text outside of conversations reaches nobody; give --sender")
	}
	if s.JSON {
		return printJSON(w, p)
	}
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintln(&b, c.Path)
		for _, f := range c.Fields {
			printField(&b, f)
		}
	}
	switch {
	case len(p.Changes) == 0 && len(p.Conflicts) == 0:
		b.WriteString("Nothing to change.\n")
	case done:
		b.WriteString("Changed.\n")
	}
	for _, list := range []struct {
		what  string
		lines []string
	}{{"In the way", p.Conflicts}, {"Look at this", p.Warnings}, {"Could not be checked", p.Unchecked}} {
		for _, line := range list.lines {
			fmt.Fprintf(&b, "%s: %s\n", list.what, line)
		}
	}
	_, err := io.WriteString(w.out, b.String())
	return err
}

// printField prints what a parameter gains and loses.
func printField(b *strings.Builder, f twilio.FieldChange) {
	for _, v := range f.From {
		if !slices.Contains(f.To, v) {
			fmt.Fprintf(b, "  - %s %s\n", f.Name, v)
		}
	}
	for _, v := range f.To {
		sign := "+"
		if slices.Contains(f.From, v) {
			sign = " "
		}
		fmt.Fprintf(b, "  %s %s %s\n", sign, f.Name, v)
	}
}

type webhooksPlan struct{ webhooksSettings }

// Run shows the plan.
func (c *webhooksPlan) Run(ctx context.Context, w world) error {
	client, setup, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	plan, err := client.PlanWebhooks(ctx, setup)
	if err != nil {
		return err
	}
	return c.show(w, setup, plan, false)
}

type webhooksApply struct{ webhooksSettings }

// Run makes the changes.
func (c *webhooksApply) Run(ctx context.Context, w world) error {
	client, setup, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	plan, err := client.ApplyWebhooks(ctx, setup)
	if err != nil && !errors.Is(err, twilio.ErrForeignSettings) {
		return err
	}
	if showErr := c.show(w, setup, plan, err == nil); showErr != nil {
		return showErr
	}
	if err != nil {
		return fmt.Errorf("nothing was changed: %w; --replace takes them over", err)
	}
	return nil
}
