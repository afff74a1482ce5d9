package twilio

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// count is how many random cases a test tries: usual, or what the variable
// SIGNATURES says, such as 1000000 for a long run.
func count(t testing.TB, usual int) int {
	t.Helper()
	text := os.Getenv("SIGNATURES")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SIGNATURES: %v", err)
	}
	return n
}

// seeded is a source of randomness whose seed is in the log of a failed test.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("SIGNATURES_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SIGNATURES_SEED: %v", err)
		}
	}
	t.Logf("SIGNATURES_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// request is a webhook, as a verifier gets it, and in which ways it is unusual.
type request struct {
	Base, Target string
	Body         string
	Signature    string
	traits       []trait
}

// trait is a way to be unusual that a verifier may mind.
type trait string

const (
	repeatedName   trait = "a name is repeated with another value"
	addedValue     trait = "a wrong value follows under a signed name"
	semicolon      trait = "a semicolon stands in the form"
	emptyField     trait = "an empty field stands in the form"
	oddPortDropped trait = "signed without the odd port"
	ipv6           trait = "the host is an IPv6 address"
	rawURL         trait = "the URL holds characters that libraries escape"
	emptyQuery     trait = "the query is empty"
	upperHost      trait = "the host has capitals"
	portAdded      trait = "signed with the default port that the URL leaves out"
	portDropped    trait = "signed without the default port that the URL has"
	upperHash      trait = "bodySHA256 is in capitals"
)

func (r request) has(t trait) bool { return slices.Contains(r.traits, t) }

func (r request) String() string {
	return fmt.Sprintf("%s%s body %q signature %s %q", r.Base, r.Target, r.Body, r.Signature, r.traits)
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// oneIn is true that often.
func oneIn(rnd *rand.Rand, n int) bool { return rnd.IntN(n) == 0 }

// newRequest makes a webhook that Twilio might send or, as often, one that is
// wrong somewhere, signed by the tests' own signer.
func newRequest(rnd *rand.Rand, token string) (r request) {
	note := func(t trait) { r.traits = append(r.traits, t) }
	signedBase := r.base(rnd, note)
	r.Target = "/" + pick(rnd, "webhooks/twilio/conversations", "", "a%2Fb", "a%20b/", "/double//slash", "~x/@:$,", "sms.php", "a+b;c=d")
	if oneIn(rnd, 10) {
		r.Target += pick(rnd, "España", "a|b", "sp ace", `qu"ote`)
		note(rawURL)
	}
	if oneIn(rnd, 3) {
		r.Target += "?" + pick(rnd, "foo=1&bar=2", "a=%2B1&b=x%20y", "a=b+c", "a", "", "q=%F0%9F%98%80&z", "b=2&a=1", "u=https%3A%2F%2Fx.example%2F")
		if oneIn(rnd, 10) {
			r.Target += pick(rnd, "it's", "año", "<x>")
			note(rawURL)
		}
	}
	if strings.HasSuffix(r.Target, "?") {
		note(emptyQuery)
	}
	target := r.Target
	pairs := formPairs(rnd)
	for i, p := range pairs {
		if slices.ContainsFunc(pairs[:i], func(q [2]string) bool { return q[0] == p[0] && q[1] != p[1] }) && !r.has(repeatedName) {
			note(repeatedName)
		}
	}
	body := encodePairs(rnd, pairs)
	r.Body = body
	signedBody := body
	if oneIn(rnd, 2) {
		signedBody, target = r.spoil(rnd, note, pairs, target)
	}
	if strings.Contains(r.Body, ";") {
		note(semicolon)
	}
	if signedBody == "" {
		signedBody = "=" // no parameters
	}
	r.Signature = sign(pick(rnd, token, token, token, token, token, token, token, "wrong"), signedBase+target, signedBody)
	return r
}

// base chooses the public URL and returns the one that is signed. It may have a
// path, which a proxy strips before the request target that the service sees.
func (r *request) base(rnd *rand.Rand, note func(trait)) string {
	signed := r.origin(rnd, note)
	if oneIn(rnd, 6) {
		path := pick(rnd, "/behind/a/proxy", "/x", "/a%20b")
		r.Base += path
		signed += path
	}
	return signed
}

// origin chooses scheme, host and port and returns those that are signed.
func (r *request) origin(rnd *rand.Rand, note func(trait)) string {
	scheme, port := "https://", ":443"
	if oneIn(rnd, 5) {
		scheme, port = "http://", ":80"
	}
	host := pick(rnd, "example.com", "a.b.example.co.uk", "203.0.113.7", "xn--bcher-kva.example")
	switch rnd.IntN(20) {
	case 0:
		host = "[2001:db8::7]"
		note(ipv6)
	case 1:
		host = "Example.COM"
		note(upperHost)
	}
	origin := scheme + host
	switch rnd.IntN(6) {
	case 0:
		r.Base = origin + port
		return r.Base
	case 1:
		r.Base = origin + port
		note(portDropped)
		return origin
	case 2:
		r.Base = origin
		note(portAdded)
		return origin + port
	case 3:
		r.Base = origin + ":8443"
		if oneIn(rnd, 3) {
			note(oddPortDropped)
			return origin
		}
		return r.Base
	default:
		r.Base = origin
		return origin
	}
}

// formPairs are names and values as webhooks have them, or worse.
func formPairs(rnd *rand.Rand) [][2]string {
	names := []string{"AccountSid", "EventType", "Body", "Author", "Index", "MessageSid", "RetryCount", "Attributes", "DateCreated", "body", "Bodyx", "MessagingBinding.Address", "Ä"}
	values := []string{"", "onMessageAdded", "+14155552671", "{}", "0", "hello there", " padded ", "50% off & more = yes", "a\r\nb", "ñáéíóú", "😀", "日本", "x;y", "~*'()!", "%2B", "2025-09-17T22:23:11.350Z", "a+b"}
	var pairs [][2]string
	for _, name := range names {
		if oneIn(rnd, 2) {
			pairs = append(pairs, [2]string{name, pick(rnd, values...)})
		}
	}
	if len(pairs) > 0 && oneIn(rnd, 8) {
		pairs = append(pairs, [2]string{pick(rnd, pairs...)[0], pick(rnd, values...)})
	}
	rnd.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	return pairs
}

// encodePairs writes a form in one of the ways there are.
func encodePairs(rnd *rand.Rand, pairs [][2]string) string {
	fields := make([]string, len(pairs))
	for i, p := range pairs {
		name, value := url.QueryEscape(p[0]), url.QueryEscape(p[1])
		switch rnd.IntN(4) {
		case 0:
			value = strings.ReplaceAll(value, "+", "%20")
		case 1:
			value = lowerEscapes(value)
		case 2:
			value = strings.ReplaceAll(value, "%3B", ";")
		}
		fields[i] = name + "=" + value
	}
	return strings.Join(fields, "&")
}

// spoil makes the request differ from what is signed, and returns what is.
func (r *request) spoil(rnd *rand.Rand, note func(trait), pairs [][2]string, target string) (signedBody, signedTarget string) {
	signedBody = r.Body
	switch rnd.IntN(8) {
	case 0: // a value changed
		if len(pairs) > 0 {
			changed := slices.Clone(pairs)
			which := rnd.IntN(len(changed))
			for i, p := range pairs { // of a repeated name, the later one
				if slices.ContainsFunc(pairs[:i], func(q [2]string) bool { return q[0] == p[0] }) {
					which = i
					note(addedValue)
				}
			}
			changed[which][1] += "!"
			r.Body = encodePairs(rnd, changed)
		}
	case 1: // a value more under a known name
		if len(pairs) > 0 {
			r.Body += "&" + url.QueryEscape(pick(rnd, pairs...)[0]) + "=STOP"
			note(addedValue)
		}
	case 2:
		r.Body += pick(rnd, "&New=1", "&New=", "&New")
		r.Body = strings.TrimPrefix(r.Body, "&")
	case 3:
		if len(pairs) > 1 {
			r.Body = encodePairs(rnd, pairs[1:])
		}
	case 4:
		target += pick(rnd, "/", "x", "%2F")
	case 5:
		if r.Body != "" {
			r.Body += "&"
			note(emptyField)
		}
	case 6:
		r.Body += pick(rnd, "%", "%4", "%zz")
	case 7:
		target = strings.ToUpper(target) + "Y"
	}
	return signedBody, target
}

// newHashed makes a webhook whose body is no form, or one that is wrong.
func newHashed(rnd *rand.Rand) (r request) {
	r.Base = pick(rnd, "https://example.com", "https://example.com:8443")
	r.Body = pick(rnd, "{}", `{"a":"b"}`, "", "[1]", "a=b", `{"text":"ñ 😀"}`)
	hash := hashOf(r.Body)
	if oneIn(rnd, 10) {
		hash = strings.ToUpper(hash)
		r.traits = append(r.traits, upperHash)
	}
	r.Target = "/hook?" + pick(rnd, "", "a=b&") + "bodySHA256=" + hash + pick(rnd, "", "&z=1")
	r.Signature = signURL(pick(rnd, testToken, testToken, testToken, "wrong"), r.Base+r.Target)
	switch rnd.IntN(8) {
	case 0:
		r.Body += " "
	case 1:
		r.Target += "x"
	case 2:
		r.Target = strings.Replace(r.Target, hash, hash[:63], 1)
	}
	return r
}
