package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Whatever staff and websites do, a person's STOP stands, and nobody even tries to
// text them, until they say START.
func TestStopStands(t *testing.T) {
	t.Parallel()
	o := newOddStory(t)
	o.signsIn()
	hook := o.runs(exitOK, "", "sources", "add", "vendor", "--kind", "webhook", "--business", "Harbor Bikes", "--sender", storySender)
	token := strings.TrimSpace(between(hook, "bearer token", "\n"))
	vendor := func(phone chat.Phone, rest string) {
		o.t.Helper()
		req := o.request(http.MethodPost, "/hooks/forms/vendor", strings.NewReader(`{"phone":"`+string(phone)+`","name":"Canary"`+rest+`}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		o.story.answers(req, http.StatusAccepted)
	}
	// failed ends the conversation of a phone, and lets the next one fail.
	failed := func(phone chat.Phone) (id string) {
		o.t.Helper()
		const code = 50999
		o.elsewhere(http.MethodPost, o.sidOf(phone), "State=closed")
		o.settled()
		o.sim.RefuseNumber(string(phone), code)
		o.signsUp(phone, "Canary")
		o.settled()
		o.expect("row", o.rows(phone), fmt.Sprint("closed 0 closed at Twilio, failed ", code))
		o.sim.RefuseNumber(string(phone), 0)
		return o.conversationOf(phone)
	}
	var cases []oddCase
	for _, way := range []struct {
		name string
		act  func(chat.Phone)
	}{
		{"the page's try again", func(phone chat.Phone) {
			path := "/admin/conversations/" + failed(phone)
			if r := o.post(path+"/try-again", csrfOf(o.get(path, http.StatusOK))); r.StatusCode != http.StatusSeeOther {
				o.t.Errorf("try again answered %s", r.Status)
			}
		}},
		{"conversations retry", func(phone chat.Phone) { o.runs(exitOK, "", "conversations", "retry", failed(phone)) }},
		{"participants add", func(phone chat.Phone) {
			o.elsewhere(http.MethodPost, o.sidOf(phone), "State=closed")
			o.settled()
			ch := strings.TrimSpace(o.runs(exitOK, "", "conversations", "create"))
			o.runs(exitOK, "", "participants", "add", "--conversation", ch, "--phone", string(phone))
		}},
		{"a hook without consent", func(phone chat.Phone) { vendor(phone, "") }},
		{"a hook with consent", func(phone chat.Phone) { vendor(phone, `,"consent":"yes"`) }},
		{"the page", func(phone chat.Phone) { o.signsUp(phone, "Canary") }},
		{"events replay", func(chat.Phone) { o.runs(exitOK, "", "events", "replay", "--all") }},
	} {
		cases = append(cases, oddCase{way.name, func(o *oddStory, phone chat.Phone) {
			o.signsUp(phone, "Canary")
			o.gets(phone, "thanks for signing up")
			o.says(phone, "STOP")
			o.hearsNothing(phone)
			before := o.attempts(phone, twiliosim.RouteCreateMessage)

			way.act(phone)
			o.hearsNothing(phone)
			if n := o.attempts(phone, twiliosim.RouteCreateMessage) - before; n != 0 {
				o.t.Errorf("%d texts were posted", n)
			}
			if !one[bool](o.story, `SELECT cleared_at IS NULL FROM opt_outs JOIN messages ON message_sid = heard_by
				JOIN conversations c ON c.id = conversation_id JOIN customers k ON k.id = customer_id WHERE phone = $1`, phone) {
				o.t.Error("the STOP is lifted")
			}
			// Two words in two conversations have no order within one of Twilio's seconds.
			o.ago.Store(-int64(time.Second))
			defer o.ago.Store(0)
			o.says(phone, "START")
			o.settled()
			o.says(phone, "HOURS")
			o.gets(phone, "open Mon-Fri 9-6")
		}})
	}
	o.tell(t, cases)
}
