package twilio

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// genuine is a webhook that passes, in all that a forger may change.
type genuine struct {
	target      string
	pairs       [][2]string
	body        string // encoded pairs, unless a forgery changes it
	contentType string
	signatures  []string
}

func newGenuine(rnd *rand.Rand) genuine {
	g := genuine{target: capturedTarget, contentType: formType}
	form, _ := url.ParseQuery(captured)
	form.Set("Body", pick(rnd, "hello there", "What are your hours?", "a+b & c=d %41", "ñ 😀", "", "STOP"))
	form.Set("Index", fmt.Sprint(rnd.IntN(1000)))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		g.pairs = append(g.pairs, [2]string{name, form.Get(name)})
	}
	g.body = encodePairs(rnd, g.pairs)
	g.signatures = []string{sign(testToken, publicURL+g.target, g.body)}
	return g
}

// flip changes one bit.
func flipBit(rnd *rand.Rand, s string) string {
	b := []byte(s)
	if len(b) > 0 {
		b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
	}
	return string(b)
}

// with returns the form with other pairs.
func (g genuine) with(rnd *rand.Rand, change func([][2]string) [][2]string) genuine {
	g.body = encodePairs(rnd, change(slices.Clone(g.pairs)))
	return g
}

func (g genuine) signed(signatures ...string) genuine {
	g.signatures = signatures
	return g
}

