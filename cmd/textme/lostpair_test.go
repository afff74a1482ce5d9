package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// drifter is the one person of these stories, whose row loses its pair, the number
// and our sender, at the worst moment: others take them out, close or delete their
// conversation, or they text from a new one, while a call about them is under way.
const drifter = chat.Phone("+14155550150")

// The conversation that the person wrote in is deleted while our worker, about to
// add them to their own again, reads it: their own goes on.
func TestPairOtherConversationGone(t *testing.T) {
	t.Parallel()
	for _, dark := range []bool{false, true} {
		name := "welcomed"
		if dark {
			name = "welcome in the dark"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOddStory(t)
			o.t = t
			if dark {
				must(t, o.sim.SetFaults(twiliosim.Faults{
					Calls:    []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.LostAnswer}}}},
					Webhooks: []twiliosim.Rule{{On: []string{chat.MessageAdded}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}},
				}))
				o.signsUp(drifter, "Canary")
				o.gets(drifter, "thanks for signing up")
			} else {
				o.welcomed(drifter)
			}
			ch := o.bound(drifter)[0]
			o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
				o.webhooksLost(drifter)
				o.says(drifter, "canary")
				var once sync.Once
				meddle := func(r *http.Request) {
					if other := r.PathValue("ConversationSid"); r.Pattern == twiliosim.RouteListMessages && other != ch {
						once.Do(func() { must(t, o.console().Delete(other)) })
					}
				}
				o.meddle.Store(&meddle)
			})
			o.takesOut(ch)
			o.until("the row has lost her", func() bool {
				return one[bool](o.story, `SELECT EXISTS (SELECT FROM events WHERE type = 'onParticipantRemoved' AND applied_at IS NOT NULL)`)
			})
			o.settled()
			o.expect("rows", o.rows(drifter), "active 0")
			if got := o.bound(drifter); !slices.Equal(got, []string{ch}) {
				t.Errorf("the number is in %q, want %s, which nobody has ended", got, ch)
			}
			o.hearsNothing(drifter)
		})
	}
}

// While our worker adds the person to their conversation again they write in a
// new one, which becomes a row and then is closed. The add goes well: the first
// row is open again.
func TestPairAddedToAClosedRow(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.welcomed(drifter)
	ch := o.live(drifter)
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
		o.says(drifter, "HOURS")
		o.until("the new conversation is a row", func() bool { return one[int](o.story, `SELECT count(*) FROM conversations`) == 2 })
		for _, other := range o.bound(drifter) {
			must(t, o.loudConsole().Close(other))
		}
		o.until("its end is known", func() bool { return one[bool](o.story, `SELECT bool_and(state = 'closed') FROM conversations`) })
	})
	o.takesOut(ch)
	o.until("she is back", func() bool { return len(o.sim.Participants(ch)) == 1 })
	o.answers(drifter)
}

// answers has the person write when all is quiet, and get an answer.
func (o *oddStory) answers(phone chat.Phone) {
	o.t.Helper()
	o.settled()
	o.heard[phone] = len(o.ours(phone))
	o.says(phone, "HOURS")
	o.gets(phone, "open Mon-Fri 9-6")
	o.live(phone)
}

// The other order: the new conversation is closed after Adopt has looked at it
// and before it becomes a row; our re-add goes well meanwhile.
func TestPairAdoptionOfAnEndedConversation(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.welcomed(drifter)
	ch := o.live(drifter)
	o.staleAdoption(ch, "HOURS", func() {})
	o.answers(drifter)
}

// staleAdoption has her taken out of ch and write the text in a new conversation,
// which is closed after Adopt has looked at it and before it becomes a row; our
// re-add goes well meanwhile, and so does what else is to be done.
func (o *oddStory) staleAdoption(ch, text string, meanwhile func()) {
	o.t.Helper()
	var add, list sync.Once
	release := make(chan struct{})
	meddle := func(r *http.Request) {
		switch {
		case r.Pattern == twiliosim.RouteAddParticipant && r.PathValue("ConversationSid") == ch:
			add.Do(func() { <-release })
		case r.Pattern == twiliosim.RouteListMessages && r.PathValue("ConversationSid") != ch:
			list.Do(func() {
				must(o.t, o.loudConsole().Close(r.PathValue("ConversationSid")))
				close(release)
				o.until("she is back", func() bool { return o.mapping(drifter) != "none" })
				meanwhile()
			})
		}
	}
	o.meddle.Store(&meddle)
	o.takesOut(ch)
	o.until("the row has lost her", func() bool { return o.mapping(drifter) == "none" })
	o.says(drifter, text)
	<-release
}

