package twiliosim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"textme/twilio/twiliosim"
)

// BenchmarkSignUp is what a sign-up costs the simulator: a look-up, a
// conversation, a participant and a text, without a network in between.
func BenchmarkSignUp(b *testing.B) {
	benchmarkSignUp(b, func(*twiliosim.Options) {})
}

// BenchmarkSignUpLedger is the same with every change and call kept, and a
// script whose rules never strike.
func BenchmarkSignUpLedger(b *testing.B) {
	benchmarkSignUp(b, func(o *twiliosim.Options) {
		o.Ledger = true
		o.Faults = twiliosim.Faults{Calls: []twiliosim.Rule{{Chance: 1e-12, Faults: []twiliosim.Fault{{Kind: twiliosim.Busy}}}}}
	})
}

// BenchmarkOracle sums up the ledger of ten thousand sign-ups, some 100,000
// entries.
func BenchmarkOracle(b *testing.B) {
	s, err := twiliosim.New(twiliosim.Options{
		AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}, MessagingServiceSID: messaging, Seed: 1, Ledger: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { closeBench(b, s) })
	for n := range 10_000 {
		benchSignUp(s, n)
	}
	entries := len(s.Ledger())
	b.ReportAllocs()
	for b.Loop() {
		if got := len(s.Oracle().Pairs); got != 10_000 {
			b.Fatalf("%d pairs, want 10,000", got)
		}
	}
	b.ReportMetric(float64(entries), "entries")
}

func benchmarkSignUp(b *testing.B, change func(*twiliosim.Options)) {
	opts := twiliosim.Options{
		AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}, MessagingServiceSID: messaging, Seed: 1,
	}
	change(&opts)
	s, err := twiliosim.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { closeBench(b, s) })
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		benchSignUp(s, n)
	}
	if got := len(s.Handset(benchPhone(n)).Inbox()); got != 1 {
		b.Fatalf("the last phone has %d texts, want 1", got)
	}
	b.ReportMetric(float64(4*n)/b.Elapsed().Seconds(), "calls/s")
}

func closeBench(b *testing.B, s *twiliosim.Server) {
	if err := s.Close(context.WithoutCancel(b.Context())); err != nil {
		b.Errorf("close: %v", err)
	}
}

func benchPhone(n int) string { return fmt.Sprintf("+1555%07d", n) }

// benchSignUp makes the four calls of the nth sign-up.
func benchSignUp(s *twiliosim.Server, n int) {
	call := func(method, path string, form url.Values) {
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.SetBasicAuth(accountSID, authToken)
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	name := fmt.Sprintf("textme-%d", n)
	call(http.MethodGet, "/v1/ParticipantConversations?Address="+url.QueryEscape(benchPhone(n)), nil)
	call(http.MethodPost, "/v1/Conversations", url.Values{"UniqueName": {name}})
	call(http.MethodPost, "/v1/Conversations/"+name+"/Participants", url.Values{
		"MessagingBinding.Address": {benchPhone(n)}, "MessagingBinding.ProxyAddress": {sender},
	})
	call(http.MethodPost, "/v1/Conversations/"+name+"/Messages", url.Values{"Body": {"Welcome!"}, "Attributes": {`{"id":1}`}})
}