// forgeries are what may be done to a genuine webhook by somebody without the
// token. Each changes what is signed, or the signature.
var forgeries = map[string]func(*rand.Rand, genuine) genuine{
	"bit of the body": func(rnd *rand.Rand, g genuine) genuine {
		g.body = flipBit(rnd, g.body)
		return g
	},
	"bit of the target": func(rnd *rand.Rand, g genuine) genuine {
		g.target = flipBit(rnd, g.target)
		return g
	},
	"bit of the signature": func(rnd *rand.Rand, g genuine) genuine {
		return g.signed(base64.StdEncoding.EncodeToString([]byte(flipBit(rnd, string(decode(g.signatures[0]))))))
	},
	"character of the signature": func(rnd *rand.Rand, g genuine) genuine { return g.signed(flipBit(rnd, g.signatures[0])) },
	"body cut": func(rnd *rand.Rand, g genuine) genuine {
		g.body = g.body[:rnd.IntN(len(g.body))]
		return g
	},
	"target cut": func(rnd *rand.Rand, g genuine) genuine {
		g.target = g.target[:rnd.IntN(len(g.target))]
		return g
	},
	"signature cut": func(rnd *rand.Rand, g genuine) genuine { return g.signed(g.signatures[0][:rnd.IntN(28)]) },
	"other token": func(_ *rand.Rand, g genuine) genuine {
		return g.signed(sign(otherToken, publicURL+g.target, g.body))
	},
	"empty token": func(_ *rand.Rand, g genuine) genuine { return g.signed(sign("", publicURL+g.target, g.body)) },
	"other URL": func(rnd *rand.Rand, g genuine) genuine {
		return g.signed(sign(testToken, pick(rnd, "http://example.com", "https://example.com:8443", "https://example.org", "https://example.com.")+g.target, g.body))
	},
	"other path": func(rnd *rand.Rand, g genuine) genuine {
		g.target = pick(rnd, "/webhooks/twilio/messages", "/admin", g.target+"/", "/"+g.target, g.target+"?", g.target+"?a=b", g.target+"#")
		return g
	},
	"as if by GET": func(_ *rand.Rand, g genuine) genuine {
		g.target, g.body = g.target+"?"+g.body, ""
		return g
	},
	"appended name": func(rnd *rand.Rand, g genuine) genuine {
		g.body += pick(rnd, "&Admin=1", "&X=", "&Zz", "&%00=1")
		return g
	},
	"appended value without a name": func(_ *rand.Rand, g genuine) genuine {
		g.body += "&=STOP"
		return g
	},
	"line end after the body": func(rnd *rand.Rand, g genuine) genuine {
		g.body += pick(rnd, "\n", "\r\n", "%00")
		return g
	},
	"appended value of a name": func(rnd *rand.Rand, g genuine) genuine {
		g.body += "&" + pick(rnd, "Body", "AccountSid", "EventType", "Author") + "=" + pick(rnd, "STOP", "", "0", "onConversationRemoved")
		return g
	},
	"prepended value of a name": func(rnd *rand.Rand, g genuine) genuine {
		g.body = pick(rnd, "Body", "AccountSid", "EventType", "Author") + "=" + pick(rnd, "STOP", "0", "x") + "&" + g.body
		return g
	},
	"removed name": func(rnd *rand.Rand, g genuine) genuine {
		i := rnd.IntN(len(g.pairs))
		return g.with(rnd, func(p [][2]string) [][2]string { return slices.Delete(p, i, i+1) })
	},
	"swapped values": func(rnd *rand.Rand, g genuine) genuine {
		i, j := rnd.IntN(len(g.pairs)), rnd.IntN(len(g.pairs))
		return g.with(rnd, func(p [][2]string) [][2]string {
			p[i][1], p[j][1] = p[j][1], p[i][1]
			return p
		})
	},
	"changed case": func(rnd *rand.Rand, g genuine) genuine {
		i := rnd.IntN(len(g.pairs))
		return g.with(rnd, func(p [][2]string) [][2]string {
			p[i] = [2]string{strings.ToLower(p[i][0]), strings.ToUpper(p[i][1])}
			return p
		})
	},
	"space around a value": func(rnd *rand.Rand, g genuine) genuine {
		i := rnd.IntN(len(g.pairs))
		return g.with(rnd, func(p [][2]string) [][2]string {
			p[i][1] = pick(rnd, " "+p[i][1], p[i][1]+" ", p[i][1]+"\n")
			return p
		})
	},
	"no signature":    func(_ *rand.Rand, g genuine) genuine { return g.signed() },
	"empty signature": func(_ *rand.Rand, g genuine) genuine { return g.signed("") },
	"two signatures":  func(_ *rand.Rand, g genuine) genuine { return g.signed(g.signatures[0], g.signatures[0]) },
	"a second one":    func(_ *rand.Rand, g genuine) genuine { return g.signed(sign("x", "", ""), g.signatures[0]) },
	"list of two":     func(_ *rand.Rand, g genuine) genuine { return g.signed(g.signatures[0] + "," + g.signatures[0]) },
	"hex for base64":  func(_ *rand.Rand, g genuine) genuine { return g.signed(hex.EncodeToString(decode(g.signatures[0]))) },
	"without padding": func(_ *rand.Rand, g genuine) genuine { return g.signed(strings.TrimRight(g.signatures[0], "=")) },
	"space around it": func(rnd *rand.Rand, g genuine) genuine {
		return g.signed(pick(rnd, " "+g.signatures[0], g.signatures[0]+" ", g.signatures[0]+"\r\n"))
	},
	"another's": func(_ *rand.Rand, g genuine) genuine {
		return g.signed(sign(testToken, publicURL+g.target, g.body+"&x=y"))
	},
	"zero bytes": func(_ *rand.Rand, g genuine) genuine { return g.signed(strings.Repeat("A", 27) + "=") },
	"JSON without hash": func(rnd *rand.Rand, g genuine) genuine {
		g.contentType, g.body = "application/json", pick(rnd, "{}", `{"EventType":"onMessageAdded"}`, g.body)
		return g
	},
	"JSON with its own hash": func(_ *rand.Rand, g genuine) genuine {
		g.contentType, g.body = "application/json", "{}"
		g.target += "?bodySHA256=" + emptyHash
		return g
	},
	"signed target, other JSON": func(_ *rand.Rand, g genuine) genuine {
		g.contentType, g.body = "application/json", `{"EventType":"onMessageAdded"}`
		g.target += "?bodySHA256=" + emptyHash
		return g.signed(signURL(testToken, publicURL+g.target))
	},
	"other content type": func(rnd *rand.Rand, g genuine) genuine {
		g.contentType = pick(rnd, "", "text/plain", "application/json", "multipart/form-data; boundary=x")
		return g
	},
}

// same reports whether two webhooks say the same: the order of the parameters,
// their escapes and a repeated pair are nobody's forgery.
func (g genuine) same(o genuine) bool {
	return g.target == o.target && slices.Equal(g.signatures, o.signatures) && isForm(g.contentType) == isForm(o.contentType) &&
		slices.Equal(distinctPairs(g.body), distinctPairs(o.body))
}

