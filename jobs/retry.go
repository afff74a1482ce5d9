package jobs

import (
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river/rivertype"

	"textme/chat"
)

// Retries back off exponentially with full jitter
// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
// from firstDelay to longestDelay, half as long again after every failure:
// somebody is waiting, and when every other attempt goes wrong doubling would
// keep the unluckiest of a thousand for minutes. maxAttempts of them last two
// days on average, so that a night's outage at Twilio loses nobody.
const (
	firstDelay   = 2 * time.Second
	longestDelay = chat.LongestRetry
	maxAttempts  = 100
)

// retry implements river.ClientRetryPolicy.
type retry struct {
	now func() time.Time
}

// NextRetry is when the job runs again after its latest failure: at least a
// second from now.
func (r retry) NextRetry(job *rivertype.JobRow) time.Time {
	return r.now().Add(delay(len(job.Errors), rand.Int64N))
}

// delay is the wait before the attempt that follows failures earlier ones.
func delay(failures int, random func(int64) int64) time.Duration {
	ceiling := firstDelay
	for ; failures > 0 && ceiling < longestDelay; failures-- {
		ceiling = min(longestDelay, ceiling*3/2)
	}
	return max(time.Second, time.Duration(random(int64(ceiling))))
}
