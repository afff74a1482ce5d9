package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
)

// How long a conversation waits whose poll failed: as long as a dead replica's would
// at first, and twice as long each time, up to an hour, or to its usual time if that is
// longer. Something may be wrong with it alone, and hundreds of its kind must not take
// every turn.
const (
	longestPollWait = time.Hour
	mostFailedPolls = 10_000 // are remembered
	// mostRests is how often in a row one may have to be left for a while, when others
	// need not, before it is itself alone: Twilio may be busy with everybody.
	mostRests = 3
)

// failedPolls counts for each conversation how often in a row this replica has polled
// it in vain, while others could be. In an outage none can: nobody's next poll is to be
// late for it. That it forgets at a restart only means to ask sooner.
type failedPolls struct {
	mu     sync.Mutex
	own    map[uuid.UUID]int      // before the latest poll that went well, of any conversation
	latest map[uuid.UUID]struct{} // who failed since then, however often
}

// again counts one more failure and returns how many there are, this one included, that
// are the conversation's own.
func (f *failedPolls) again(conversation uuid.UUID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.own == nil || len(f.own)+len(f.latest) >= mostFailedPolls {
		f.own, f.latest = map[uuid.UUID]int{}, map[uuid.UUID]struct{}{}
	}
	f.latest[conversation] = struct{}{}
	return f.own[conversation] + 1
}

// wentWell forgets the failures of a conversation; what others met was their own.
func (f *failedPolls) wentWell(conversation uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other := range f.latest {
		f.own[other]++
	}
	clear(f.latest)
	delete(f.own, conversation)
}

// pollWait is how long one waits that was polled in vain so many times in a row; usual
// is how long it would else.
func (s *Service) pollWait(times int, usual time.Duration) time.Duration {
	wait, longest := min(pollHold, s.opts.ReconcileEvery), max(longestPollWait, usual)
	for ; times > 1 && wait < longest; times-- {
		wait *= 2
	}
	return min(wait, longest)
}

// pollAgain ends a poll that failed because of cause; what was found before that
// counts. It returns an error if nobody is to call now. Then this one was not even
// asked about, which counts for nothing.
func (s *Service) pollAgain(ctx context.Context, done PollDone, cause error) error {
	var te *TwilioError
	waits := errors.As(cause, &te) && te.RetryAfter > 0
	times := 1
	if !waits || !te.heldBack() {
		times = s.failedPolls.again(done.ConversationID)
	}
	done.Owed = times == 1 || waits && times <= mostRests
	done.LetOff = !done.Owed
	switch next := s.pollWait(times, done.Next); {
	case waits && times == 1:
		done.Next = te.RetryAfter
	case waits:
		done.Next = max(next, te.RetryAfter)
	default:
		done.Next = next
	}
	done.Next = jittered(done.Next)
	done.IfActive = done.Next
	s.log.WarnContext(ctx, "poll failed", "conversation_id", done.ConversationID, "again_after", done.Next, "err", cause)
	if err := s.store.FinishPoll(ctx, done); err != nil || !waits || te.Alone {
		return err
	}
	return te.putOff()
}
