package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// A text that turns out to have left while it was about to be sent again is
// not sent again, whenever that is told.
func TestBeginSendOfOneThatHasLeft(t *testing.T) {
	t.Parallel()
	for name, during := range map[string]bool{"before the gate": false, "while the gate is asked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ctx := t.Context()
			id := f.live(ann, ch1, mb1)
			welcome := one[uuid.UUID](f, `SELECT id FROM messages`)
			left := func() {
				f.apply(chat.PolledMessage(ch1, chat.RemoteMessage{SID: im(0), Index: 0, OurID: welcome, Author: "bot", Body: "Welcome", At: noon}))
			}
			if !during {
				left()
			}
			v, err := f.BeginSend(ctx, f.lease(id), welcome, func(chat.GateFacts) chat.Verdict {
				if during {
					left()
				}
				return chat.Verdict{}
			})
			must(t, err)
			if v.Goes() {
				t.Error("it goes a second time")
			}
			if got := one[string](f, `SELECT status FROM messages`); got != string(chat.Accepted) {
				t.Errorf("the message is %s, want accepted", got)
			}
		})
	}
}

// A START that comes while the call is under way that Twilio refuses, because the
// person had said STOP, is the later.
func TestStartDuringARefusedCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	lease := f.lease(id)
	f.posting(lease)
	f.exec(`UPDATE messages SET sending_at = now() - interval '3 seconds'`)
	f.apply(f.ago(1500*time.Millisecond, 0, "START"))
	must(t, f.RefuseSend(t.Context(), lease, f.welcomeOf(id), 21610, "the person has said STOP"))
	if one[bool](f, optedOut) {
		t.Error("opted out by a call that began before the START")
	}
}

// The first post had no answer, but had left; the second is refused since the person
// has said STOP. That counts, though a webhook has told of the first meanwhile.
func TestRefusedAfterItsTwinIsTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	lease, welcome := f.lease(id), f.welcomeOf(id)
	f.posting(lease)
	must(t, f.Requeue(t.Context(), lease, welcome, true))
	f.posting(lease)
	f.apply(chat.PolledMessage(ch1, chat.RemoteMessage{SID: im(0), OurID: welcome, Author: "bot", Body: "Welcome", At: time.Now()}))
	must(t, f.RefuseSend(t.Context(), lease, welcome, 21610, "the person has said STOP"))
	if !one[bool](f, optedOut) {
		t.Error("nobody heard the STOP")
	}
	if got := one[string](f, `SELECT status FROM messages WHERE id = $1`, welcome); got != "accepted" {
		t.Errorf("the text that arrived is %s", got)
	}
}

// The looks for a text count from when its post was over, not from when it was allowed:
// the database may have taken its time in between.
func TestLooksCountFromTheEndOfAPost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	conversation := f.live(ann, ch1, mb1)
	sent := f.posted(conversation)
	const ago = `SELECT now() - sending_at > interval '1 minute' FROM messages WHERE purpose = 'welcome'`
	f.exec(`UPDATE messages SET sending_at = now() - interval '1 hour'`)
	f.exec(`UPDATE conversations SET lease_until = now()`)
	lease := f.lease(conversation)
	must(t, f.Unanswered(ctx, lease, sent.OurID))
	if one[bool](f, ago) {
		t.Error("the post that is over counts as long ago")
	}
	_, err := f.RecordSent(ctx, ch1, sent)
	must(t, err)
	f.exec(`UPDATE messages SET sending_at = now() - interval '1 hour'`)
	must(t, f.Unanswered(ctx, lease, sent.OurID))
	if !one[bool](f, ago) {
		t.Error("a text that has been found counts as posted again")
	}
}
