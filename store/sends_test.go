package store_test

import (
	"testing"

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
