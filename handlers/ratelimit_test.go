package handlers

import (
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func prefixes(t *testing.T, s string) []netip.Prefix {
	t.Helper()
	if s == "" {
		return nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		t.Fatal(err)
	}
	return []netip.Prefix{p}
}

func TestDoorsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target  string
		options []option
		ok      int
	}{
		"sign-up":   {"/signup/form", nil, 202},
		"form hook": {"/hooks/forms/tokened/" + canaryToken, nil, 202},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(c *Config) {
				c.SignupRate = Rate{Burst: 3, Every: time.Minute}
				c.HookRate = c.SignupRate
			})
			send := func(remote string) int {
				return s.send(tt.target, jsonType, `{"phone":"2015550123","consent":true}`, from(remote)).Code
			}
			for range 3 {
				if got := send(stranger); got != tt.ok {
					t.Fatalf("within the burst: %d", got)
				}
			}
			w := s.send(tt.target, jsonType, "", from(stranger))
			wantStatus(t, w, http.StatusTooManyRequests)
			if got := w.Header().Get("Retry-After"); got != "60" {
				t.Errorf("Retry-After is %q, want 60", got)
			}
			if got := send("203.0.113.8:1"); got != tt.ok {
				t.Errorf("another address: %d", got)
			}
			if got := s.send(tt.target, jsonType, `{}`, from(stranger), header("X-Forwarded-For", "6.6.6.6")).Code; got != http.StatusTooManyRequests {
				t.Errorf("with a made-up address: %d", got)
			}
			s.clock.advance(time.Minute)
			if got := send(stranger); got != tt.ok {
				t.Errorf("a minute later: %d", got)
			}
			for range 10 {
				if got := send("127.0.0.1:9"); got != tt.ok {
					t.Fatalf("loopback: %d", got)
				}
			}
		})
	}
}

func TestNoRateIsNoLimit(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 50 {
		wantStatus(t, s.send("/signup/form", jsonType, `{"phone":"2015550123","consent":true}`), http.StatusAccepted)
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		addr    netip.Addr
		want    string
		counted bool
	}{
		"IPv4":          {netip.MustParseAddr("203.0.113.7"), "203.0.113.7/32", true},
		"IPv6":          {netip.MustParseAddr("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64", true},
		"loopback":      {netip.MustParseAddr("127.8.8.8"), "", false},
		"IPv6 loopback": {netip.MustParseAddr("::1"), "", false},
		"none":          {netip.Addr{}, "", false},
	}
	for name, tt := range tests {
		got, counted := networkOf(tt.addr)
		if counted != tt.counted || counted && got.String() != tt.want {
			t.Errorf("%s: %s, %t, want %s, %t", name, got, counted, tt.want, tt.counted)
		}
	}
}

func TestLimitForgetsAddressesBeforeMemoryFills(t *testing.T) {
	t.Parallel()
	l := newAddressLimit(Rate{Burst: 1, Every: time.Hour}, func() time.Time { return start })
	addr := netip.MustParseAddr("10.0.0.0")
	for range maxAddresses + 1000 {
		l.take(addr)
		addr = addr.Next()
	}
	if got := len(l.buckets.entries); got != maxAddresses {
		t.Errorf("%d addresses kept, want %d", got, maxAddresses)
	}
}
