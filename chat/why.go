package chat

import (
	"context"
	"time"

	"github.com/google/uuid"
)

type whyStore interface {
	// Past loads all that is on record of the person with that phone. For a
	// phone that nobody signed up or texted with, only opt-outs may be known.
	Past(ctx context.Context, phone Phone) (Past, error)
	// Admission loads what the decisions of a conversation need.
	Admission(ctx context.Context, c Conversation) (Admission, error)
	// SendFacts loads what the gate would look at now for a text in the
	// conversation, the message itself left out.
	SendFacts(ctx context.Context, conversation uuid.UUID) (GateFacts, error)
}

// Why is what became of a person's sign-ups, and what every rule says now.
type Why struct {
	Past
	Now []Standing `json:"now"` // one for each sender that the person has to do with
}

// Standing is how the person stands with one of our senders now.
type Standing struct {
	Sender         Phone     `json:"sender"`
	ConversationID uuid.UUID `json:"conversation_id"` // the open one; Nil for none
	Signup         Ruling    `json:"signup"`          // on a sign-up that came now
	Text           *Ruling   `json:"text"`            // on a text of the bot's now; nil without an open conversation
}

// Ruling is what the rules say, each of them and together.
type Ruling struct {
	Verdict string  `json:"verdict"`
	Rules   []Check `json:"rules"`
}

// Check is what one rule says.
type Check struct {
	Rule    string     `json:"rule"`
	Objects bool       `json:"objects"`
	Says    string     `json:"says"`
	Until   *time.Time `json:"until,omitempty"` // when it is asked again, if it only lets wait
}

// Explain answers why a person was texted or not. opts are those of the
// service that decides; the rules it asks are the ones that decide there. It
// returns ErrNotFound if nothing is on record of the phone.
func Explain(ctx context.Context, store whyStore, opts Options, now time.Time, phone Phone) (Why, error) {
	past, err := store.Past(ctx, phone)
	if err != nil {
		return Why{}, err
	}
	if past.CustomerID == uuid.Nil && len(past.OptOuts) == 0 {
		return Why{}, ErrNotFound
	}
	for i := range past.Signups {
		past.Signups[i].Meaning = past.Signups[i].Outcome.meaning()
	}
	why := Why{Past: past, Now: []Standing{}}
	rules := New(nil, nil, opts, func() time.Time { return now }, nil)
	for _, c := range openConversations(past) {
		c.Phone, c.CustomerID = phone, past.CustomerID
		standing, err := rules.standing(ctx, store, c)
		if err != nil {
			return Why{}, err
		}
		why.Now = append(why.Now, standing)
	}
	return why, nil
}

// openConversations has one conversation for each sender: the open one, or one
// that a sign-up would make.
func openConversations(past Past) []Conversation {
	var list []Conversation
	at := map[Phone]int{}
	for _, p := range past.Conversations {
		i, known := at[p.Sender]
		if !known {
			i = len(list)
			at[p.Sender] = i
			list = append(list, Conversation{Sender: p.Sender, State: Pending})
		}
		if p.State == Closed {
			continue
		}
		list[i] = Conversation{ID: p.ID, Sender: p.Sender, State: p.State, Handler: p.Handler}
		if p.FailedAt != nil {
			list[i].FailedAt = *p.FailedAt
		}
	}
	return list
}

func (s *Service) standing(ctx context.Context, store whyStore, c Conversation) (Standing, error) {
	a, err := store.Admission(ctx, c)
	if err != nil {
		return Standing{}, err
	}
	standing := Standing{Sender: c.Sender, ConversationID: c.ID, Signup: s.ruleOnSignup(c, a)}
	if c.ID == uuid.Nil {
		return standing, nil
	}
	f, err := store.SendFacts(ctx, c.ID)
	if err != nil {
		return Standing{}, err
	}
	text := s.ruleOnText(f)
	standing.Text = &text
	return standing, nil
}

// ruleOnSignup asks what a sign-up would come to that came now.
func (s *Service) ruleOnSignup(c Conversation, a Admission) Ruling {
	now, reopen := s.now(), s.reopens(c)
	a.Undecided = []UndecidedSignup{{At: now}}
	d := s.decide(c, a, reopen)[0]
	ruling := Ruling{Verdict: d.Outcome.meaning()}
	if reopen {
		c, a = afresh(c, a)
	}
	for _, rule := range admissionRules {
		check := Check{Rule: rule.name, Says: rule.fine}
		if reason, objects := rule.ask(s, c, a, now); objects {
			check.Objects, check.Says, check.Until = true, reason, s.objectsUntil(rule.outcome, c, a)
			if reason == "" {
				check.Says = rule.outcome.meaning()
			}
		}
		ruling.Rules = append(ruling.Rules, check)
	}
	return ruling
}

// objectsUntil is when a rule that objects with this outcome no longer does by
// itself; nil for one that does not change with time.
func (s *Service) objectsUntil(o Outcome, c Conversation, a Admission) *time.Time {
	var until time.Time
	switch o {
	case SignupFailed:
		until = c.FailedAt.Add(s.opts.RetryFailedAfter)
	case Capped:
		until = a.LastWelcome.Add(s.opts.WelcomeEvery)
	default:
		return nil
	}
	return &until
}

// ruleOnText asks what would become of a text of the bot's now. An agent who
// has taken over does not stop it at the gate: the bot stays silent before.
func (s *Service) ruleOnText(f GateFacts) Ruling {
	f.Message = Outgoing{Purpose: BotReply, CreatedAt: s.now(), CalledForAt: s.now()}
	ruling := Ruling{}
	switch v := s.gate(f, false); {
	case v.Cancel != "":
		ruling.Verdict = "would not be sent: " + v.Cancel
	case !v.Until.IsZero():
		ruling.Verdict = "would wait: " + v.Why
	case f.Handler == AgentHandler:
		ruling.Verdict = "would be sent, but an agent has the conversation and the bot is silent"
	default:
		ruling.Verdict = "would be sent"
	}
	for _, rule := range gateRules {
		check := Check{Rule: rule.name, Says: rule.fine}
		switch v := rule.ask(s, f); {
		case v.Cancel != "":
			check.Objects, check.Says = true, v.Cancel
		case !v.Until.IsZero():
			check.Objects, check.Says, check.Until = true, v.Why, &v.Until
		}
		ruling.Rules = append(ruling.Rules, check)
	}
	return ruling
}

// meaning is the outcome in plain words.
func (o Outcome) meaning() string {
	switch o {
	case Admitted:
		return "passed every rule and gets the welcome text"
	case Joined:
		return "the person is in the conversation already: no second welcome text"
	case OptedOut:
		return "recorded, but not texted: the person said STOP"
	case Refused:
		return "refused by policy: not a number that is texted"
	case Capped:
		return "recorded, but not texted: a cap was reached"
	case Unconfirmed:
		return "not texted: confirmation was asked for and not given"
	case SignupFailed:
		return "the number, or Twilio, refused for good"
	default:
		return "not decided yet"
	}
}
