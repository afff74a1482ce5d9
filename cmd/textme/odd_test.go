package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// An oddStory is one service that odd things happen to, each to a number of
// its own: what others do at Twilio behind its back, and what comes at the
// worst moment.
type oddStory struct {
	*story
	meddle atomic.Pointer[func(*http.Request)] // is called before Twilio's API answers
	ago    atomic.Int64                        // how far Twilio's clock is behind, in nanoseconds
}

func newOddStory(t *testing.T, change ...func(map[string]string)) *oddStory {
	t.Helper()
	o := new(oddStory)
	o.story = newStoryAt(t, func(opts *twiliosim.Options) {
		opts.Ledger = true
		opts.Now = func() time.Time { return time.Now().Add(-time.Duration(o.ago.Load())) }
		opts.Fault = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if f := o.meddle.Load(); f != nil {
					(*f)(r)
				}
				next.ServeHTTP(w, r)
			})
		}
	}, append(change, func(env map[string]string) { env["WELCOME_EVERY"] = "off" })...)
	return o
}

// oddCase is what happens to one number.
type oddCase struct {
	name string
	do   func(*oddStory, chat.Phone)
}

// tell lets the cases happen one after another.
func (o *oddStory) tell(t *testing.T, cases []oddCase) {
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			whole := o.t
			o.t = t
			defer func() {
				o.t = whole
				o.meddle.Store(nil)
				must(whole, o.sim.SetFaults(twiliosim.Faults{}))
			}()
			c.do(o, chat.Phone(fmt.Sprintf("+141555501%02d", 50+i)))
		})
	}
}

// Row T5 and its neighbours: whatever became of a person's conversation behind
// our back or at the worst moment, they come out with one conversation that
// lives, alone in it, and welcomed once.
func TestOddConversations(t *testing.T) {
	t.Parallel()
	newOddStory(t).tell(t, slices.Concat(takenCases, endedCases, momentCases, lostCases))
}

// Others had the pair first.
var takenCases = []oddCase{
	{"taken by another system's unique name", func(o *oddStory, phone chat.Phone) { o.foreign(phone, "crm-17", "") }},
	{"taken by another system's attributes", func(o *oddStory, phone chat.Phone) { o.foreign(phone, "", `{"ticket":17}`) }},
	{"taken over from nobody", func(o *oddStory, phone chat.Phone) {
		ch, mb, err := o.console().Foreign("", "", string(phone), storySender)
		must(o.t, err)
		o.webhooksLost(phone)
		o.ago.Store(int64(time.Hour))
		o.says(phone, "HOURS, canary?")
		o.settled()
		o.ago.Store(0)
		must(o.t, o.sim.SetFaults(twiliosim.Faults{}))

		o.signsUp(phone, "Canary")
		o.gets(phone, "thanks for signing up")
		o.hearsNothing(phone)
		o.expect("transcript", o.heardFrom(phone), "HOURS, canary?")
		o.expect("mapping", o.mapping(phone), ch+" "+mb)
		o.says(phone, "HOURS")
		o.gets(phone, "open Mon-Fri 9-6")
		o.hearsNothing(phone)
		o.expect("outcomes", o.outcomes(phone), "admitted")
	}},
}

