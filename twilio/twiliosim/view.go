package twiliosim

import (
	"fmt"
	"slices"
	"time"
)

// pageView is what a page shows.
type pageView struct {
	All      bool // every phone, not one
	Links    []phoneLink
	Phones   []phoneView
	NewPhone string // as typed into the form that was refused
	Problem  string
}

type phoneLink struct {
	Phone, Pretty string
	Current       bool
}

// phoneView is one handset as it is shown.
type phoneView struct {
	Phone, Pretty string
	All           bool // shown among others
	Senders       []senderView
	Entries       []entryView
	OptedOut      []string // senders that may not text it
	Next          string   // how the next text to it ends
	Then          []string // and those after it, as far as lined up
	Habit         string   // and all others
	Outcomes      []outcomeView
	Draft         string
	Problem       string
}

type senderView struct {
	Number, Pretty string
	Selected       bool
}

// entryView is one line of a thread.
type entryView struct {
	Key  string // the same for the same entry at every rendering
	Kind string // in, out, lost, or time
	Body string
	At   string // machine-readable, for a time
	Note string // small print
}

type outcomeView struct{ Value, Label string }

// offeredOutcomes are those the page lets people choose.
var offeredOutcomes = []outcomeView{
	{"delivered", "Delivered"},
	{"read", "Delivered and read"},
	{"sent", "Sent, carrier says no more"},
	{"undelivered 30003", "Undelivered, phone off (30003)"},
	{"undelivered 30006", "Undelivered, landline (30006)"},
	{"undelivered 30007", "Undelivered, filtered (30007)"},
	{"failed 30005", "Failed, unknown phone (30005)"},
}

func (s *Server) viewAll() pageView {
	view := pageView{All: true}
	for _, h := range s.Handsets() {
		p := s.viewHandset(h.Phone())
		p.All = true
		view.Phones = append(view.Phones, p)
		view.Links = append(view.Links, phoneLink{Phone: p.Phone, Pretty: p.Pretty})
	}
	return view
}

// viewOne shows one phone and links to the others, itself among them even if
// nobody has opened it yet.
func (s *Server) viewOne(phone string) pageView {
	view := pageView{Phones: []phoneView{s.viewHandset(phone)}}
	for _, h := range s.Handsets() {
		view.Links = append(view.Links, phoneLink{h.Phone(), pretty(h.Phone()), h.Phone() == phone})
	}
	if !slices.ContainsFunc(view.Links, func(l phoneLink) bool { return l.Current }) {
		view.Links = append(view.Links, phoneLink{phone, pretty(phone), true})
	}
	return view
}

func (s *Server) viewHandset(phone string) phoneView {
	s.mu.Lock()
	defer s.mu.Unlock()
	view := phoneView{Phone: phone, Pretty: pretty(phone), Habit: statusDelivered, Outcomes: offeredOutcomes}
	var texts []Text
	var next []Outcome
	if h := s.w.handsets[phone]; h != nil {
		texts, next = h.texts, h.Next
		if h.Habit.Status != "" {
			view.Habit = h.Habit.String()
		}
	}
	view.Next = view.Habit
	for i, o := range next {
		if i == 0 {
			view.Next = o.String()
			continue
		}
		view.Then = append(view.Then, o.String())
	}
	latest := ""
	if len(texts) > 0 {
		latest = texts[len(texts)-1].sender()
	}
	for _, n := range s.opts.Senders {
		if channelOf(n) != channelOf(phone) {
			continue
		}
		view.Senders = append(view.Senders, senderView{n, pretty(n), n == latest})
		if _, blocked := s.w.optOuts[[2]string{s.optOutScope(n), phone}]; blocked {
			view.OptedOut = append(view.OptedOut, pretty(n))
		}
	}
	view.Entries = entries(texts, len(view.Senders) > 1)
	return view
}

// pause is how long a thread rests before the next text is headed by the time.
const pause = 10 * time.Minute

// entries turns texts into the lines of a thread. When there are several
// senders, a text says with which if that is not the one before.
func entries(texts []Text, several bool) []entryView {
	var out []entryView
	var last time.Time
	var with string
	for _, t := range texts {
		if t.At.Sub(last) > pause {
			out = append(out, entryView{Key: "at-" + t.ID, Kind: "time", Body: t.At.Local().Format("Mon 2 Jan, 15:04"), At: t.At.Format(time.RFC3339)})
		}
		e := entry(t)
		if several && e.Note == "" && t.sender() != with {
			e.Note = "with " + pretty(t.sender())
		}
		last, with = t.At, t.sender()
		out = append(out, e)
	}
	return out
}

func entry(t Text) entryView {
	e := entryView{Key: t.ID, Kind: "in", Body: t.Body}
	switch {
	case t.Sent:
		e.Kind = "out"
		if t.MessageSID == "" {
			e.Note = "No conversation took this text"
		}
	case !t.Arrived():
		e.Kind, e.Note = "lost", Outcome{t.Status, t.ErrorCode}.String()
	case t.Auto:
		e.Note = "Twilio’s own answer"
	}
	return e
}

// sender is the account's number at the other end.
func (t Text) sender() string {
	if t.Sent {
		return t.To
	}
	return t.From
}

// String is the outcome in words: "undelivered (30003)".
func (o Outcome) String() string {
	if o.ErrorCode == 0 {
		return o.Status
	}
	return fmt.Sprintf("%s (%d)", o.Status, o.ErrorCode)
}

// pretty groups the digits of a North American number; others stay as they are.
func pretty(phone string) string {
	if len(phone) == len("+15558675310") && phone[:2] == "+1" {
		return fmt.Sprintf("+1 (%s) %s-%s", phone[2:5], phone[5:8], phone[8:])
	}
	return phone
}
