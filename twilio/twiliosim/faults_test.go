package twiliosim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"textme/twilio/twiliosim"
)

// answer is what a caller sees of one call, without an SDK in between.
type answer struct {
	status int    // 0: none
	wait   string // Retry-After
	body   string
	err    error
}

// post makes one call by hand; it gives up after patience.
func (s *sim) post(path string, form url.Values, patience time.Duration) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth(accountSID, authToken)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, wait: res.Header.Get("Retry-After"), body: string(body), err: err}
}

func (s *sim) script(f twiliosim.Faults) {
	s.t.Helper()
	if err := s.SetFaults(f); err != nil {
		s.t.Fatal(err)
	}
}

// Every kind of fault in a call: what the caller sees, and whether the
// conversation is there afterwards.
func TestCallFaults(t *testing.T) {
	t.Parallel()
	const patience = 10 * time.Second
	const json429 = `"status":429`
	tests := []struct {
		fault     twiliosim.Fault
		patience  time.Duration
		status    int
		wait      string
		has       string
		broken    bool // no answer, or only part of one
		committed bool
	}{
		{fault: twiliosim.Fault{Kind: twiliosim.Busy}, status: 429, has: `"code":20429`},
		{fault: twiliosim.Fault{Kind: twiliosim.Busy, RetryAfter: 29500 * time.Millisecond}, status: 429, has: json429, wait: "30"},
		{fault: twiliosim.Fault{Kind: twiliosim.BusyBare}, status: 429},
		{fault: twiliosim.Fault{Kind: twiliosim.BusyBare, RetryAfter: time.Second}, status: 429, wait: "1"},
		{fault: twiliosim.Fault{Kind: twiliosim.BusyService}, status: 429, has: `"code":50063`},
		{fault: twiliosim.Fault{Kind: twiliosim.BusyGlobal}, status: 429, has: `"code":50074`},
		{fault: twiliosim.Fault{Kind: twiliosim.ServerError}, status: 500, has: `"code":20500`},
		{fault: twiliosim.Fault{Kind: twiliosim.BadGateway}, status: 502, has: "<html>"},
		{fault: twiliosim.Fault{Kind: twiliosim.Unavailable}, status: 503},
		{fault: twiliosim.Fault{Kind: twiliosim.Unavailable, RetryAfter: 2 * time.Second}, status: 503, wait: "2"},
		{fault: twiliosim.Fault{Kind: twiliosim.LargeError}, status: 500, has: strings.Repeat("x", 1<<20)},
		{fault: twiliosim.Fault{Kind: twiliosim.LargeError, Size: 1 << 16}, status: 500, has: strings.Repeat("x", 1<<16) + `"`},
		{fault: twiliosim.Fault{Kind: twiliosim.NullAnswer}, status: 200, has: "null"},
		{fault: twiliosim.Fault{Kind: twiliosim.EmptyAnswer}, status: 200, has: "{}"},
		{fault: twiliosim.Fault{Kind: twiliosim.Reset}, broken: true},
		{fault: twiliosim.Fault{Kind: twiliosim.Hang}, patience: 50 * time.Millisecond, broken: true},
		{fault: twiliosim.Fault{Kind: twiliosim.Hang, Hang: time.Millisecond}, broken: true},
		{fault: twiliosim.Fault{Kind: twiliosim.ConversationConflict}, status: 409, has: `"code":50391`},
		{fault: twiliosim.Fault{Kind: twiliosim.MemberConflict}, status: 409, has: `"code":50419`},
		{fault: twiliosim.Fault{Kind: twiliosim.PairOfDeleted}, status: 409, has: "already exists in Conversation CH"},
		{fault: twiliosim.Fault{Kind: twiliosim.PairUnnamed}, status: 409, has: "is already in use"},
		{fault: twiliosim.Fault{Kind: twiliosim.Refusal, Code: 21606}, status: 400, has: `"code":21606`},
		{fault: twiliosim.Fault{Kind: twiliosim.Refusal, Code: 20003}, status: 401, has: `"code":20003`},
		{fault: twiliosim.Fault{Kind: twiliosim.LostAnswer}, broken: true, committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.CutAnswer}, status: 201, has: `{"account_sid"`, broken: true, committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.LateError}, status: 500, has: `"code":20500`, committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.LateGateway}, status: 502, has: "<html>", committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.LateNull}, status: 200, has: "null", committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.LateEmpty}, status: 200, has: "{}", committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.SlowAnswer}, patience: 50 * time.Millisecond, broken: true, committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.SlowAnswer, Hang: time.Millisecond}, status: 201, has: `"unique_name":"struck"`, committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.LateCommit}, patience: 50 * time.Millisecond, broken: true, committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.LateCommit, Delay: time.Millisecond}, patience: 50 * time.Millisecond, broken: true, committed: true},
		{fault: twiliosim.Fault{Kind: twiliosim.LateCommit, Hang: time.Millisecond}, status: 201, has: `"unique_name":"struck"`, committed: true},
	}
	for _, tt := range tests {
		name := tt.fault.String()
		if tt.fault.RetryAfter > 0 {
			name += " with Retry-After"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, func(o *twiliosim.Options) { o.Now, o.Ledger = time.Now, true })
			s.script(twiliosim.Faults{Calls: []twiliosim.Rule{{
				On: []string{twiliosim.RouteCreateConversation}, Limit: 1, Faults: []twiliosim.Fault{tt.fault},
			}}})
			if tt.patience == 0 {
				tt.patience = patience
			}
			got := s.post("/v1/Conversations", url.Values{"UniqueName": {"struck"}}, tt.patience)
			if got.status != tt.status || got.wait != tt.wait || !strings.Contains(got.body, tt.has) || (got.err != nil) != tt.broken {
				t.Errorf("got status %d, Retry-After %q, error %v, body %.200q", got.status, got.wait, got.err, got.body)
			}
			if tt.broken && tt.patience < patience != errors.Is(got.err, context.DeadlineExceeded) {
				t.Errorf("ended by %v", got.err)
			}
			if tt.committed {
				s.until(func() bool { _, made := s.Conversation("struck"); return made })
			}
			s.settle()
			if _, made := s.Conversation("struck"); made != tt.committed {
				t.Errorf("conversation made: %v, want %v", made, tt.committed)
			}
			if n := s.FaultCounts()[tt.fault.String()]; n != 1 {
				t.Errorf("counted %d times: %v", n, s.FaultCounts())
			}
			// Limit: 1, so the same again goes well, but for the name.
			if again := s.post("/v1/Conversations", url.Values{"UniqueName": {"struck"}}, patience); (again.status == 201) == tt.committed {
				t.Errorf("again: %+v", again)
			}
			// A caller that gave up may be gone before its call has ended.
			s.until(func() bool { return len(facts[twiliosim.APICall](s)) == 2 })
			calls := facts[twiliosim.APICall](s) // as they ended
			slices.SortFunc(calls, func(a, b twiliosim.APICall) int { return a.Started.Compare(b.Started) })
			if len(calls) != 2 || calls[0].Fault != tt.fault.String() || calls[0].Conversation != "struck" || calls[1].Fault != "" {
				t.Errorf("ledger has calls %+v", calls)
			}
		})
	}
}

// until waits for something to come true.
func (s *sim) until(cond func() bool) {
	s.t.Helper()
	if err := s.Until(within(s.t), cond); err != nil {
		s.t.Fatal(err)
	}
}

// facts are the facts of one type in the ledger.
func facts[F twiliosim.Fact](s *sim) []F {
	var out []F
	for _, e := range s.Ledger() {
		if f, ok := e.Fact.(F); ok {
			out = append(out, f)
		}
	}
	return out
}