// Taken out between Twilio's answer to our add and our writing it down.
func TestPairTakenOutBeforeActivate(t *testing.T) {
	t.Parallel()
	var s *story
	takeOut := sync.OnceFunc(func() {
		ch := s.sim.Conversations()[0].SID
		must(t, s.sim.Console(true).RemoveParticipant(ch, s.sim.Participants(ch)[0].SID))
		s.until("that is known", func() bool {
			return one[bool](s, `SELECT EXISTS (SELECT FROM events WHERE type = 'onParticipantRemoved' AND applied_at IS NOT NULL)`)
		})
	})
	s = newStoryAt(t, func(opts *twiliosim.Options) {
		opts.Fault = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !isPost("/Participants")(r) {
					next.ServeHTTP(w, r)
					return
				}
				answer := httptest.NewRecorder()
				next.ServeHTTP(answer, r)
				takeOut()
				for k, v := range answer.Header() {
					w.Header()[k] = v
				}
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			})
		}
	}, func(env map[string]string) { env["RECONCILE_EVERY"] = "2s" })
	o := &oddStory{story: s}
	o.signsUp(drifter, "Canary")
	o.gets(drifter, "thanks for signing up")
	o.hearsNothing(drifter)
	o.live(drifter)
}

// Another system takes the pair while the welcome is in the dark: the row fails
// when that has been looked for.
func TestPairFailedInTheDark(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.first(twiliosim.Fault{Kind: twiliosim.Reset}, twiliosim.RouteCreateMessage)
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
		o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
			_, _, err := o.console().Foreign("crm-17", "", string(drifter), storySender)
			must(t, err)
		})
	})
	o.signsUp(drifter, "Canary")
	o.until("the post has had no answer", func() bool { return o.sim.FaultCounts()[string(twiliosim.Reset)] > 0 })
	ch := o.bound(drifter)[0]
	o.takesOut(ch)
	o.until("the row has failed", func() bool { return strings.HasPrefix(o.rows(drifter), "failed") })
	o.settled()
	o.expect("the text", one[string](o.story, `SELECT string_agg(status, ' ') FROM messages`), "cancelled")
	o.expect("outcomes", o.outcomes(drifter), "failed: the number is in a conversation of another system with this sender")
}

// The answer to a text is in the dark when its writer signs up, is taken out and
// texts again: the welcome that waited behind it leaves from the new conversation.
func TestPairWelcomeBehindADarkAnswer(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.first(twiliosim.Fault{Kind: twiliosim.Reset}, twiliosim.RouteCreateMessage)
	o.says(drifter, "HOURS")
	o.until("the answer's post has had no answer", func() bool { return o.sim.FaultCounts()[string(twiliosim.Reset)] > 0 })
	o.signsUp(drifter, "Canary")
	o.until("the welcome waits", func() bool {
		return one[bool](o.story, `SELECT EXISTS (SELECT FROM messages WHERE purpose = 'welcome' AND status = 'queued')`)
	})
	ch := o.bound(drifter)[0]
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) { o.says(drifter, "HOURS") })
	o.takesOut(ch)
	o.until("a new conversation is a row", func() bool { return one[int](o.story, `SELECT count(*) FROM conversations`) == 2 })
	o.settled()
	o.live(drifter)
	o.expect("outcomes", o.outcomes(drifter), "admitted")
	o.expectWelcomes(drifter, 1)
}

// The welcome has not left and what the person wrote has not been told when
// their row moves on to the conversation that they wrote in next: what was said in
// the one before is heard first.
func TestPairTextInTheConversationBefore(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	must(t, o.sim.SetFaults(twiliosim.Faults{
		Calls:    []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}},
		Webhooks: []twiliosim.Rule{{On: []string{chat.MessageAdded}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}},
	}))
	o.signsUp(drifter, "Canary")
	o.until("the welcome was refused", func() bool { return o.sim.FaultCounts()[string(twiliosim.Busy)] > 0 })
	ch := o.bound(drifter)[0]
	o.says(drifter, "canary")
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) { o.says(drifter, "HOURS") })
	o.takesOut(ch)
	o.until("the next text is known", func() bool { return strings.HasSuffix(o.heardFrom(drifter), "HOURS") })
	must(t, o.sim.SetFaults(twiliosim.Faults{}))
	o.settled()
	o.expect("transcript", o.heardFrom(drifter), "canary, HOURS")
}

