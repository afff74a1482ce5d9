package handlers

import (
	"cmp"
	"fmt"
	"strings"

	"textme/chat"
	"textme/templates"
)

// conversationPage is a dossier as the page shows it, phones masked. Files are
// linked and never read here: staff open them at Twilio, as themselves.
func conversationPage(d chat.Dossier, fileURL func(chat.File) string) templates.ConversationPage {
	page := templates.ConversationPage{
		ID:              d.ID.String(),
		Phone:           templates.Phone{E164: string(d.Phone)},
		Name:            d.Name,
		Sender:          string(d.Sender),
		ConversationSID: string(d.SID),
		ParticipantSID:  string(d.ParticipantSID),
		UniqueName:      d.UniqueName,
		State:           string(d.State),
		Reason:          d.Reason,
		Handler:         string(d.Handler),
		OptedOutSince:   d.OptedOutSince,
	}
	for _, s := range d.Signups {
		page.Signups = append(page.Signups, templates.Signup{
			At: s.At, Source: s.Source, Name: s.Name, Outcome: string(s.Outcome), Reason: s.Reason,
		})
	}
	for _, m := range d.Messages {
		page.Messages = append(page.Messages, messageOf(m, fileURL))
	}
	for _, c := range d.Changes {
		page.Changes = append(page.Changes, templates.Change{At: c.At, What: changeOf(c)})
	}
	return page
}

func messageOf(m chat.Message, fileURL func(chat.File) string) templates.Message {
	shown := templates.Message{
		Inbound:     m.Incoming,
		Author:      chat.MaskPhones(m.Author), // somebody else's, whom another program has added
		Body:        m.Body,
		At:          m.At,
		Purpose:     purposeOf(m),
		ErrorCode:   m.ErrorCode,
		ErrorReason: m.Reason,
	}
	if !m.Incoming {
		shown.Status = string(m.Status)
	}
	if m.ErrorCode != 0 && m.Reason == "" {
		shown.ErrorReason = chat.ExplainCode(m.ErrorCode).Meaning
	}
	for _, f := range m.Files {
		shown.Files = append(shown.Files, templates.File{Label: fileLabel(f), URL: fileURL(f)})
	}
	return shown
}

// purposeOf is why a text was sent, and what was done to it later at Twilio.
func purposeOf(m chat.Message) string {
	switch {
	case m.Removed:
		return "removed"
	case m.Edited:
		return "edited"
	default:
		return string(m.Purpose)
	}
}

// fileLabel names a file by what is known of it: "photo.jpg (image/jpeg, 82 kB)".
func fileLabel(f chat.File) string {
	var about []string
	if f.Type != "" {
		about = append(about, f.Type)
	}
	if f.Size > 0 {
		about = append(about, sizeLabel(f.Size))
	}
	label := cmp.Or(f.Name, "file")
	if len(about) > 0 {
		label += " (" + strings.Join(about, ", ") + ")"
	}
	return label
}

func sizeLabel(bytes int64) string {
	switch {
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	case bytes >= 1e3:
		return fmt.Sprintf("%d kB", (bytes+500)/1e3)
	default:
		return fmt.Sprintf("%d B", bytes)
	}
}

// changeOf is what Twilio told, in words.
func changeOf(c chat.Change) string {
	switch c.Type {
	case chat.ConversationAdded:
		return "conversation made by a text"
	case chat.ConversationRemoved:
		return "conversation deleted"
	case chat.ParticipantAdded:
		return "participant added"
	case chat.ParticipantRemoved:
		return "participant removed"
	default:
		return "conversation " + cmp.Or(c.StateTo, "changed its state")
	}
}
