package main

import (
	"context"
	"fmt"
	"time"

	"textme/chat"
	"textme/store"
	"textme/twilio"
)

type participantsCommand struct {
	Add  participantsAdd  `cmd:"" help:"Add a phone as an SMS participant and print what the API returned. Sends no text."`
	List participantsList `cmd:"" help:"List the participants of a conversation."`
}

type participantsAdd struct {
	accountSettings
	Conversation string `help:"The conversation's SID, CH…." required:""`
	Phone        string `help:"The phone to add, +1…." required:""`
	TwilioSender string `help:"Our number at Twilio that it texts with, +1…. Needed but for a running dev."`
	recordSettings
}

// Run adds the participant.
func (c *participantsAdd) Run(ctx context.Context, w world) error {
	client, dev, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if dev != nil && c.TwilioSender == "" {
		c.TwilioSender = dev.Sender
	}
	sid, err := conversationSID(c.Conversation)
	if err != nil {
		return err
	}
	sender, err := chat.ParsePhone(c.TwilioSender, "")
	if err != nil {
		return usageError{fmt.Errorf("--twilio-sender (TWILIO_SENDER): %w; write it as +1 and the number", err)}
	}
	phone, err := chat.ParsePhone(c.Phone, sender.Region())
	if err != nil {
		return usageError{fmt.Errorf("--phone: %w; write it as +1 and the number", err)}
	}
	added, err := client.AddParticipantResource(ctx, sid, phone, sender)
	if err != nil {
		return err
	}
	if err := c.withStore(ctx, dev, func(st *store.Store) error { return recordParticipant(ctx, w, st, added) }); err != nil {
		return fmt.Errorf("the participant was added, but not recorded: %w", err)
	}
	return printJSON(w, added)
}

// recordParticipant writes the mapping down. Nobody has consented here, so
// nothing is sent; what the person texts is answered.
func recordParticipant(ctx context.Context, w world, st *store.Store, p twilio.ParticipantResource) error {
	known, err := st.SenderKnown(ctx, p.MessagingBinding.ProxyAddress)
	if err != nil {
		return err
	}
	if !known {
		fmt.Fprintln(w.err, "textme: no source has this sender, so the mapping is not recorded; textme sources add makes one")
		return nil
	}
	return st.AdoptConversation(ctx, chat.Adoption{
		SID: p.ConversationSID,
		Participant: chat.RemoteParticipant{
			SID: p.SID, Address: p.MessagingBinding.Address, ProxyAddress: p.MessagingBinding.ProxyAddress,
		},
	})
}

type participantsList struct {
	accountSettings
	Conversation string `help:"The conversation's SID, CH…." required:""`
}

// Run lists the participants.
func (c *participantsList) Run(ctx context.Context, w world) error {
	sid, err := conversationSID(c.Conversation)
	if err != nil {
		return err
	}
	client, _, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	list, err := client.ListParticipantResources(ctx, sid)
	if err != nil {
		return err
	}
	return printJSON(w, list)
}
