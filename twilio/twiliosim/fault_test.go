package twiliosim_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"textme/twilio/twiliosim"
)

// Options.Fault can answer in the simulator's stead, or lose an answer after
// the call was carried out.
func TestFaultSeam(t *testing.T) {
	t.Parallel()
	var fault atomic.Value // string
	fault.Store("")
	s := newSim(t, func(o *twiliosim.Options) {
		o.Fault = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch fault.Load() {
				case "busy":
					w.WriteHeader(http.StatusTooManyRequests)
					_, _ = w.Write([]byte(`{"code":20429,"message":"Too Many Requests","status":429}`))
				case "lost":
					next.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				default:
					next.ServeHTTP(w, r)
				}
			})
		}
	})
	ch := s.conversation("faults")
	s.join(ch, phone, sender)
	for _, tt := range []struct {
		fault    string
		code     int
		messages int
	}{
		{"busy", 20429, 0},
		{"lost", 0, 1},
	} {
		fault.Store(tt.fault)
		err := s.sayErr(ch, tt.fault)
		if err == nil || codeOf(err) != tt.code {
			t.Errorf("%s: got %v, want an error with code %d", tt.fault, err, tt.code)
		}
		if n := len(s.Messages(ch)); n != tt.messages {
			t.Errorf("%s: %d messages, want %d", tt.fault, n, tt.messages)
		}
	}
	s.settle()
	if got := strings.Join(bodies(s.Handset(phone).Inbox()), " "); got != "lost" {
		t.Errorf("handset shows %q, want the text whose answer was lost", got)
	}
	if n := s.Calls()["POST /v1/Conversations/{ConversationSid}/Messages"]; n != 2 {
		t.Errorf("%d message calls counted, want 2", n)
	}
}

// However many add a pair at once, one wins and the rest are told by whom.
func TestPairRuleUnderContention(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	const racers = 20
	var chs [racers]string
	for i := range racers {
		chs[i] = s.conversation("racer-" + string(rune('a'+i)))
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for _, ch := range chs {
		all.Go(func() {
			_, err := s.api.CreateConversationParticipant(ch, binding(phone, sender))
			switch {
			case err == nil:
				won.Add(1)
			case codeOf(err) != 50416:
				t.Errorf("got %v, want 50416", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d adds of one pair succeeded, want 1", won.Load())
	}
}

// The same seed gives the same account; no seed gives another one every time.
func TestSeed(t *testing.T) {
	t.Parallel()
	service := func(seed uint64) string {
		s := newSim(t, func(o *twiliosim.Options) { o.Seed = seed })
		return s.ServiceSID()
	}
	if a, b := service(7), service(7); a != b {
		t.Errorf("seed 7 gave %s and %s", a, b)
	}
	if a, b := service(0), service(0); a == b {
		t.Errorf("no seed gave %s twice", a)
	}
}

func TestIndexStep(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) { o.IndexStep = 3 })
	ch := s.conversation("gaps")
	s.say(ch, "a")
	s.say(ch, "b")
	if m := s.Messages(ch); m[0].Index != 0 || m[1].Index != 3 {
		t.Errorf("indexes %d and %d, want 0 and 3", m[0].Index, m[1].Index)
	}
}
