package main

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"textme/chat"
	"textme/templates"
	"textme/twilio/twiliosim"
)

// Row T6: a number that Twilio refuses for good is tried once, and what became
// of it is kept in plain words.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	var cases []oddCase
	for _, code := range []int{50407, 50409, 21211, 21408, 21606, 21608, 21612, 21614} {
		cases = append(cases, oddCase{fmt.Sprint(code), func(o *oddStory, phone chat.Phone) {
			o.sim.RefuseNumber(string(phone), code)
			o.signsUp(phone, "Canary")
			o.hearsNothing(phone)
			o.expect("outcomes", o.outcomes(phone), "failed: "+chat.ExplainCode(code).Meaning)
			o.expect("row", o.rows(phone), fmt.Sprint("failed ", code))
			if n := o.attempts(phone, twiliosim.RouteAddParticipant); n != 1 {
				o.t.Errorf("the number was tried %d times, want once", n)
			}
		}})
	}
	for _, code := range []int{30003, 30006} {
		cases = append(cases, oddCase{fmt.Sprint("carrier ", code), func(o *oddStory, phone chat.Phone) {
			must(o.t, o.sim.Handset(string(phone)).Always(twiliosim.Outcome{Status: "undelivered", ErrorCode: code}))
			o.signsUp(phone, "Canary")
			o.hearsNothing(phone)
			o.expect("welcome", o.welcome(phone), fmt.Sprint("undelivered ", code))
			if n := o.attempts(phone, twiliosim.RouteCreateMessage); n != 1 {
				o.t.Errorf("the welcome was posted %d times, want once", n)
			}
		}})
	}
	cases = append(cases, oddCase{"carrier 21610", func(o *oddStory, phone chat.Phone) {
		must(o.t, o.sim.Handset(string(phone)).Next(twiliosim.Outcome{Status: "undelivered", ErrorCode: 21610}))
		o.signsUp(phone, "Canary")
		o.hearsNothing(phone)
		o.expect("welcome", o.welcome(phone), "undelivered 21610")
		o.signsUp(phone, "Canary")
		o.hearsNothing(phone)
		o.expect("outcomes", o.outcomes(phone), "admitted, opted_out: the person replied STOP; only their START lifts it")
		if n := o.attempts(phone, twiliosim.RouteCreateMessage); n != 1 {
			o.t.Errorf("the welcome was posted %d times, want once", n)
		}
	}})
	newOddStory(t).tell(t, cases)
}

// Row T5: staff see whose conversation did not come about, and why, in plain words: in
// the list and on its own page.
func TestStaffSeeWhyItFailed(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.signsIn()
	const live, refused, taken = chat.Phone("+14155550150"), chat.Phone("+14155550151"), chat.Phone("+14155550152")
	o.sim.RefuseNumber(string(refused), 21408)
	_, _, err := o.console().Foreign("crm-17", "", string(taken), storySender)
	must(t, err)
	for _, phone := range []chat.Phone{live, refused, taken} {
		o.signsUp(phone, "Canary")
		o.settled()
	}
	whys := map[chat.Phone]string{
		refused: "texting this country is switched off (geo permissions)",
		taken:   "the number is in a conversation of another system with this sender",
	}
	all := o.get("/admin/conversations", http.StatusOK)
	for _, phone := range []chat.Phone{live, refused, taken} {
		page := "/admin/conversations/" + o.conversationOf(phone)
		row := ""
		for _, r := range strings.Split(all, "<tr>") {
			if strings.Contains(r, page) {
				row = r
			}
		}
		head := between(o.get(page, http.StatusOK), `<div class="top">`, `<div class="two">`) // below stand the sign-ups, with the same words
		for where, text := range map[string]string{"the list": row, "the page": head} {
			if failed := strings.Contains(text, `data-state="failed">failed<`); failed != (whys[phone] != "") {
				t.Errorf("%s says that %s has failed: %t", where, phone, failed)
			}
			for other, why := range whys {
				if says := strings.Contains(text, `class="reason">`+why+`<`); says != (other == phone) {
					t.Errorf("%s of %s says %q: %t", where, phone, why, says)
				}
			}
		}
	}
}