// The create is carried out after the row has taken another conversation over: what
// it made is discarded.
func TestPairLateCreate(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	must(t, o.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{
		On: []string{twiliosim.RouteCreateConversation}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.LateCommit, Hang: 6 * time.Second, Delay: 6 * time.Second}},
	}}}))
	o.before(twiliosim.RouteCreateConversation, func(*http.Request) { o.says(drifter, "HOURS") })
	o.signsUp(drifter, "Canary")
	o.until("both conversations are there", func() bool { return len(o.sim.Conversations()) == 2 })
	o.settled()
	ch := o.live(drifter)
	for _, c := range o.sim.Conversations() {
		discarded := one[bool](o.story, `SELECT EXISTS (SELECT FROM river_job WHERE kind = 'discard' AND args->>'conversation_sid' IN ($1, $2))`, c.SID, c.UniqueName)
		if c.SID != ch && c.State != "closed" && len(o.sim.Participants(c.SID)) == 0 && c.NextIndex == 0 && !discarded {
			t.Error("the conversation made in vain is going to stay")
		}
	}
}

// An old welcome waits in a row that follows its reader to a conversation in which
// they have said that they want no texts, unheard.
func TestPairStopInTheConversationFollowed(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	must(t, o.sim.SetFaults(twiliosim.Faults{
		Calls: []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}},
	}))
	o.signsUp(drifter, "Canary")
	o.until("the welcome was refused", func() bool { return o.sim.FaultCounts()[string(twiliosim.Busy)] > 0 })
	ch := o.bound(drifter)[0]
	o.exec(`UPDATE messages SET created_at = created_at - interval '5 minutes' WHERE purpose = 'welcome'`)
	var said atomic.Bool
	decided := func() bool {
		return one[bool](o.story, `SELECT EXISTS (SELECT FROM messages WHERE purpose = 'welcome' AND status NOT IN ('queued', 'sending'))`)
	}
	meddle := func(r *http.Request) {
		if r.Pattern == twiliosim.RouteAddParticipant && !said.Swap(true) {
			must(t, o.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}}))
			o.says(drifter, "stop texting me")
		}
	}
	o.meddle.Store(&meddle)
	o.takesOut(ch)
	o.until("the welcome is decided about", decided)
	o.expect("welcome", one[string](o.story, `SELECT status || ': ' || reason FROM messages WHERE purpose = 'welcome'`), "cancelled: the person replied STOP")
}

// A welcomed row has failed, because another system had the pair, and is tried again
// when that has given it up. The person is back in their conversation, which has had
// its welcome; if it has ended without our hearing of it, they get a new one.
func TestPairFailedRowTriedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		ended    bool
		outcomes string
		welcomes int
	}{{"it lives", false, "admitted, joined", 1}, {"it has ended", true, "admitted, admitted", 2}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOddStory(t)
			o.welcomed(drifter)
			ch := o.live(drifter)
			var theirs, mb string
			o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
				var err error
				theirs, mb, err = o.console().Foreign("crm-17", "", string(drifter), storySender)
				must(t, err)
			})
			o.takesOut(ch)
			o.until("the row has failed", func() bool { return strings.HasPrefix(o.rows(drifter), "failed") })
			must(t, o.console().RemoveParticipant(theirs, mb))
			if tt.ended {
				must(t, o.console().Close(ch))
			}
			o.exec(`UPDATE conversations SET failed_at = failed_at - interval '8 days'`)
			o.signsUp(drifter, "Canary")
			o.settled()
			if got := o.live(drifter); (got == ch) == tt.ended {
				t.Errorf("she is in %s, and was in %s", got, ch)
			}
			o.expect("outcomes", o.outcomes(drifter), tt.outcomes)
			o.expectWelcomes(drifter, tt.welcomes)
		})
	}
}

