package twilio

import (
	"strings"
	"testing"
)

// signedOf is what Twilio signs of the address in its settings: neither what
// overrides its connection, behind a "#", nor credentials
// (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
func signedOf(registered string) string {
	address, _, _ := strings.Cut(registered, "#")
	if scheme, rest, found := strings.Cut(address, "://"); found {
		if _, host, credentials := strings.Cut(rest, "@"); credentials {
			return scheme + "://" + host
		}
	}
	return address
}

// Row S1: whatever the address in Twilio's settings and whatever a proxy makes of
// it, a genuine webhook is accepted, and one of its neighbour's address is not.
func TestGenuineWebhooksAreAccepted(t *testing.T) {
	t.Parallel()
	const overrides = "#rc=5&rp=4xx,5xx&ct=2000&rt=4000"
	tests := map[string]struct {
		public     string // as textme is configured
		registered string // as Twilio is
		target     string // as textme sees it
	}{
		"direct":                      {"https://example.com", "https://example.com/hook", "/hook"},
		"through a proxy that strips": {"https://example.com/behind/a/proxy", "https://example.com/behind/a/proxy/hook", "/hook"},
		"the same, with a slash":      {"https://example.com/behind/", "https://example.com/behind/hook", "/hook"},
		"the same, escaped":           {"https://example.com/a%2Fb", "https://example.com/a%2Fb/hook", "/hook"},
		"the same, at an odd port":    {"https://example.com:8443/text", "https://example.com:8443/text/hook", "/hook"},
		"an odd port":                 {"https://example.com:8443", "https://example.com:8443/hook", "/hook"},
		"the default port":            {"https://example.com", "https://example.com:443/hook", "/hook"},
		"the default port, only here": {"https://example.com:443", "https://example.com/hook", "/hook"},
		"IPv6":                        {"https://[2001:db8::7]", "https://[2001:db8::7]/hook", "/hook"},
		"IPv6, the default port":      {"https://[2001:db8::7]", "https://[2001:db8::7]:443/hook", "/hook"},
		"IPv6, an odd port":           {"https://[2001:db8::7]:8443", "https://[2001:db8::7]:8443/hook", "/hook"},
		"IPv6, a proxy that strips":   {"https://[2001:db8::7]/text", "https://[2001:db8::7]/text/hook", "/hook"},
		"loopback":                    {"http://[::1]:8080", "http://[::1]:8080/hook", "/hook"},
		"overrides":                   {"https://example.com", "https://example.com/hook" + overrides, "/hook"},
		"overrides, an odd port":      {"https://example.com:8443", "https://example.com:8443/hook" + overrides, "/hook"},
		"overrides, IPv6":             {"https://[2001:db8::7]", "https://[2001:db8::7]/hook" + overrides, "/hook"},
		"overrides, a proxy":          {"https://example.com/text", "https://example.com/text/hook" + overrides, "/hook"},
		"overrides, a query":          {"https://example.com", "https://example.com/hook?a=%2B&b=c+d" + overrides, "/hook?a=%2B&b=c+d"},
		"credentials":                 {"https://example.com", "https://user:pass@example.com/hook" + overrides, "/hook"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rnd := seeded(t)
			v, err := NewVerifier(tt.public, testToken)
			if err != nil {
				t.Fatal(err)
			}
			for range count(t, 2_000) {
				body := encodePairs(rnd, formPairs(rnd))
				signed := body
				if signed == "" {
					signed = "=" // no parameters
				}
				signature := sign(testToken, signedOf(tt.registered), signed)
				if err := v.Verify(tt.target, []byte(body), formType, []string{signature}); err != nil {
					t.Fatalf("%q: %v", body, err)
				}
				if v.Verify("/behind"+tt.target, []byte(body), formType, []string{signature}) == nil ||
					v.Verify(tt.target+"/", []byte(body), formType, []string{signature}) == nil {
					t.Fatalf("%q: accepted at another path", body)
				}
			}
		})
	}
}
