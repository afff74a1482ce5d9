package twiliosim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxInbound is the longest text a handset can send:
// https://www.twilio.com/docs/conversations-classic/conversations-limits
const maxInbound = 32 << 10

// Text is one SMS on a handset, in either direction, or an MMS that it sent.
type Text struct {
	ID         string    `json:"id"` // SM…; MM… with files
	Seq        uint64    `json:"seq"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	Body       string    `json:"body"`
	Files      []File    `json:"files,omitempty"`
	Sent       bool      `json:"sent,omitempty"`        // the handset sent it
	Auto       bool      `json:"auto,omitempty"`        // Twilio's own answer to a keyword
	MessageSID string    `json:"message_sid,omitempty"` // IM…; empty if it is in no conversation
	Status     string    `json:"status,omitempty"`      // of a text to the handset: how it ended
	ErrorCode  int       `json:"error_code,omitempty"`
	At         time.Time `json:"at"`
}

// Arrived tells whether the text is on the handset: sent by it, or delivered.
func (t Text) Arrived() bool { return t.Sent || Outcome{Status: t.Status}.arrives() }

// handset is a phone as the world holds it.
type handset struct {
	handsetRecord
	texts []Text
}

type handsetRecord struct {
	Phone string    `json:"phone"`
	Seq   uint64    `json:"seq"`
	Habit Outcome   `json:"habit"`          // how texts end; no status: delivered
	Next  []Outcome `json:"next,omitempty"` // how the next ones end
}

// handset returns the phone's record, making it at first use.
func (c *change) handset(phone string) *handset {
	h := c.s.w.handsets[phone]
	if h == nil {
		h = &handset{handsetRecord: handsetRecord{Phone: phone, Seq: c.s.w.nextSeq()}}
		c.s.w.handsets[phone] = h
		c.put(h.handsetRecord)
	}
	return h
}

// show puts a text on a handset, or among those that never reached it.
func (c *change) show(t Text, phone string) Text {
	t.Seq = c.s.w.nextSeq()
	h := c.handset(phone)
	h.texts = append(h.texts, t)
	c.put(t)
	return t
}

// Handset is one simulated phone.
type Handset struct {
	s     *Server
	phone string
}

// Handset returns the phone with this number, E.164. Every call for a number
// gives the same phone; it need not have been texted before.
func (s *Server) Handset(phone string) *Handset { return &Handset{s, phone} }

// Phone is the handset's number.
func (h *Handset) Phone() string { return h.phone }

// Text sends an SMS, or with files an MMS, from the handset to one of the
// account's senders and returns it as sent; its MessageSID says which message of
// a conversation it became. It returns an error, and sends nothing, if to is no
// sender of the account or the handset's number is not E.164 (or of another
// channel), equals a sender, the body is over 32 KiB, or empty without a file,
// or the files are too many, together over 5 MB, or of no type or size.
func (h *Handset) Text(to, body string, files ...File) (Text, error) {
	_, t, err := h.text(to, body, files...)
	return t, err
}

// text also returns the change, for those who wait for its webhooks.
func (h *Handset) text(to, body string, files ...File) (*change, Text, error) {
	switch {
	case !slices.Contains(h.s.opts.Senders, to):
		return nil, Text{}, fmt.Errorf("text to %s: not a sender of the account", to)
	case slices.Contains(h.s.opts.Senders, h.phone):
		return nil, Text{}, fmt.Errorf("text from %s: a sender is no handset", h.phone)
	case channelOf(h.phone) != channelOf(to):
		return nil, Text{}, fmt.Errorf("text from %s: not a number like %s", h.phone, to)
	case body == "" && len(files) == 0:
		return nil, Text{}, errors.New("text has no body")
	case len(body) > maxInbound:
		return nil, Text{}, fmt.Errorf("text of %d bytes is too long", len(body))
	}
	if err := checkFiles(files); err != nil {
		return nil, Text{}, err
	}
	c := h.s.begin(fromPhone)
	t := c.receive(h.phone, to, body, files)
	c.commit()
	c.release()
	return c, t, nil
}

// Texts returns what the handset shows, oldest first: texts it sent and texts
// that arrived, Twilio's own answers included.
func (h *Handset) Texts() []Text { return h.filter(Text.Arrived) }

// Inbox returns the texts that arrived, oldest first.
func (h *Handset) Inbox() []Text {
	return h.filter(func(t Text) bool { return !t.Sent && t.Arrived() })
}

// Lost returns the texts that were meant for the handset and did not arrive.
func (h *Handset) Lost() []Text { return h.filter(func(t Text) bool { return !t.Arrived() }) }

func (h *Handset) filter(keep func(Text) bool) []Text {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	var out []Text
	if w := h.s.w.handsets[h.phone]; w != nil {
		for _, t := range w.texts {
			if keep(t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// Wait returns the first text, arrived already or still to come, that matches
// and that no Wait has returned before. A nil match takes any. It returns the
// context's error if none comes in time.
func (h *Handset) Wait(ctx context.Context, match func(Text) bool) (Text, error) {
	var found Text
	err := h.s.Until(ctx, func() bool {
		for _, t := range h.Inbox() {
			if (match == nil || match(t)) && h.s.take(t.ID) {
				found = t
				return true
			}
		}
		return false
	})
	if err != nil {
		return Text{}, fmt.Errorf("wait for a text to %s: %w", h.phone, err)
	}
	return found, nil
}

// take marks a text as returned by Wait; only the first taker gets it.
func (s *Server) take(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[id] {
		return false
	}
	s.seen[id] = true
	return true
}

// Next sets how the next texts to the handset end, one each, in order; later
// ones follow Always. It returns an error, and sets nothing, if one is unknown.
func (h *Handset) Next(outcomes ...Outcome) error {
	if err := checkAll(outcomes); err != nil {
		return err
	}
	c := h.s.begin(fromTwilio)
	w := c.handset(h.phone)
	w.Next = append(w.Next, outcomes...)
	c.put(w.handsetRecord)
	c.commit()
	c.release()
	return nil
}

// Always sets how all texts to the handset end from now on, unless Next says
// otherwise. The default is delivered. It returns an error if o is unknown.
func (h *Handset) Always(o Outcome) error {
	if err := o.check(); err != nil {
		return err
	}
	c := h.s.begin(fromTwilio)
	w := c.handset(h.phone)
	w.Habit = o
	c.put(w.handsetRecord)
	c.commit()
	c.release()
	return nil
}

// OptedOut tells whether the handset has said STOP to sender (or, by option, to
// its Messaging Service) and not START since.
func (h *Handset) OptedOut(sender string) bool {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	_, blocked := h.s.w.optOuts[[2]string{h.s.optOutScope(sender), h.phone}]
	return blocked
}