// foreign has another system hold the pair while the person signs up twice,
// and give it up before they do so again much later.
func (o *oddStory) foreign(phone chat.Phone, uniqueName, attributes string) {
	o.t.Helper()
	ch, mb, err := o.console().Foreign(uniqueName, attributes, string(phone), storySender)
	must(o.t, err)
	before, _ := o.sim.Conversation(ch)
	o.signsUp(phone, "Canary")
	o.hearsNothing(phone)
	const reason = "failed: the number is in a conversation of another system with this sender"
	o.expect("outcomes", o.outcomes(phone), reason)
	o.expect("row", o.rows(phone), "failed 50416")
	calls := total(o.sim.Calls())
	o.signsUp(phone, "Canary")
	o.hearsNothing(phone)
	const tooSoon = ", failed: the number failed before and is not tried again yet"
	o.expect("outcomes", o.outcomes(phone), reason+tooSoon)
	if n := total(o.sim.Calls()) - calls; n != 0 {
		o.t.Errorf("a sign-up on a failed number came to %d calls, want none", n)
	}
	after, found := o.sim.Conversation(ch)
	if !found || after != before || len(o.sim.Participants(ch)) != 1 || len(o.sim.Messages(ch)) != 0 {
		o.t.Errorf("the other system's conversation is %+v, was %+v", after, before)
	}
	if n := len(o.bound(phone)); n != 1 {
		o.t.Errorf("the number is in %d conversations, want the other system's alone", n)
	}

	o.says(phone, "HOURS, canary?")
	o.hearsNothing(phone)
	o.expect("row", o.rows(phone), "failed 50416")
	o.expect("transcript", o.heardFrom(phone), "")
	must(o.t, o.console().RemoveParticipant(ch, mb))
	o.exec(`UPDATE conversations SET failed_at = failed_at - interval '8 days' FROM customers k WHERE k.id = customer_id AND phone = $1`, phone)
	o.signsUp(phone, "Canary")
	o.gets(phone, "thanks for signing up")
	o.hearsNothing(phone)
	o.expect("outcomes", o.outcomes(phone), reason+tooSoon+", admitted")
	o.live(phone)
}

// What was there has ended.
var endedCases = []oddCase{
	{"closed by others", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		must(o.t, o.loudConsole().Close(o.live(phone)))
		o.hearsNothing(phone)
		o.expect("row", o.rows(phone), "closed 0 closed at Twilio")
		o.welcomed(phone)
		o.expect("rows", o.rows(phone), "closed 0 closed at Twilio, active 0")
		o.expect("outcomes", o.outcomes(phone), "admitted, admitted")
	}},
	{"deleted by others", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		must(o.t, o.loudConsole().Delete(o.live(phone)))
		o.hearsNothing(phone)
		o.welcomed(phone)
		o.expect("rows", o.rows(phone), "closed 0 deleted at Twilio, active 0")
	}},
	{"closed, and nobody told us before the person signed up again", func(o *oddStory, phone chat.Phone) { o.endedBeforeSignUp(phone, o.console().Close) }},
	{"deleted, and nobody told us before the person signed up again", func(o *oddStory, phone chat.Phone) { o.endedBeforeSignUp(phone, o.console().Delete) }},
	{"taken out, and nobody told us before the person signed up again", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		ch := o.live(phone)
		must(o.t, o.console().RemoveParticipant(ch, o.sim.Participants(ch)[0].SID))
		o.signsUp(phone, "Canary")
		o.settled()
		o.expect("conversation", o.live(phone), ch)
		o.hearsNothing(phone)
		o.expect("outcomes", o.outcomes(phone), "admitted, joined")
		o.says(phone, "HOURS")
		o.gets(phone, "open Mon-Fri 9-6")
	}},
	{"closed, and nobody told us before the person wrote", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		must(o.t, o.console().Close(o.live(phone)))
		o.says(phone, "HOURS")
		o.gets(phone, "open Mon-Fri 9-6")
		o.hearsNothing(phone)
		o.live(phone)
		o.expect("transcript", o.heardFrom(phone), "HOURS")
	}},
	{"participant removed by others", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		ch := o.live(phone)
		before := o.mapping(phone)
		o.takesOut(ch)
		o.hearsNothing(phone)
		if o.live(phone) != ch || o.mapping(phone) == before {
			o.t.Errorf("the mapping was %s and is %s, want the same conversation and a new participant", before, o.mapping(phone))
		}
		o.says(phone, "HOURS")
		o.gets(phone, "open Mon-Fri 9-6")
		o.signsUp(phone, "Canary")
		o.hearsNothing(phone)
		o.expect("outcomes", o.outcomes(phone), "admitted, joined")
	}},
	{"participant removed, and the person writes before we add it again", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		ch := o.live(phone)
		o.before(twiliosim.RouteAddParticipant, func(*http.Request) { o.says(phone, "HOURS") })
		o.takesOut(ch)
		o.gets(phone, "open Mon-Fri 9-6")
		o.hearsNothing(phone)
		o.expect("transcript", o.heardFrom(phone), "HOURS")
		o.live(phone)
	}},
	{"taken out, and the conversation that the person wrote in ends while we look at it", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		ch := o.live(phone)
		o.before(twiliosim.RouteAddParticipant, func(*http.Request) {
			o.webhooksLost(phone)
			o.says(phone, "canary")
			o.before(twiliosim.RouteFetchConversation, func(r *http.Request) { must(o.t, o.console().Close(r.PathValue("ConversationSid"))) })
		})
		o.takesOut(ch)
		o.until("they are back", func() bool { return len(o.sim.Participants(ch)) == 1 })
		o.settled()
		o.expect("conversation", o.live(phone), ch)
		o.expect("transcript", o.heardFrom(phone), "canary")
	}},
	{"emptied, and nobody told us before the person wrote", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		ch := o.live(phone)
		must(o.t, o.console().RemoveParticipant(ch, o.sim.Participants(ch)[0].SID))
		o.says(phone, "HOURS")
		o.gets(phone, "open Mon-Fri 9-6")
		o.hearsNothing(phone)
		o.live(phone)
		o.expect("transcript", o.heardFrom(phone), "HOURS")
	}},
}

