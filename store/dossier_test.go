package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"textme/chat"
)

// A dossier shows what came with a text, what was done to it later, and what
// happened to the conversation itself.
func TestDossierTranscript(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	photo := said(ch1, mb1, ann, 1, "")
	photo.Message.Media = json.RawMessage(`[{"Sid":"ME1","ContentType":"image/jpeg","Filename":"x-ray.jpg","Size":"81920","service_sid":"IS1"}]`)
	state := func(n int, to string) chat.Event {
		return f.event(chat.Event{
			Key: chat.EventKey(chat.ConversationStateUpdated, to), Type: chat.ConversationStateUpdated, SID: ch1, StateTo: to, At: noon.Add(time.Duration(n) * time.Hour),
		})
	}
	f.apply(
		f.event(photo), f.text(ch1, mb1, ann, 2, "typo"), f.edit(ch1, 2, 1, "corrected"), f.text(ch1, mb1, ann, 3, "regretted"), f.removal(ch1, 3, "regretted"),
		state(1, "inactive"),
		f.event(chat.Event{Key: chat.EventKey("gone"), Type: chat.ParticipantRemoved, SID: ch1, Participant: chat.RemoteParticipant{SID: mb2}, At: noon}),
	)
	f.exec(`UPDATE events SET payload = '{"StateTo": "inactive"}' WHERE type = $1`, chat.ConversationStateUpdated)
	d, err := f.Dossier(t.Context(), id)
	must(t, err)
	want := []chat.Message{
		{SID: im(1), Index: 1, Files: []chat.File{{SID: "ME1", Service: "IS1", Name: "x-ray.jpg", Type: "image/jpeg", Size: 81920}}, At: noon.Add(time.Minute)},
		{SID: im(2), Index: 2, Body: "corrected", At: noon.Add(2 * time.Minute), Edited: true},
		{SID: im(3), Index: 3, Body: "regretted", At: noon.Add(3 * time.Minute), Removed: true},
	}
	for i := range want {
		want[i].Incoming, want[i].Author, want[i].Status = true, "customer", chat.Received
	}
	if diff := cmp.Diff(want, d.Messages[:3], cmpopts.IgnoreFields(chat.Message{}, "ID"), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	changes := []chat.Change{{Type: chat.ConversationStateUpdated, StateTo: "inactive"}, {Type: chat.ParticipantRemoved}}
	if diff := cmp.Diff(changes, d.Changes, cmpopts.IgnoreFields(chat.Change{}, "At"), cmpopts.SortSlices(func(a, b chat.Change) bool { return a.Type < b.Type })); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