// A refusal that nobody has heard of is not repeated either. Once its cause is
// gone, staff have everything tried again that it struck.
func TestTriedAgain(t *testing.T) {
	t.Parallel()
	const unheard = 50999
	newOddStory(t).tell(t, []oddCase{
		{"by command", func(o *oddStory, phone chat.Phone) {
			o.sim.RefuseNumber(string(phone), unheard)
			o.signsUp(phone, "Canary")
			o.signsUp(phone, "Canary")
			o.hearsNothing(phone)
			reason := "failed: Twilio refused a request: " + chat.ExplainCode(unheard).Meaning
			if got := o.outcomes(phone); !strings.HasPrefix(got, reason) {
				o.t.Errorf("outcomes are %q, want %q first", got, reason)
			}
			o.expect("row", o.rows(phone), fmt.Sprint("failed ", unheard))
			if n := o.attempts(phone, twiliosim.RouteAddParticipant); n != 1 {
				o.t.Errorf("the number was tried %d times, want once", n)
			}
			o.sim.RefuseNumber(string(phone), 0)
			id := o.conversationOf(phone)
			o.runs(exitOK, "", "conversations", "retry", id)
			o.gets(phone, "thanks for signing up")
			o.hearsNothing(phone)
			o.expect("outcomes", o.outcomes(phone), "admitted, joined")
			o.runs(exitFailed, "", "conversations", "retry", id)
		}},
		{"all of one code", func(o *oddStory, phone chat.Phone) {
			other := phone[:len(phone)-1] + "9"
			o.sim.RefuseNumber(string(phone), unheard)
			o.sim.RefuseNumber(string(other), 50407)
			o.signsUp(phone, "Canary")
			o.signsUp(other, "Canary")
			o.hearsNothing(phone)
			o.hearsNothing(other)
			o.sim.RefuseNumber(string(phone), 0)
			o.runs(exitOK, "", "conversations", "retry", "--all-failed", "--code", fmt.Sprint(unheard))
			o.gets(phone, "thanks for signing up")
			o.hearsNothing(other)
			if n := o.attempts(other, twiliosim.RouteAddParticipant); n != 1 {
				o.t.Errorf("the other number was tried %d times, want once", n)
			}
		}},
	})
}

// conversationOf is the id of the phone's newest row.
func (s *story) conversationOf(phone chat.Phone) string {
	s.t.Helper()
	return one[string](s, `SELECT c.id::text FROM conversations c JOIN customers k ON k.id = customer_id WHERE phone = $1
		ORDER BY c.created_at DESC LIMIT 1`, phone)
}

// attempts counts the calls of a route that were about the phone.
func (o *oddStory) attempts(phone chat.Phone, route string) (n int) {
	for _, e := range o.sim.Ledger() {
		if call, ok := e.Fact.(twiliosim.APICall); ok && call.Route == route && call.Phone == string(phone) {
			n++
		}
	}
	return n
}

// welcome is how the person's welcome text ended.
func (o *oddStory) welcome(phone chat.Phone) string {
	o.t.Helper()
	return one[string](o.story, `SELECT status || ' ' || error_code FROM messages m
		JOIN conversations c ON c.id = conversation_id JOIN customers k ON k.id = customer_id WHERE phone = $1 AND purpose = 'welcome'`, phone)
}

// quickProbes has a pause looked into every few seconds.
func quickProbes(env map[string]string) { env["RESCUE_AFTER"] = "2s" }