// expectWelcomes wants so many welcome texts on the phone.
func (o *oddStory) expectWelcomes(phone chat.Phone, want int) {
	o.t.Helper()
	texts := slices.DeleteFunc(o.ours(phone), func(b string) bool { return !strings.Contains(b, "thanks for signing up") })
	if len(texts) != want {
		o.t.Errorf("the phone got %d welcome texts, want %d: %q", len(texts), want, o.ours(phone))
	}
}

// A sign-up is decided while the person is out of their conversation, joined there
// or admitted to a row that merges into it, and the conversation ends before they are
// back in it: they get a new one, with its welcome.
func TestPairDecidedAboutBeforeTheEnd(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(o *oddStory, ch string){
		"taken out unheard": func(o *oddStory, ch string) {
			must(o.t, o.console().RemoveParticipant(ch, o.sim.Participants(ch)[0].SID))
		},
		"thought to be closed": func(o *oddStory, _ string) { o.exec(`UPDATE conversations SET state = 'closed', closed_at = now()`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOddStory(t)
			o.welcomed(drifter)
			ch := o.live(drifter)
			lose(o, ch)
			o.before(twiliosim.RouteAddParticipant, func(*http.Request) { must(t, o.loudConsole().Close(ch)) })
			o.signsUp(drifter, "Canary")
			o.settled()
			if o.live(drifter) == ch {
				t.Error("she is in the conversation that has ended")
			}
			o.expect("outcomes", o.outcomes(drifter), "admitted, admitted")
			o.expectWelcomes(drifter, 2)
		})
	}
}

// A row waits for its paused sender when the person says STOP in the conversation
// that Twilio makes for it: nobody else may text them meanwhile.
func TestPairStopToAPausedSender(t *testing.T) {
	t.Parallel()
	const other = "+15005550007"
	o := oddStory{story: newStoryAt(t, func(opts *twiliosim.Options) { opts.Senders = append(opts.Senders, other) },
		func(env map[string]string) { env["WELCOME_EVERY"] = "off" })}
	o.runs(exitOK, "", "sources", "add", "other", "--business", "Harbor Boats", "--sender", other)
	o.exec(`INSERT INTO pauses (scope, code, reason, probe_at) VALUES ($1, 30034, 'not registered', now() + interval '1 hour')`, storySender)
	o.signsUp(drifter, "Canary")
	o.until("it waits", func() bool {
		return one[bool](o.story, `SELECT EXISTS (SELECT FROM conversations WHERE retry_at IS NOT NULL)`)
	})
	o.says(drifter, "STOP")
	o.until("she has opted out", func() bool { return one[int](o.story, `SELECT count(*) FROM opt_outs WHERE cleared_at IS NULL`) == 1 })
	found := tokenIn.FindStringSubmatch(o.get("/s/other", http.StatusOK))
	o.post("/signup/other", url.Values{"phone": {string(drifter)}, "name": {"Canary"}, "consent": {"yes"}, "form_token": {found[1]}})
	o.until("the other sign-up is decided", func() bool {
		return one[string](o.story, `SELECT coalesce(min(outcome), '') FROM signup_outcomes o JOIN signups g ON g.id = o.signup_id
			JOIN sources s ON s.id = g.source_id WHERE key = 'other'`) == "opted_out"
	})
}

// While we make their conversation the person writes that they want no texts, in one
// that Twilio makes and that is closed right away, unheard.
func TestPairStopWhileWeAddThem(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
		o.says(drifter, "stop texting me")
		o.until("her text is here and was looked at", func() bool {
			return one[bool](o.story, `SELECT EXISTS (SELECT FROM events WHERE type = 'onMessageAdded') AND
				EXISTS (SELECT FROM river_job WHERE kind = 'adopt') AND NOT EXISTS (SELECT FROM river_job WHERE kind = 'adopt' AND finalized_at IS NULL)`)
		})
		must(t, o.console().Close(o.bound(drifter)[0]))
	})
	o.signsUp(drifter, "Canary")
	o.until("the welcome is decided about", func() bool {
		return one[bool](o.story, `SELECT EXISTS (SELECT FROM messages WHERE purpose = 'welcome' AND status NOT IN ('queued', 'sending'))`)
	})
	o.expect("welcome", one[string](o.story, `SELECT status || ': ' || reason FROM messages WHERE purpose = 'welcome'`), "cancelled: the person replied STOP")
}
