package main

import (
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// whyPrinter writes an explanation for people. Times are UTC.
type whyPrinter struct {
	out io.Writer
	err error // the first
}

func printWhy(w world, phone string, why chat.Why) error {
	p := &whyPrinter{out: w.out}
	p.line("%s%s; times are UTC", phone, on(", known since ", why.Since))
	for i, s := range why.Signups {
		p.signup(i+1, s)
	}
	for _, c := range why.Conversations {
		p.conversation(c)
	}
	p.optOuts(why.OptOuts)
	p.pauses(why.Pauses)
	for _, s := range why.Now {
		p.standing(s)
	}
	return p.err
}

func (p *whyPrinter) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// fact is one indented line of a name and what there is to say.
func (p *whyPrinter) fact(name, format string, args ...any) {
	p.line("  %-14s%s", name, fmt.Sprintf(format, args...))
}

func (p *whyPrinter) signup(n int, s chat.PastSignup) {
	p.line("\nSign-up %d, %s, at the source %s", n, stamp(s.At), s.Source)
	p.fact("consent", "%s, disclosure %d", consentText[s.Consent], s.DisclosureVersion)
	p.fact("proven by", "%s", proofText[s.VerifiedBy])
	if s.Outcome == "" {
		p.fact("outcome", "%s", s.Meaning)
	} else {
		p.fact("outcome", "%s%s: %s", s.Outcome, on(" ", s.DecidedAt), s.Meaning)
	}
	if s.Reason != "" {
		p.fact("because", "%s", s.Reason)
	}
	p.fact("conversation", "%s", s.ConversationID)
}

var consentText = map[chat.ConsentAct]string{
	chat.Checkbox:   "the box was ticked",
	chat.VendorForm: "the vendor's form asked",
}

var proofText = map[chat.VerifiedBy]string{
	chat.ByFormToken: "the token of our page",
	chat.ByOrigin:    "the origin of the website",
	chat.ByNothing:   "nothing: a program posted it",
	chat.BySignature: "the vendor's signature",
	chat.ByToken:     "the source's token",
}

func (p *whyPrinter) conversation(c chat.PastConversation) {
	p.line("\nConversation %s", c.ID)
	p.fact("with", "the sender %s, since %s", string(c.Sender), stamp(c.CreatedAt))
	p.fact("state", "%s since %s%s", c.State, stamp(c.StateAt), because(c.Reason))
	p.failure(c.Failure)
	if c.MergedInto != uuid.Nil {
		p.fact("continued in", "%s", c.MergedInto)
	}
	adopted := ""
	if c.Adopted {
		adopted = ", taken over from whoever made it"
	}
	p.fact("at Twilio", "%s, participant %s%s", orNone(string(c.SID)), orNone(string(c.ParticipantSID)), adopted)
	if c.Handler == chat.AgentHandler {
		p.fact("answered by", "an agent since %s", stamp(c.HandlerAt))
	}
	if c.WorkLeft {
		p.fact("work", "is left%s; textme jobs list shows failed jobs", on(", goes on at ", c.NextTry))
	}
	for _, t := range c.Texts {
		p.text(t)
	}
}

func (p *whyPrinter) text(t chat.PastText) {
	p.fact(string(t.Purpose), "%s%s, queued %s", t.Status, because(t.Reason), stamp(t.QueuedAt))
	p.failure(t.Failure)
	if t.HeldAt != nil {
		p.fact("", "held from %s: %s%s", stamp(*t.HeldAt), t.HeldFor, on("; asked again at ", t.NotBefore))
	}
	if t.SendingAt != nil {
		p.fact("", "sent %s as %s, attempt %d", stamp(*t.SendingAt), orNone(string(t.SID)), t.Attempts)
	}
	for _, r := range t.Receipts {
		p.fact("", "%s %s", stamp(r.At), r.Status)
		p.failure(r.Failure)
	}
}

func (p *whyPrinter) failure(f *chat.Failure) {
	if f != nil {
		p.fact("", "%d %s (%s)", f.Code, f.Meaning, f.Advice)
	}
}

func (p *whyPrinter) optOuts(list []chat.PastOptOut) {
	if len(list) > 0 {
		p.line("\nOpt-outs")
	}
	for _, o := range list {
		lifted := "; only their START lifts it"
		if o.ClearedAt != nil {
			lifted = fmt.Sprintf("; lifted %s by %s", stamp(*o.ClearedAt), o.ClearedVia)
		}
		heard := ""
		if o.HeardBy != "" {
			heard = " " + o.HeardBy
		}
		p.fact("STOP", "%s, heard by %s%s, for %s%s", stamp(o.Since), o.Via, heard, o.Scope, lifted)
	}
}

func (p *whyPrinter) pauses(list []chat.PastPause) {
	if len(list) > 0 {
		p.line("\nTimes in which nothing was sent")
	}
	for _, b := range list {
		end := "until now"
		if b.EndedAt != nil {
			end = "to " + stamp(*b.EndedAt)
		}
		p.fact(b.Scope, "%s %s: %s", stamp(b.Since), end, b.Reason)
	}
}

func (p *whyPrinter) standing(s chat.Standing) {
	p.line("\nNow, with the sender %s", string(s.Sender))
	p.ruling("a new sign-up", s.Signup)
	if s.Text != nil {
		p.ruling("a text", *s.Text)
	}
}

func (p *whyPrinter) ruling(what string, r chat.Ruling) {
	p.line("  %s: %s", what, r.Verdict)
	for _, c := range r.Rules {
		mark := "ok"
		if c.Objects {
			mark = "NO"
		}
		p.line("    %-16s %s  %s%s", c.Rule, mark, c.Says, on(", until ", c.Until))
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) }

// on is the time with words before it, nothing for no time.
func on(words string, t *time.Time) string {
	if t == nil {
		return ""
	}
	return words + stamp(*t)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func orNone(sid string) string {
	if sid == "" {
		return "none yet"
	}
	return sid
}