// Row T6: with credentials that are not valid any more everything stops, is
// said once, and goes on by itself after the repair with nothing lost.
func TestCredentialsRevoked(t *testing.T) {
	t.Parallel()
	s := newStory(t, quickProbes)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	s.signsIn()

	s.sim.RevokeCredentials(true)
	s.says(ann, "HOURS")
	people := []chat.Phone{"+14155550150", "+14155550151", "+14155550152", "+14155550153"}
	for _, phone := range people {
		s.signsUp(phone, "Canary")
	}
	const waiting = `SELECT count(*) FROM conversations WHERE work_seq > done_seq AND retry_at > now()`
	s.until("everybody waits", func() bool { return one[int](s, waiting) == len(people)+1 })
	calls := total(s.sim.Calls())
	s.until("a call probes", func() bool { return total(s.sim.Calls()) > calls })
	s.until("everybody waits again", func() bool { return one[int](s, waiting) == len(people)+1 })
	if n := total(s.sim.Calls()) - calls; n > 2 { // a slow machine may see the next probe
		t.Errorf("%d calls were made where one probes", n)
	}
	if page := s.get("/admin/conversations", http.StatusOK); !strings.Contains(page, "Sending is paused: ") || !strings.Contains(page, "wrong credentials") {
		t.Error("the admin page does not say that sending is paused")
	}

	s.sim.RevokeCredentials(false)
	s.gets(ann, "open Mon-Fri 9-6")
	for _, phone := range people {
		s.gets(phone, "thanks for signing up")
	}
	s.until("the pause has ended", func() bool {
		return !strings.Contains(s.get("/admin/conversations", http.StatusOK), "Sending is paused")
	})
	for _, phone := range append(people, ann) {
		s.hearsNothing(phone)
	}
	if n := s.alerts("sending paused"); n != 1 {
		t.Errorf("%d errors say that sending is paused, want 1", n)
	}
}

// Row T6: what is wrong with one sender stops that sender alone.
func TestSenderRefused(t *testing.T) {
	t.Parallel()
	const other = "+15005550007"
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Senders = append(o.Senders, other) }, quickProbes)
	s.runs(exitOK, "", "sources", "add", "other", "--kind", "form", "--business", "Harbor Boats", "--sender", other, "--origins", "https://shop.example")
	signsUpThere := func(phone chat.Phone) {
		t.Helper()
		form := s.request(http.MethodPost, "/signup/other", strings.NewReader(url.Values{"phone": {string(phone)}, "consent": {"on"}}.Encode()))
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form.Header.Set("Origin", "https://shop.example")
		s.answers(form, http.StatusSeeOther)
	}

	s.sim.RefuseSender(storySender, 50413)
	s.signsUp(ann, "Ann Canary")
	s.until("the sender is paused", func() bool { return s.alerts("sending paused") == 1 })
	s.signsIn()
	banner := func(want string) {
		t.Helper()
		s.until("the page says "+want, func() bool {
			page := html.UnescapeString(s.get("/admin/conversations", http.StatusOK))
			return strings.Contains(page, "is paused: ") == (want != "") && strings.Contains(page, want)
		})
	}
	banner("Sending from " + templates.Phone{E164: storySender, Revealed: true}.String() + " is paused: twilio: add participant: 50413")
	signsUpThere(bob)
	s.gets(bob, "Harbor Boats: thanks for signing up")
	signsUpThere(ann) // the same person behind another sender
	s.gets(ann, "Harbor Boats: thanks for signing up")

	s.sim.RefuseSender(storySender, 0)
	s.gets(ann, "Harbor Bikes: thanks for signing up")
	banner("")
	s.hearsNothing(ann)
	s.hearsNothing(bob)
	if n := s.alerts("sending paused"); n != 1 {
		t.Errorf("%d errors say that sending is paused, want 1", n)
	}
}