// It happens at the worst moment.
var momentCases = []oddCase{
	{"closed before the welcome text", func(o *oddStory, phone chat.Phone) { o.endedBeforeWelcome(phone, o.console().Close) }},
	{"closed before the welcome text, and told", func(o *oddStory, phone chat.Phone) { o.endedBeforeWelcome(phone, o.loudConsole().Close) }},
	{"deleted before the welcome text", func(o *oddStory, phone chat.Phone) { o.endedBeforeWelcome(phone, o.console().Delete) }},
	{"deleted before the welcome text, and told", func(o *oddStory, phone chat.Phone) { o.endedBeforeWelcome(phone, o.loudConsole().Delete) }},
	{"closed while it is not known whether the welcome text left", func(o *oddStory, phone chat.Phone) { o.endedInTheDark(phone, o.console().Close) }},
	{"deleted while it is not known whether the welcome text left", func(o *oddStory, phone chat.Phone) { o.endedInTheDark(phone, o.console().Delete) }},
	{"texting from a new conversation while it is not known that the welcome text left", func(o *oddStory, phone chat.Phone) {
		must(o.t, o.sim.SetFaults(twiliosim.Faults{
			Calls:    []twiliosim.Rule{{On: []string{twiliosim.RouteCreateMessage}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.LostAnswer}}}},
			Webhooks: []twiliosim.Rule{{On: []string{chat.MessageAdded}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}},
		}))
		if o.movedInTheDark(phone) {
			o.t.Error("the conversation with the welcome text is deleted")
		}
	}},
	{"texting from a new conversation while it is not known that the welcome text did not leave", func(o *oddStory, phone chat.Phone) {
		o.first(twiliosim.Fault{Kind: twiliosim.Reset}, twiliosim.RouteCreateMessage)
		if !o.movedInTheDark(phone) {
			o.t.Error("the conversation with nobody and nothing in it stays")
		}
	}},
	{"closed before the participant is added", func(o *oddStory, phone chat.Phone) {
		o.before(twiliosim.RouteAddParticipant, func(r *http.Request) { must(o.t, o.console().Close(r.PathValue("ConversationSid"))) })
		o.welcomed(phone)
	}},
	{"STOP before the welcome text", func(o *oddStory, phone chat.Phone) {
		must(o.t, o.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{
			On: []string{twiliosim.RouteAddParticipant}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.TextAfter, Body: "STOP"}},
		}}}))
		o.signsUp(phone, "Canary")
		o.hearsNothing(phone)
		o.live(phone)
		o.expect("welcome", one[string](o.story, `SELECT status || ': ' || reason FROM messages
			WHERE purpose = 'welcome' AND conversation_id IN (SELECT c.id FROM conversations c JOIN customers k ON k.id = customer_id WHERE phone = $1)`, phone),
			"cancelled: the person replied STOP")
		o.signsUp(phone, "Canary")
		o.hearsNothing(phone)
		o.expect("outcomes", o.outcomes(phone), "admitted, opted_out: the person replied STOP; only their START lifts it")
	}},
	{"a text while we make the conversation", func(o *oddStory, phone chat.Phone) {
		o.before(twiliosim.RouteCreateConversation, func(*http.Request) { o.says(phone, "HOURS") })
		o.signsUp(phone, "Canary")
		o.until("both texts have come", func() bool { return len(o.ours(phone)) == 2 })
		o.settled()
		got := o.ours(phone)
		slices.Sort(got)
		if len(got) != 2 || !strings.Contains(got[0], "open Mon-Fri 9-6") || !strings.Contains(got[1], "thanks for signing up") {
			o.t.Errorf("the phone got %q, want one welcome and one answer", got)
		}
		ch := o.live(phone)
		o.expect("transcript", o.heardFrom(phone), "HOURS")
		for _, c := range o.sim.Conversations() {
			discarded := one[bool](o.story, `SELECT EXISTS (SELECT FROM river_job WHERE kind = 'discard' AND args->>'conversation_sid' = $1)`, c.SID)
			if len(o.sim.Participants(c.SID)) == 0 && c.State != "closed" && c.SID != ch && c.NextIndex == 0 && !discarded {
				o.t.Error("the conversation we made in vain is going to stay")
			}
		}
	}},
}

