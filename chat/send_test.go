package chat

import (
	"testing"
	"time"
)

// Whatever a service's timing, a text of unknown outcome is posted again soon,
// then less and less often, and given up after a day at the earliest.
func TestPostsAgainForADay(t *testing.T) {
	t.Parallel()
	for _, timing := range []Timing{TimingFor(DefaultRescue), TimingFor(3 * time.Minute)} {
		var all, before time.Duration
		for posts := 1; posts <= mostAttempts; posts++ {
			wait := timing.lastLook(posts)
			if wait < before || wait > longestRepost {
				t.Errorf("after post %d it waits %v, before %v", posts, wait, before)
			}
			all, before = all+wait, wait
		}
		if first := timing.lastLook(1); first != timing.Look+2*timing.Call {
			t.Errorf("the first wait is %v", first)
		}
		if all < 24*time.Hour {
			t.Errorf("it is given up after %v", all)
		}
	}
}

// What went past a text in vain waits for it, an answer of the bot's not longer than it
// is one; and may go past again once that has been posted again.
func TestGoesPastOncePerPost(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ahead := overtaken{posted: now.Add(-time.Minute), due: now.Add(20 * time.Minute)}
	for name, tt := range map[string]struct {
		ahead overtaken
		m     Outgoing
		waits bool
	}{
		"nothing ahead":         {overtaken{}, Outgoing{Purpose: AgentReply, SendingAt: now}, false},
		"posted since":          {ahead, Outgoing{Purpose: AgentReply, SendingAt: now}, true},
		"posted before":         {ahead, Outgoing{Purpose: AgentReply, SendingAt: now.Add(-2 * time.Minute)}, false},
		"an answer, due sooner": {overtaken{ahead.posted, now.Add(14 * time.Minute)}, Outgoing{Purpose: BotReply, SendingAt: now, CreatedAt: now}, true},
		"an answer, due later":  {ahead, Outgoing{Purpose: BotReply, SendingAt: now, CreatedAt: now}, false},
	} {
		if got := tt.ahead.first(tt.m); got != tt.waits {
			t.Errorf("%s: it waits = %v", name, got)
		}
	}
}
