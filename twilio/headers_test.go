package twilio

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"textme/chat"
)

// claims are what a header may say of the address of a request: that it is ours,
// that it is another, or nonsense.
var claims = []struct {
	name   string
	values [][]string // of one header, or of several of the name
}{
	{"Host", [][]string{{"example.com"}, {"evil.example"}, {"10.0.0.7:8080"}, {"evil.example, example.com"}}},
	{"X-Forwarded-Proto", [][]string{{"https"}, {"http"}, {"http, https"}, {"javascript"}}},
	{"X-Forwarded-Host", [][]string{{"example.com"}, {"evil.example"}, {"evil.example", "example.com"}, {"[::1"}}},
	{"X-Forwarded-Port", [][]string{{"443"}, {"8443"}, {"80, 443"}, {"-1"}}},
	{"X-Forwarded-For", [][]string{{"203.0.113.7"}, {"127.0.0.1"}, {"127.0.0.1, 203.0.113.7"}, {"%00"}}},
	{"Forwarded", [][]string{{"host=example.com;proto=https"}, {"host=evil.example;proto=https"}, {"for=1;host=\"evil.example:8443\""}, {";;=,"}}},
	{"X-Original-Url", [][]string{{capturedTarget}, {"/elsewhere"}, {"https://evil.example" + capturedTarget}, {"//"}}},
	{"X-Rewrite-Url", [][]string{{capturedTarget}, {"/elsewhere?a=b"}, {"/elsewhere", capturedTarget}, {"\t"}}},
}

// Row S3: every combination of what proxies, or forgers, say about the address,
// with webhooks that are genuine and with such as are for another address, to
// which the headers may lie. The verdict is always that of the webhook alone.
func TestHeadersDecideNothing(t *testing.T) {
	t.Parallel()
	w := newWebhooks(t)
	body := captured
	requests := []struct {
		name, target, body, signature string
		genuine                       bool
	}{
		{"genuine", capturedTarget, body, sign(testToken, publicURL+capturedTarget, body), true},
		{"of another host", capturedTarget, body, sign(testToken, "https://evil.example"+capturedTarget, body), false},
		{"of another port", capturedTarget, body, sign(testToken, publicURL+":8443"+capturedTarget, body), false},
		{"of another scheme", capturedTarget, body, sign(testToken, "http://example.com"+capturedTarget, body), false},
		{"of the address inside", capturedTarget, body, sign(testToken, "http://10.0.0.7:8080"+capturedTarget, body), false},
		{"of another path", capturedTarget, body, sign(testToken, publicURL+"/elsewhere", body), false},
		{"posted elsewhere", "/elsewhere", body, sign(testToken, publicURL+capturedTarget, body), false},
		{"query added", capturedTarget + "?a=b", body, sign(testToken, publicURL+capturedTarget, body), false},
		{"with another token", capturedTarget, body, sign(otherToken, publicURL+capturedTarget, body), false},
		{"with another body", capturedTarget, strings.Replace(body, "hours", "house", 1), sign(testToken, publicURL+capturedTarget, body), false},
	}
	cases := 0
	for _, r := range requests {
		for set := range 1 << len(claims) {
			for first := range 2 {
				header := http.Header{"Content-Type": {formType}, "X-Twilio-Signature": {r.signature}}
				for i, c := range claims {
					if set&(1<<i) != 0 {
						header[c.name] = c.values[(first+i*(set>>i))%len(c.values)]
					}
				}
				_, err := w.Receive(r.target, header, []byte(r.body))
				if genuine := err == nil; genuine != r.genuine || err != nil && !errors.Is(err, chat.ErrForged) {
					t.Fatalf("%s, with %q: %v", r.name, header, err)
				}
				cases++
			}
		}
	}
	t.Logf("%d cases", cases)
}
