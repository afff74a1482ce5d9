package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"textme/chat"
)

const (
	ann = chat.Phone("+14155550142")
	bob = chat.Phone("+14155550143")
)

// The story of the product: sign up, hear from us, ask, stop, start.
func TestSignUpAskStopStart(t *testing.T) {
	t.Parallel()
	s := newStory(t)

	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "Harbor Bikes: thanks for signing up")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")

	s.says(ann, "stop")
	s.hearsNothing(ann)
	s.says(ann, "HOURS")
	s.hearsNothing(ann)
	s.signsUp(ann, "Ann Canary")
	s.hearsNothing(ann)

	s.says(ann, "Start")
	s.hearsNothing(ann) // Twilio answers START itself
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.hearsNothing(ann)

	if got := one[string](s, `SELECT string_agg(outcome, ' ' ORDER BY created_at) FROM signups JOIN signup_outcomes ON signup_id = id`); got != "admitted opted_out" {
		t.Errorf("outcomes are %q, want admitted opted_out", got)
	}
	if n := len(s.sim.Conversations()); n != 1 {
		t.Errorf("Twilio has %d conversations, want 1", n)
	}
}

// However often and at once somebody signs up, there is one conversation, one
// participant and one welcome text.
func TestSignUpAtOnce(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(bob, "Bob Canary") // the page works before the race
	var wg sync.WaitGroup
	for i := range 20 {
		req := s.request(http.MethodPost, "/signup/default", strings.NewReader(url.Values{
			"phone": {string(ann)}, "consent": {"yes"}, "name": {fmt.Sprint("Canary ", i)},
			"form_token": {tokenIn.FindStringSubmatch(s.get("/s/default", http.StatusOK))[1]},
		}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		wg.Go(func() {
			r, err := s.web.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if r.StatusCode != http.StatusSeeOther {
				t.Errorf("sign-up answered %s", r.Status)
			}
		})
	}
	wg.Wait()
	s.gets(ann, "thanks for signing up")
	s.hearsNothing(ann)
	const outcomes = `SELECT string_agg(n, ' ' ORDER BY n) FROM (SELECT outcome || ':' || count(*) AS n
		FROM signup_outcomes JOIN signups ON id = signup_id JOIN customers k ON k.id = customer_id WHERE phone = $1 GROUP BY outcome) x`
	if got := one[string](s, outcomes, ann); got != "admitted:1 joined:19" {
		t.Errorf("outcomes are %q, want admitted:1 joined:19", got)
	}
	for _, c := range s.sim.Conversations() {
		if n := len(s.sim.Participants(c.SID)); n != 1 {
			t.Errorf("conversation has %d participants, want 1", n)
		}
	}
	if n := len(s.sim.Conversations()); n != 2 {
		t.Errorf("Twilio has %d conversations, want 2", n)
	}
}

// Somebody who texts us first gets a conversation that Twilio made, a row of
// ours, and an answer; a later sign-up joins it with a welcome.
func TestTextsFirst(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.hearsNothing(ann)
	if got := one[string](s, `SELECT state || ' ' || adopted FROM conversations`); got != "active true" {
		t.Errorf("the row is %q, want active true", got)
	}
}

// A website's own form, a script and a form vendor reach the same flow.
func TestEveryDoor(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.runs(exitOK, "", "sources", "add", "website", "--kind", "form", "--business", "Harbor Bikes", "--sender", storySender, "--origins", "https://shop.example")
	hook := s.runs(exitOK, "", "sources", "add", "vendor", "--kind", "webhook", "--business", "Harbor Bikes", "--sender", storySender)
	token := strings.TrimSpace(between(hook, "bearer token", "\n"))

	form := s.request(http.MethodPost, "/signup/website", strings.NewReader("phone=%2B1+415+555+0144&consent=on&name=Canary"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	form.Header.Set("Origin", "https://shop.example")
	s.answers(form, http.StatusSeeOther)
	s.gets("+14155550144", "thanks for signing up")

	script := s.request(http.MethodPost, "/signup", strings.NewReader(`{"source":"website","phone":"(415) 555-0145","consent":true,"name":"Canary"}`))
	script.Header.Set("Content-Type", "application/json")
	script.Header.Set("Origin", "https://shop.example")
	r := s.answers(script, http.StatusAccepted)
	if got := r.Header.Get("Access-Control-Allow-Origin"); got != "https://shop.example" {
		t.Errorf("Access-Control-Allow-Origin is %q", got)
	}
	s.gets("+14155550145", "thanks for signing up")

	vendor := s.request(http.MethodPost, "/hooks/forms/vendor", strings.NewReader(`{"phone":"+1 415 555 0146","consent":"yes","submission_id":"7"}`))
	vendor.Header.Set("Content-Type", "application/json")
	vendor.Header.Set("Authorization", "Bearer "+token)
	s.answers(vendor, http.StatusAccepted)
	s.gets("+14155550146", "thanks for signing up")

	stranger := s.request(http.MethodPost, "/signup/website", strings.NewReader("phone=%2B14155550147&consent=on"))
	stranger.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	stranger.Header.Set("Origin", "https://evil.example")
	s.answers(stranger, http.StatusForbidden)
	s.hearsNothing("+14155550147")
}

// A number that policy or Twilio refuses gets the same answer at the door, an
// outcome with a reason, and no second attempt.
func TestRefusedNumbers(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for phone, want := range map[chat.Phone]string{
		"+18005550199":  "refused: a toll-free number",
		"+19005550199":  "refused: a premium-rate number",
		"+493012345678": "refused: a landline",
		"+881612345678": "refused: a satellite number, or another of no country",
		"+447911123456": "refused: a number of a region that is not served (GG)",
		storySender:     "refused: the number is the sender itself",
	} {
		s.signsUp(phone, "Canary")
		s.settled()
		const q = `SELECT outcome || ': ' || reason FROM signup_outcomes JOIN signups ON id = signup_id JOIN customers k ON k.id = customer_id WHERE phone = $1`
		if got := one[string](s, q, phone); got != want {
			t.Errorf("outcome is %q, want %q", got, want)
		}
	}
	if n := len(s.sim.Conversations()); n != 0 {
		t.Errorf("Twilio heard of %d conversations, want none", n)
	}
}

// What was accepted before a restart is done after it.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.stop()
	s.serve()
	s.gets(ann, "thanks for signing up")
	s.hearsNothing(ann)
}

// answers sends req and expects the status.
func (s *story) answers(req *http.Request, status int) *http.Response {
	s.t.Helper()
	r := s.do(req)
	if r.StatusCode != status {
		s.t.Fatalf("%s %s answered %s, want %d", req.Method, req.URL.Path, r.Status, status)
	}
	return r
}

// runs runs one of the operator's commands in the story's world and returns
// what it printed.
func (s *story) runs(code int, input string, args ...string) string {
	s.t.Helper()
	w := s.world(input)
	printed := new(output)
	w.out, w.err = printed, printed
	if got := run(s.t.Context(), args, w); got != code {
		s.t.Fatalf("textme %s ended with %d, want %d:\n%s", strings.Join(args, " "), got, code, printed)
	}
	return printed.String()
}

// between is the part of text after start and before end.
func between(text, start, end string) string {
	_, rest, _ := strings.Cut(text, start)
	found, _, _ := strings.Cut(rest, end)
	return found
}