// Answers are lost, or say what is not so.
var lostCases = []oddCase{
	{"every first answer lost", func(o *oddStory, phone chat.Phone) {
		o.first(twiliosim.Fault{Kind: twiliosim.LostAnswer}, twiliosim.RouteCreateConversation, twiliosim.RouteAddParticipant, twiliosim.RouteCreateMessage)
		o.welcomed(phone)
		if n := len(o.bound(phone)); n != 1 {
			o.t.Errorf("the number was in %d conversations, want 1", n)
		}
	}},
	{"told that a deleted conversation has the pair", func(o *oddStory, phone chat.Phone) {
		o.first(twiliosim.Fault{Kind: twiliosim.PairOfDeleted}, twiliosim.RouteAddParticipant)
		o.welcomed(phone)
	}},
	{"told that some conversation has the pair", func(o *oddStory, phone chat.Phone) {
		o.first(twiliosim.Fault{Kind: twiliosim.PairUnnamed}, twiliosim.RouteAddParticipant)
		o.welcomed(phone)
	}},
	{"told of conflicts", func(o *oddStory, phone chat.Phone) {
		must(o.t, o.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{
			{On: []string{twiliosim.RouteCreateConversation}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.ConversationConflict}}},
			{On: []string{twiliosim.RouteAddParticipant}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.MemberConflict}}},
		}}))
		o.welcomed(phone)
	}},
	{"told that the name of the conversation is taken, by one we did not find", func(o *oddStory, phone chat.Phone) {
		holder := o.nameTaken(phone, func(string) error { return nil })
		o.expect("conversation", o.live(phone), holder)
		o.expect("rows", o.rows(phone), "active 0")
	}},
	{"told that the name of the conversation is taken, by one that is closed", func(o *oddStory, phone chat.Phone) {
		if holder := o.nameTaken(phone, o.console().Close); o.live(phone) == holder {
			o.t.Error("the row has the conversation that is closed")
		}
		o.expect("rows", o.rows(phone), "closed 0 closed at Twilio, active 0")
	}},
	{"our mapping is lost", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		before := o.mapping(phone)
		o.exec(`UPDATE conversations SET state = 'pending', conversation_sid = NULL, participant_sid = NULL, create_attempted_at = NULL
			FROM customers k WHERE k.id = customer_id AND phone = $1`, phone)
		o.signsUp(phone, "Canary")
		o.hearsNothing(phone)
		o.expect("mapping", o.mapping(phone), before)
		o.live(phone)
	}},
	{"we think it closed and it lives", func(o *oddStory, phone chat.Phone) {
		o.welcomed(phone)
		before := o.mapping(phone)
		o.exec(`UPDATE conversations SET state = 'closed', closed_at = now() FROM customers k WHERE k.id = customer_id AND phone = $1`, phone)
		o.signsUp(phone, "Canary")
		o.hearsNothing(phone)
		o.expect("rows", o.rows(phone), "active 0, closed 0 continued in an earlier conversation")
		o.expect("mapping", o.mapping(phone), before)
		o.live(phone)
	}},
}

