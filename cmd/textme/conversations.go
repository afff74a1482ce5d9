package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"textme/chat"
	"textme/store"
	"textme/twilio"
)

type conversationsCommand struct {
	Create conversationsCreate `cmd:"" help:"Create a conversation and print its SID."`
	Show   conversationsShow   `cmd:"" help:"Show a conversation."`
	Close  conversationsClose  `cmd:"" help:"Close a conversation for good."`
	Retry  conversationsRetry  `cmd:"" help:"Try a failed conversation again, or all that failed."`
}

// accountSettings are what a command needs that talks to Twilio alone.
type accountSettings struct {
	twilioSettings
	DataDir string `help:"Folder in which a running textme dev is looked for."`
}

// client connects to the account of the settings or, without any, to the
// simulator of a running dev. It returns that dev's file as well.
func (s accountSettings) client() (*twilio.Client, *devFile, error) {
	var dev *devFile
	if s.TwilioAccountSID == "" {
		dir, err := databaseSettings{DataDir: s.DataDir}.dataDir()
		if err != nil {
			return nil, nil, err
		}
		f, err := readDevFile(dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && f.Running == nil {
			return nil, nil, usageError{errors.New("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are missing, and no `textme dev` is running to use instead")}
		}
		if err != nil {
			return nil, nil, err
		}
		dev = &f
		s.TwilioAccountSID, s.TwilioAuthToken, s.TwilioBaseURL = f.TwilioAccountSID, f.TwilioAuthToken, f.Running.TwilioBaseURL
	}
	var bad problems
	if !accountPattern.MatchString(s.TwilioAccountSID) {
		bad.require("TWILIO_ACCOUNT_SID", "", "AC and 32 hex digits, from Twilio's console")
	}
	if s.TwilioAuthToken == "" && s.TwilioAPIKeySecret == "" {
		bad.require("TWILIO_AUTH_TOKEN", "", "or TWILIO_API_KEY_SID with TWILIO_API_KEY_SECRET")
	}
	if err := bad.err(); err != nil {
		return nil, nil, err
	}
	client, err := s.twilioSettings.client(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return nil, nil, usageError{err}
	}
	return client, dev, nil
}

type conversationsCreate struct {
	accountSettings
	UniqueName string `help:"A name of your own to find it by. Never put a phone number into it: it shows in Twilio's logs."`
	JSON       bool   `name:"json" help:"Print the whole conversation as JSON."`
}

// Run creates the conversation.
func (c *conversationsCreate) Run(ctx context.Context, w world) error {
	client, _, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	made, err := client.CreateConversationResource(ctx, c.UniqueName)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w, made)
	}
	_, err = fmt.Fprintln(w.out, string(made.SID))
	return err
}

type conversationsShow struct {
	accountSettings
	Conversation string `arg:"" help:"Its SID, CH…, or unique name."`
}

// Run shows the conversation.
func (c *conversationsShow) Run(ctx context.Context, w world) error {
	client, _, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := client.FetchConversationResource(ctx, c.Conversation)
	if err != nil {
		return err
	}
	return printJSON(w, found)
}

type conversationsClose struct {
	accountSettings
	Conversation string `arg:"" help:"Its SID, CH…."`
	recordSettings
}

// Run closes the conversation. Twilio raises no webhook for what is done by
// call, so the service is told here; else it would find out within a day.
func (c *conversationsClose) Run(ctx context.Context, w world) error {
	sid, err := conversationSID(c.Conversation)
	if err != nil {
		return err
	}
	client, dev, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	closed, err := client.UpdateConversationState(ctx, sid, string(chat.Closed))
	if err != nil {
		return err
	}
	err = c.withStore(ctx, dev, func(st *store.Store) error {
		e := chat.PolledClosed(sid, utcNow())
		e.ByUs = true
		_, err := st.ApplyEvents(ctx, []chat.Event{e})
		return err
	})
	if err != nil {
		return fmt.Errorf("the conversation was closed, but that is not recorded: %w", err)
	}
	_, err = fmt.Fprintf(w.out, "%s is %s\n", closed.SID, closed.State)
	return err
}

func conversationSID(s string) (chat.ConversationSID, error) {
	sid := chat.ConversationSID(s)
	if !sid.Valid() {
		return "", usageError{fmt.Errorf("%q is not a conversation SID: CH and 32 hex digits", s)}
	}
	return sid, nil
}
