package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// changes is what a dossier tells of the conversation, oldest first.
func (f *fixture) changes(conversation uuid.UUID) string {
	f.t.Helper()
	d, err := f.Dossier(f.t.Context(), conversation)
	must(f.t, err)
	words := map[string]string{chat.ParticipantAdded: "added", chat.ParticipantRemoved: "removed"}
	var told []string
	for _, c := range d.Changes {
		told = append(told, words[c.Type]+c.StateTo)
	}
	return strings.Join(told, " ")
}

// Whoever was taken out and is back is told of as added, once each time, though no
// webhook tells of what we did. The first adding is no news.
func TestAddedAgain(t *testing.T) {
	t.Parallel()
	removed := func(f *fixture, mb chat.ParticipantSID, hour int) {
		f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb, noon.Add(time.Duration(hour)*time.Hour))))
	}
	added := func(f *fixture, mb chat.ParticipantSID) { // by another program
		f.apply(f.event(chat.Event{
			Key: chat.EventKey(chat.ParticipantAdded, string(mb)), Type: chat.ParticipantAdded, SID: ch1, Participant: chat.RemoteParticipant{SID: mb}, At: noon,
		}))
	}
	tests := map[string]struct {
		live func(f *fixture, activate func(chat.ParticipantSID))
		want string
	}{
		"never taken out": {func(*fixture, func(chat.ParticipantSID)) {}, ""},
		"by us": {func(f *fixture, activate func(chat.ParticipantSID)) {
			removed(f, mb1, 1)
			activate(mb2)
		}, "removed added"},
		"by another program, who told first": {func(f *fixture, activate func(chat.ParticipantSID)) {
			removed(f, mb1, 1)
			added(f, mb2)
			activate(mb2)
		}, "removed added"},
		"by another program, who tells late": {func(f *fixture, activate func(chat.ParticipantSID)) {
			removed(f, mb1, 1)
			activate(mb2)
			added(f, mb2)
		}, "removed added"},
		"was there all the time, twice": {func(f *fixture, activate func(chat.ParticipantSID)) {
			for hour := range 2 {
				removed(f, mb1, hour)
				activate(mb1)
			}
		}, "removed added removed added"},
		"added again, and pending for another reason": {func(f *fixture, activate func(chat.ParticipantSID)) {
			removed(f, mb1, 1)
			activate(mb2)
			f.exec(`UPDATE conversations SET state = 'pending', work_seq = work_seq + 1`)
			activate(mb2)
		}, "removed added"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			id := f.live(ann, ch1, mb1)
			tt.live(f, func(mb chat.ParticipantSID) {
				f.exec(`UPDATE conversations SET work_seq = work_seq + 1`)
				lease := f.lease(id)
				f.activate(lease, ch1, mb)
				_, err := f.GiveBack(t.Context(), lease, 0, 0)
				must(t, err)
			})
			if got := f.changes(id); got != tt.want {
				t.Errorf("the changes are %q, want %q", got, tt.want)
			}
			f.replaysToTheSame("added again")
		})
	}
}

// What became of a conversation is told as long as that something did, though what
// Twilio sent is not kept.
func TestChangesOutliveTheirPayloads(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	slept := chat.Event{
		Key: chat.EventKey(chat.ConversationStateUpdated, "slept"), Via: chat.ViaWebhook, Type: chat.ConversationStateUpdated, SID: ch1, StateTo: "inactive",
		At: noon, Payload: []byte(`{"StateTo": "inactive"}`),
	}
	f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb1, noon)))
	f.apply(slept)
	f.apply(chat.PolledClosed(ch1, noon))
	for range 2 {
		if got, want := f.changes(id), "removed inactive closed"; got != want {
			t.Errorf("with %d payloads the changes are %q, want %q", one[int](f, `SELECT count(payload) FROM events`), got, want)
		}
		_, err := f.PruneEvents(t.Context(), time.Now(), time.Now().Add(-chat.KeyRetention), 100)
		must(t, err)
	}
	if n := one[int](f, `SELECT count(payload) FROM events`); n != 0 {
		t.Errorf("%d payloads are kept", n)
	}
}

// A dossier shows the latest of very many changes.
func TestDossierShowsTheLatestChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	var want []string
	for n := range 120 {
		f.exec(`INSERT INTO events (id, key_hash, via, type, conversation_sid, payload, received_at, applied_at)
			VALUES (gen_random_uuid(), sha256($1::text::bytea), 'webhook', 'onConversationStateUpdated', $2, jsonb_build_object('StateTo', $1::text), $3, now())`,
			fmt.Sprint(n), ch1, noon.Add(time.Duration(n)*time.Minute))
		want = append(want, fmt.Sprint(n))
	}
	if got, want := f.changes(id), strings.Join(want[20:], " "); got != want {
		t.Errorf("the changes are %q, want %q", got, want)
	}
}