func TestForgeriesAreRefused(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	v, err := NewVerifier(publicURL, testToken)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(forgeries))
	made := map[string]int{}
	total := count(t, 200_000)
	for i := 0; i < total; {
		g := newGenuine(rnd)
		if err := v.Verify(g.target, []byte(g.body), g.contentType, g.signatures); err != nil {
			t.Fatalf("genuine one refused: %v: %+v", err, g)
		}
		for _, name := range names {
			forged := forgeries[name](rnd, g)
			if v.Verify(forged.target, []byte(forged.body), forged.contentType, forged.signatures) == nil {
				if !forged.same(g) {
					t.Fatalf("%s: accepted %+v, made of %+v", name, forged, g)
				}
				continue
			}
			i++
			made[name]++
		}
	}
	for _, name := range names {
		if made[name] == 0 {
			t.Errorf("%s: never made", name)
		}
	}
}

// Twilio runs names and values together, so text may be moved over an edge and
// keeps its signature. Such a webhook verifies; it must then be no event to act
// on, or the very same fact under the same key, which is acted on once.
func TestMovedEdgesChangeNoFact(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	w := newWebhooks(t)
	verified, sound := 0, 0
	total := count(t, 10_000)
	for range total {
		g := newGenuine(rnd)
		header := http.Header{"Content-Type": {g.contentType}, "X-Twilio-Signature": g.signatures}
		want, err := w.Receive(g.target, header, []byte(g.body))
		if err != nil {
			t.Fatal(err)
		}
		moved := moveEdge(rnd, g.pairs)
		got, err := w.Receive(g.target, header, []byte(encodePairs(rnd, moved)))
		if err != nil {
			continue
		}
		verified++
		if got.Problem != "" {
			continue
		}
		sound++
		if got.Key != want.Key {
			t.Errorf("%q became another fact, %s %x, by %q", g.pairs, got.Type, got.Key, moved)
		}
	}
	t.Logf("%d moved, %d verified, %d of them events", total, verified, sound)
	if verified < total/10 || sound == 0 {
		t.Error("the test moves too little")
	}
}

// A pair that is repeated counts once in Twilio's signature, so that whoever has one
// webhook can make any number of them. They come to two events at most: the sound one,
// and one that is stored and not acted on.
func TestRepeatedPairsAreOneEvent(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	w := newWebhooks(t)
	for range count(t, 2_000) {
		g := newGenuine(rnd)
		header := http.Header{"Content-Type": {g.contentType}, "X-Twilio-Signature": g.signatures}
		keys := map[string]bool{}
		pair := g.pairs[rnd.IntN(len(g.pairs))]
		for copies := range 5 {
			e, err := w.Receive(g.target, header, []byte(encodePairs(rnd, append(slices.Clone(g.pairs), slices.Repeat([][2]string{pair}, copies)...))))
			if err != nil {
				continue // the account is repeated
			}
			keys[fmt.Sprintf("%x", e.Key)] = true
		}
		if len(keys) > 2 {
			t.Fatalf("%q with copies of %q comes to %d events", g.pairs, pair, len(keys))
		}
	}
}

// moveEdge moves text between a name and its value, or over the edge to the
// next pair.
func moveEdge(rnd *rand.Rand, pairs [][2]string) [][2]string {
	moved := slices.Clone(pairs)
	i := rnd.IntN(len(moved) - 1)
	p, next := &moved[i], &moved[i+1]
	switch rnd.IntN(4) {
	case 0: // Body=hello, Bod=yhello
		n := 1 + rnd.IntN(len(p[0]))
		p[0], p[1] = p[0][:len(p[0])-n], p[0][len(p[0])-n:]+p[1]
	case 1:
		n := rnd.IntN(len(p[1]) + 1)
		p[0], p[1] = p[0]+p[1][:n], p[1][n:]
	case 2:
		n := 1 + rnd.IntN(len(next[0]))
		p[1], next[0] = p[1]+next[0][:n], next[0][n:]
	case 3: // one pair of two
		p[1] += next[0] + next[1]
		moved = slices.Delete(moved, i+1, i+2)
	}
	return moved
}
