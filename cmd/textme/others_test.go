package main

import (
	"html"
	"net/http"
	"strings"
	"testing"
)

// Another program puts somebody else into a person's conversation, who says STOP: they
// are obeyed, and the person it belongs to goes on as before. Staff see that somebody
// is there, and not their number.
func TestSomebodyElseIsAdded(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"told": true, "untold": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			s.signsUp(ann, "Ann Canary")
			s.gets(ann, "thanks for signing up")
			s.settled()
			hers := s.sidOf(ann)
			_, err := s.sim.Console(told).Add(hers, string(bob), storySender)
			must(t, err)
			s.says(bob, "STOP")
			s.gets(ann, "STOP") // Twilio passes on what is said
			s.hearsNothing(ann)
			for range 2 { // what goes to the other as well, Twilio refuses
				s.says(ann, "HOURS")
				s.gets(ann, "open Mon-Fri 9-6")
				s.hearsNothing(ann)
			}
			if got := one[string](s, `SELECT string_agg(DISTINCT status, ', ') FROM messages WHERE purpose <> ''`); got != "delivered" {
				t.Errorf("her texts are %s, want delivered", got)
			}
			if refused := one[int](s, `SELECT count(*) FROM receipts WHERE error_code = 21610`); refused != 4 { // her own texts would have been passed on
				t.Errorf("%d refusals are kept, want 4", refused)
			}
			const said = `SELECT string_agg(via || ' ' || author, ', ') FROM opt_outs JOIN messages ON message_sid = heard_by`
			if got := one[string](s, said); got != "text "+string(bob) {
				t.Errorf("opted out: %s, want whom she does not know, by text", got)
			}

			s.signsIn()
			page := html.UnescapeString(s.get("/admin/conversations/"+s.conversationOf(ann), http.StatusOK))
			if strings.Contains(page, string(bob[1:])) || !strings.Contains(page, bob.Masked()) {
				t.Errorf("the page does not show somebody else's number masked:\n%s", page)
			}
		})
	}
}
