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