// nameTaken welcomes a person for whom the first call to make a conversation had no
// answer, and the look for what it made found nothing: the second is told that the name
// is taken, which is to be settled there and then. Before it, something happens to the
// holder of the name, which is returned.
func (o *oddStory) nameTaken(phone chat.Phone, meanwhile func(string) error) (holder string) {
	o.t.Helper()
	must(o.t, o.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{
		{On: []string{twiliosim.RouteCreateConversation}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.LostAnswer}}},
		{On: []string{twiliosim.RouteFetchConversation}, First: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.Refusal, Code: 20404}}},
	}}))
	var row string
	o.before(twiliosim.RouteFetchConversation, func(*http.Request) {
		row = o.conversationOf(phone)
		must(o.t, meanwhile("textme-"+row))
	})
	o.welcomed(phone)
	o.expect("outcomes", o.outcomes(phone), "admitted")
	for _, c := range o.sim.Conversations() {
		if c.UniqueName == "textme-"+row {
			holder = c.SID
		}
	}
	told := 0
	for _, e := range o.sim.Ledger() {
		if call, ok := e.Fact.(twiliosim.APICall); ok && call.Conversation == "textme-"+row && call.Code == 50353 {
			told++
		}
	}
	if told != 1 {
		o.t.Errorf("%d calls were told that the name is taken, want 1: the test proves nothing", told)
	}
	const failures = `SELECT coalesce(sum(cardinality(errors)), 0) FROM river_job WHERE args->>'conversation_id' = $1`
	if n := one[int](o.story, failures, row); n != 1 {
		o.t.Errorf("%d attempts failed, want only the one without an answer", n)
	}
	return holder
}

// endedBeforeWelcome ends the conversation after the participant was added and
// before the welcome text is posted.
func (o *oddStory) endedBeforeWelcome(phone chat.Phone, end func(string) error) {
	o.t.Helper()
	o.before(twiliosim.RouteCreateMessage, func(r *http.Request) { must(o.t, end(r.PathValue("ConversationSid"))) })
	o.welcomed(phone)
	if n := one[int](o.story, `SELECT count(*) FROM conversations JOIN customers k ON k.id = customer_id WHERE phone = $1`, phone); n != 2 {
		o.t.Errorf("there are %d rows, want the one that ended and its heir", n)
	}
	o.expect("outcomes", o.outcomes(phone), "admitted")
}

