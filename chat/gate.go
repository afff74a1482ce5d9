package chat

import "time"

// GateFacts is what the gate looks at, read under the lock a STOP takes.
type GateFacts struct {
	Message   Outgoing
	Phone     Phone
	State     State
	Handler   Handler
	HandlerAt time.Time // since when
	OptedOut  bool
	Consented bool      // a sign-up was admitted, or the person texted us first
	Paused    string    // why sending is paused; "" when it is not
	LastAct   time.Time // the person's own latest act: sign-up or text
	// RestoringSince is when an outage ended whose missed news are still being asked
	// for; zero: there is none.
	RestoringSince time.Time
	JustPosted     int // texts in the conversation within the last second
}

// Verdict is the gate's answer. The zero value lets the message go.
type Verdict struct {
	Cancel string    // not "": never send it, for this reason
	Until  time.Time // not zero: ask again then
	Why    string    // of Until
}

// Goes reports whether the message may be sent now.
func (v Verdict) Goes() bool { return v.Cancel == "" && v.Until.IsZero() }

// Gate is the one rule on whether a message may go out at this moment.
type Gate func(GateFacts) Verdict

// gate asks every rule; the first that objects decides. The probe of a pause is
// let through it.
func (s *Service) gate(f GateFacts, probing bool) Verdict {
	if probing {
		f.Paused = ""
	}
	for _, rule := range gateRules {
		if v := rule.ask(s, f); !v.Goes() {
			return v
		}
	}
	return Verdict{}
}

// gateRules in their order: the conversation still stands, the person has not
// said STOP and did agree, the message is still called for, nothing is paused, what
// an outage has missed is known, it is not the middle of their night, and Twilio takes
// another text.
var gateRules = []struct {
	name string
	ask  func(*Service, GateFacts) Verdict
	fine string // what there is to say when it does not object
}{
	{"conversation", func(s *Service, f GateFacts) Verdict {
		if f.State == Active {
			return Verdict{}
		}
		return Verdict{Until: s.now(), Why: "the conversation is not active"} // the worker looks again, and sees it
	}, "the conversation is active"},
	{"opt-out", func(_ *Service, f GateFacts) Verdict {
		return cancelIf(f.OptedOut, "the person replied STOP")
	}, "the person has not opted out"},
	{"consent", func(_ *Service, f GateFacts) Verdict {
		return cancelIf(!f.Consented, "no consent on record")
	}, "an admitted sign-up, or a text of the person, is on record"},
	{"handler", func(_ *Service, f GateFacts) Verdict {
		return cancelIf(f.Message.Purpose == BotReply && f.Handler == AgentHandler && f.Message.CreatedAt.Before(f.HandlerAt), "an agent has taken over")
	}, "no agent has taken over"},
	{"pause", func(s *Service, f GateFacts) Verdict {
		if f.Paused == "" {
			return Verdict{}
		}
		return Verdict{Until: s.now().Add(s.opts.Timing.probe()), Why: f.Paused}
	}, "nothing is paused"},
	{"outage", func(s *Service, f GateFacts) Verdict {
		if !s.waitsForRestoring(f.Message, f.RestoringSince) {
			return Verdict{}
		}
		return Verdict{Until: s.now().Add(s.opts.Timing.restoreCheck()), Why: restoring}
	}, "what an outage has missed is not waited for"},
	{"quiet hours", func(s *Service, f GateFacts) Verdict {
		now := s.now()
		if now.Sub(f.LastAct) <= OwnAct {
			return Verdict{}
		}
		until := s.opts.Quiet.Until(f.Phone, now)
		if until.IsZero() {
			return Verdict{}
		}
		return Verdict{Until: until, Why: "quiet hours"}
	}, "it is not quiet at the person's, or it answers what they did just now"},
	{"rate", func(s *Service, f GateFacts) Verdict {
		if f.JustPosted < mostPerSecond {
			return Verdict{}
		}
		return Verdict{Until: s.now().Add(time.Second), Why: "many texts in one conversation"}
	}, "few texts have been posted in the conversation within the last second"},
}

func cancelIf(objects bool, why string) Verdict {
	if !objects {
		return Verdict{}
	}
	return Verdict{Cancel: why}
}

// mostPerSecond keeps one conversation below Twilio's 30 actions per second, of which
// some are not ours (https://www.twilio.com/docs/conversations-classic/conversations-limits).
const mostPerSecond = 25

// OwnAct is how long a text counts as the answer to what the person just did,
// which quiet hours do not hold back.
const OwnAct = 10 * time.Minute