// Row T6: a sender that carriers refuse is paused too, and an account that was suspended
// when texts were on their way, though every call goes well: one text at a time tries
// it, until one arrives.
func TestRefusedByCarriers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code       int
		scope, why string
	}{
		"the sender":  {30034, storySender, "not registered for A2P 10DLC"},
		"the account": {30002, chat.AccountScope, "the account is suspended"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, quickProbes)
			people := []chat.Phone{ann, "+14155550150", "+14155550151", "+14155550152", "+14155550153", "+14155550154"}
			for _, phone := range people {
				must(t, s.sim.Handset(string(phone)).Always(twiliosim.Outcome{Status: "undelivered", ErrorCode: tt.code}))
			}
			s.signsUp(ann, "Ann Canary")
			s.until("it is paused", func() bool { return s.alerts("sending paused") == 1 })
			for _, phone := range people[1:] {
				s.signsUp(phone, "Canary")
			}
			const tried = `SELECT count(*) FROM messages WHERE purpose = 'welcome' AND message_sid IS NOT NULL`
			s.until("a text probes", func() bool { return one[int](s, tried) == 2 })
			if queued := one[int](s, `SELECT count(*) FROM conversations WHERE work_seq > done_seq`); queued < 2 {
				t.Errorf("%d conversations wait, want all the others", queued)
			}
			if got := one[string](s, `SELECT scope || ' ' || reason FROM pauses WHERE ended_at IS NULL`); !strings.HasPrefix(got, tt.scope) || !strings.Contains(got, tt.why) {
				t.Errorf("paused is %q, want %s, because %s", got, tt.scope, tt.why)
			}

			for _, phone := range people {
				must(t, s.sim.Handset(string(phone)).Always(twiliosim.Outcome{Status: "delivered"}))
			}
			s.until("the pause has ended", func() bool { return one[bool](s, `SELECT NOT EXISTS (SELECT FROM pauses WHERE ended_at IS NULL)`) })
			s.until("the others were welcomed", func() bool { return one[int](s, tried) == len(people) })
			s.settled()
			if n := s.alerts("sending paused"); n != 1 {
				t.Errorf("%d errors say that sending is paused, want 1", n)
			}
			if n := one[int](s, `SELECT count(*) FROM messages WHERE purpose = 'welcome' AND status = 'undelivered'`); n > 4 {
				t.Errorf("%d texts were lost to probing", n)
			}
		})
	}
}

// Row T3: while Twilio is left alone because it does not answer, whoever has something
// to do waits. Only a call that was made can fail; to be kept from making one counts
// against nobody, however often, so that a long outage gives nobody up.
func TestWaitingForTwilioCountsAgainstNobody(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.sim.SetDown(twiliosim.DownDisconnected)
	calls := func() int { return s.sim.FaultCounts()["down"] }
	var people []chat.Phone
	for i := range 16 {
		people = append(people, chat.Phone(fmt.Sprintf("+141555501%02d", 50+i)))
		s.signsUp(people[i], "Canary")
	}
	const (
		waits    = `SELECT coalesce(min((metadata->>'snoozes')::int), 0) FROM river_job WHERE kind = 'advance' AND finalized_at IS NULL`
		failures = `SELECT coalesce(sum(cardinality(errors)), 0) FROM river_job`
		counted  = `SELECT count(*) FROM river_job WHERE attempt > coalesce(cardinality(errors), 0) + CASE WHEN state = 'running' THEN 1 ELSE 0 END`
	)
	s.until("everybody has waited, and again", func() bool {
		if failed, made := one[int](s, failures), calls(); failed > made {
			t.Fatalf("%d attempts have failed, with %d calls", failed, made)
		}
		return one[int](s, waits) >= 2
	})
	if n := one[int](s, counted); n > 0 {
		t.Errorf("%d jobs count attempts that did not fail", n)
	}
	t.Logf("%d attempts failed, with %d calls", one[int](s, failures), calls())

	s.sim.SetDown(twiliosim.Up)
	for _, phone := range people {
		s.gets(phone, "thanks for signing up")
	}
	s.settled()
}

// signsIn lets the browser see the admin pages.
func (s *story) signsIn() {
	s.t.Helper()
	const password = "a long canary password"
	s.runs(exitOK, password+"\n", "admins", "add", "carla")
	if in := s.post("/admin/sign-in", url.Values{"username": {"carla"}, "password": {password}}); in.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("sign-in answered %s", in.Status)
	}
}

// alerts counts the errors that were logged with the message.
func (s *story) alerts(message string) (n int) {
	for line := range strings.Lines(s.out.String()) {
		if strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, `"msg":"`+message+`"`) {
			n++
		}
	}
	return n
}

// total counts the calls of all routes.
func total(calls map[string]int) (n int) {
	for _, of := range calls {
		n += of
	}
	return n
}
