package main

import (
	"net/url"
	"testing"
)

// A refusal in other words than the keywords is one that Twilio does not act
// on: only we keep silent.
func TestRefusesInOwnWords(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	const ana = "+14155550173"
	s.signsUp(ana, "Ana")
	s.gets(ana, "Harbor Bikes")

	s.says(ana, "can I stop by at 5?")
	s.settled()
	if one[bool](s, `SELECT EXISTS (SELECT FROM opt_outs)`) {
		t.Error("a question was taken for a refusal")
	}
	s.heard[ana] = len(s.ours(ana))

	s.says(ana, "plz stop txting me, wrong number")
	s.hearsNothing(ana)
	if via := one[string](s, `SELECT via FROM opt_outs WHERE cleared_at IS NULL`); via != "text" {
		t.Errorf("opted out via %q, want text", via)
	}
	s.signsUp(ana, "Ana")
	s.says(ana, "HOURS")
	s.hearsNothing(ana)

	s.says(ana, "START")
	s.settled()
	s.heard[ana] = len(s.ours(ana))
	s.says(ana, "HOURS")
	s.gets(ana, "9")
}

// Whoever has the account's API can post a text in a person's name. It does not
// lift what they said themselves.
func TestAPICannotSayStart(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "STOP")
	s.hearsNothing(ann)
	s.elsewhere("POST", s.sidOf(ann)+"/Messages", url.Values{"Author": {string(ann)}, "Body": {"START"}}.Encode())
	s.settled()
	if got := one[string](s, `SELECT body || (SELECT count(*) FROM opt_outs WHERE cleared_at IS NULL) FROM messages ORDER BY index DESC LIMIT 1`); got != "START1" {
		t.Errorf("the last text and the standing opt-outs are %q, want START1", got)
	}
	s.says(ann, "START")
	s.until("she is back", func() bool { return one[bool](s, `SELECT count(*) = 0 FROM opt_outs WHERE cleared_at IS NULL`) })
}