// endedBeforeSignUp has a welcomed person's conversation end without our hearing
// of it; their next sign-up brings them into a new one, as if we had heard.
func (o *oddStory) endedBeforeSignUp(phone chat.Phone, end func(string) error) {
	o.t.Helper()
	o.welcomed(phone)
	old := o.live(phone)
	must(o.t, end(old))
	o.signsUp(phone, "Canary")
	o.settled()
	if o.live(phone) == old {
		o.t.Error("the row still has the conversation that has ended")
	}
	o.gets(phone, "thanks for signing up")
	o.hearsNothing(phone)
	o.expect("outcomes", o.outcomes(phone), "admitted, admitted")
	o.says(phone, "HOURS")
	o.gets(phone, "open Mon-Fri 9-6")
}

// endedInTheDark ends the conversation when the post of the welcome text had no
// answer, and was not carried out: the heir sends one.
func (o *oddStory) endedInTheDark(phone chat.Phone, end func(string) error) {
	o.t.Helper()
	o.first(twiliosim.Fault{Kind: twiliosim.Reset}, twiliosim.RouteCreateMessage)
	o.before(twiliosim.RouteListMessages, func(r *http.Request) { must(o.t, end(r.PathValue("ConversationSid"))) })
	o.welcomed(phone)
	const unknown = `SELECT count(*) FROM messages m JOIN conversations c ON c.id = conversation_id JOIN customers k ON k.id = customer_id
		WHERE phone = $1 AND status IN ('queued', 'sending')`
	if n := one[int](o.story, unknown, phone); n != 0 {
		o.t.Errorf("of %d texts nobody is ever going to know", n)
	}
}

// movedInTheDark has somebody taken out and text, so that Twilio makes a new
// conversation for them, when the post of the welcome text had no answer. It
// reports whether the old one is deleted in the end.
func (o *oddStory) movedInTheDark(phone chat.Phone) (deleted bool) {
	o.t.Helper()
	faults := func() int {
		return o.sim.FaultCounts()[string(twiliosim.LostAnswer)] + o.sim.FaultCounts()[string(twiliosim.Reset)]
	}
	before := faults()
	o.signsUp(phone, "Canary")
	o.until("the post of the welcome text has had no answer", func() bool { return faults() > before })
	old := o.bound(phone)[0]
	o.takesOut(old)
	o.says(phone, "HOURS")
	o.until("both texts have come", func() bool { return len(o.ours(phone)) >= 2 })
	o.settled()
	got := o.ours(phone)
	slices.Sort(got)
	if len(got) != 2 || !strings.Contains(got[0], "open Mon-Fri 9-6") || !strings.Contains(got[1], "thanks for signing up") {
		o.t.Errorf("the phone got %q, want one welcome and one answer", got)
	}
	if o.live(phone) == old {
		o.t.Error("the number was not in a new conversation: the test proves nothing")
	}
	_, err := o.db.Exec(o.t.Context(), `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE kind = 'discard' AND args->>'conversation_sid' = $1`, old) // if there is such a job
	must(o.t, err)
	o.settled()
	there := func(c twiliosim.Conversation) bool { return c.SID == old }
	return !slices.ContainsFunc(o.sim.Conversations(), there)
}

// console changes things and tells nobody; loudConsole raises webhooks.
func (o *oddStory) console() twiliosim.Console     { return o.sim.Console(false) }
func (o *oddStory) loudConsole() twiliosim.Console { return o.sim.Console(true) }

// takesOut has somebody at Twilio take the person out of their conversation.
func (o *oddStory) takesOut(ch string) {
	o.t.Helper()
	must(o.t, o.loudConsole().RemoveParticipant(ch, o.sim.Participants(ch)[0].SID))
}

// before does something right before the next call of the route.
func (o *oddStory) before(route string, do func(*http.Request)) {
	var once sync.Once
	meddle := func(r *http.Request) {
		if r.Pattern == route {
			once.Do(func() { do(r) })
		}
	}
	o.meddle.Store(&meddle)
}

// first lets the first attempt at each of the routes go wrong.
func (o *oddStory) first(fault twiliosim.Fault, routes ...string) {
	o.t.Helper()
	must(o.t, o.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{On: routes, First: 1, Faults: []twiliosim.Fault{fault}}}}))
}

// webhooksLost keeps from us what happens to the phone.
func (o *oddStory) webhooksLost(phone chat.Phone) {
	o.t.Helper()
	must(o.t, o.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{
		Phones: []string{string(phone)}, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}},
	}}}))
}

// welcomed signs the person up, who must get one welcome text and nothing else
// and be alone in the one conversation that lives.
func (o *oddStory) welcomed(phone chat.Phone) {
	o.t.Helper()
	o.signsUp(phone, "Canary")
	o.gets(phone, "thanks for signing up")
	o.hearsNothing(phone)
	o.live(phone)
}

// live is the one conversation at Twilio that the number is in; it must be
// alone in it, and both must be what the open row says.
func (o *oddStory) live(phone chat.Phone) string {
	o.t.Helper()
	all := o.bound(phone)
	if len(all) != 1 {
		o.t.Fatalf("the number is in %d live conversations, want 1", len(all))
	}
	people := o.sim.Participants(all[0])
	if len(people) != 1 {
		o.t.Fatalf("the conversation has %d participants, want 1", len(people))
	}
	o.expect("mapping", o.mapping(phone), all[0]+" "+people[0].SID)
	return all[0]
}

// bound lists the conversations at Twilio, closed ones left out, that the
// number is in.
func (o *oddStory) bound(phone chat.Phone) (sids []string) {
	for _, c := range o.sim.Conversations() {
		in := func(p twiliosim.Participant) bool { return p.Address == string(phone) }
		if c.State != "closed" && slices.ContainsFunc(o.sim.Participants(c.SID), in) {
			sids = append(sids, c.SID)
		}
	}
	return sids
}

// mapping is what the person's active row says: CH and MB.
func (o *oddStory) mapping(phone chat.Phone) string {
	o.t.Helper()
	return one[string](o.story, `SELECT coalesce((SELECT conversation_sid || ' ' || participant_sid
		FROM conversations JOIN customers k ON k.id = customer_id WHERE phone = $1 AND state = 'active'), 'none')`, phone)
}

// outcomes are what the person's sign-ups came to, in their order.
func (o *oddStory) outcomes(phone chat.Phone) string {
	o.t.Helper()
	return one[string](o.story, `SELECT coalesce(string_agg(outcome || CASE WHEN reason = '' THEN '' ELSE ': ' || reason END, ', ' ORDER BY g.created_at), '')
		FROM signups g JOIN signup_outcomes ON signup_id = g.id JOIN customers k ON k.id = customer_id WHERE phone = $1`, phone)
}

// rows are the person's conversations as we have them, in their order.
func (o *oddStory) rows(phone chat.Phone) string {
	o.t.Helper()
	return one[string](o.story, `SELECT coalesce(string_agg(rtrim(state || ' ' || failure_code || ' ' ||
		CASE WHEN failure_code = 0 THEN failure_reason ELSE '' END), ', ' ORDER BY c.created_at), '')
		FROM conversations c JOIN customers k ON k.id = customer_id WHERE phone = $1`, phone)
}

// heardFrom is what the person wrote, as the transcripts have it.
func (o *oddStory) heardFrom(phone chat.Phone) string {
	o.t.Helper()
	return one[string](o.story, `SELECT coalesce(string_agg(body, ', ' ORDER BY twilio_at), '') FROM messages m
		JOIN conversations c ON c.id = conversation_id JOIN customers k ON k.id = customer_id WHERE phone = $1 AND direction = 'in'`, phone)
}

func (o *oddStory) expect(what, got, want string) {
	o.t.Helper()
	if got != want {
		o.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func (o *oddStory) exec(q string, args ...any) {
	o.t.Helper()
	tag, err := o.db.Exec(o.t.Context(), q, args...)
	if err == nil && tag.RowsAffected() == 0 {
		err = errors.New("nothing to change")
	}
	must(o.t, err)
}
