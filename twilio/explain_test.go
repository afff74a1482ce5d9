package twilio

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

const (
	publicURL   = "https://example.com"
	otherToken  = "9e107d9d372bb6826bd81d3542a419d6"
	otherSender = "&MessagingBinding.Address=%2B14155552671"
)

// mishap is a genuine webhook, and how it was received.
type mishap struct {
	signed string // the address in Twilio's settings; "": publicURL and the usual path
	body   string // what Twilio sent; "": captured
	token  string // what it signed with; "": testToken

	publicURL string // ours; "": the constant
	target    string // as received; "": the usual path
	received  string // the body as received; "": as sent
	header    http.Header
	others    []string

	want []Mistake
}

func (m mishap) capture() Capture {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	body := or(m.body, captured)
	signedText := body
	if strings.HasPrefix(body, "{") {
		signedText = "" // not a form: only its hash is signed
	}
	c := Capture{
		PublicURL:  or(m.publicURL, publicURL),
		RequestURI: or(m.target, capturedTarget),
		Header:     http.Header{"Content-Type": {formType}},
		Body:       []byte(or(m.received, body)),
		Others:     m.others,
	}
	for name, values := range m.header {
		c.Header[name] = values
	}
	if c.Header.Get("X-Twilio-Signature") == "" {
		address := or(m.signed, publicURL+capturedTarget)
		if signedText == "" {
			c.Header.Set("X-Twilio-Signature", signURL(or(m.token, testToken), address))
		} else {
			c.Header.Set("X-Twilio-Signature", sign(or(m.token, testToken), address, signedText))
		}
	}
	return c
}

// signURL signs an address without parameters.
func signURL(token, address string) string { return sign(token, address, "=") }

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const jsonBody = `{"property": "value"}`

// mishaps are what proxies and settings do to webhooks. live ones are found
// from the refusal's own few guesses too.
var mishaps = map[string]mishap{
	"scheme: TLS ends before us":        {publicURL: "http://example.com", want: []Mistake{SchemeDiffers}},
	"scheme: http in Twilio's settings": {signed: "http://example.com" + capturedTarget, want: []Mistake{SchemeDiffers}},
	"host: asked for by this name":      {signed: "https://hooks.example.com" + capturedTarget, header: headers("Host", "hooks.example.com"), want: []Mistake{HostDiffers}},
	"host: proxy forwards the name":     {signed: "https://hooks.example.com" + capturedTarget, header: headers("X-Forwarded-Host", "hooks.example.com, inner"), want: []Mistake{HostDiffers}},
	"host: proxy says so by RFC 7239":   {signed: "https://hooks.example.com" + capturedTarget, header: headers("Forwarded", `for=192.0.2.60;proto=https;host="hooks.example.com"`), want: []Mistake{HostDiffers}},
	"host: www":                         {signed: "https://www.example.com" + capturedTarget, want: []Mistake{HostDiffers}},
	"host: without www":                 {publicURL: "https://www.example.com", want: []Mistake{HostDiffers}},
	"host: in capitals":                 {publicURL: "https://Example.com", want: []Mistake{HostDiffers}},
	"host: named by the operator":       {signed: "https://old.example.net" + capturedTarget, others: []string{"https://old.example.net/elsewhere"}, want: []Mistake{HostDiffers}},
	"tunnel: all of the origin":         {signed: "https://d3adb33f.ngrok-free.app" + capturedTarget, publicURL: "http://127.0.0.1:8080", header: headers("X-Forwarded-Host", "d3adb33f.ngrok-free.app", "X-Forwarded-Proto", "https"), want: []Mistake{SchemeDiffers, HostDiffers, PortAdded}},
	"port: ours is not in the settings": {publicURL: "https://example.com:8443", want: []Mistake{PortAdded}},
	"port: ours lacks it":               {signed: "https://example.com:8443" + capturedTarget, want: []Mistake{PortDropped}},
	"port: odd, forwarded":              {signed: "https://example.com:12345" + capturedTarget, header: headers("X-Forwarded-Host", "example.com", "X-Forwarded-Port", "12345"), want: []Mistake{PortDropped}},
	"port: another":                     {signed: "https://example.com:8443" + capturedTarget, publicURL: "https://example.com:9443", want: []Mistake{PortDiffers}},
	"IPv6 and port":                     {signed: "http://[2001:db8::1]:8080" + capturedTarget, publicURL: "http://[2001:db8::1]", want: []Mistake{PortDropped}},
	"prefix: stripped, says the proxy":  {signed: "https://example.com/texts" + capturedTarget, header: headers("X-Forwarded-Prefix", "/texts/"), want: []Mistake{PrefixDropped}},
	"prefix: stripped, original target": {signed: "https://example.com/a/b" + capturedTarget, header: headers("X-Original-Uri", "/a/b"+capturedTarget), want: []Mistake{PrefixDropped}},
	"prefix: stripped, absolute target": {signed: "https://example.com/a" + capturedTarget, header: headers("X-Original-Url", "https://example.com/a"+capturedTarget), want: []Mistake{PrefixDropped}},
	"prefix: stripped, named by us":     {signed: "https://example.com/texts" + capturedTarget, others: []string{"https://example.com/texts"}, want: []Mistake{PrefixDropped}},
	"prefix: in PUBLIC_URL only":        {publicURL: "https://example.com/texts", want: []Mistake{PrefixAdded}},
	"prefix: added by the proxy":        {target: "/internal/v2" + capturedTarget, want: []Mistake{PrefixAdded}},
	"slash: at the end of the settings": {signed: publicURL + capturedTarget + "/", want: []Mistake{SlashDropped}},
	"slash: added by the proxy":         {target: capturedTarget + "/", want: []Mistake{SlashAdded}},
	"slashes: PUBLIC_URL ended in one":  {signed: publicURL + "/" + capturedTarget, want: []Mistake{SlashesChanged}},
	"slashes: merged within the path":   {signed: publicURL + "/webhooks//twilio/conversations", want: []Mistake{SlashesChanged}},
	"slashes: doubled by the proxy":     {target: "/" + capturedTarget, want: []Mistake{SlashesChanged}},
	"path: %2F decoded":                 {signed: publicURL + "/a%2Fb/c", target: "/a/b/c", want: []Mistake{PathReescaped}},
	"path: %2f in capitals":             {signed: publicURL + "/a%2fb", target: "/a%2Fb", want: []Mistake{PathReescaped}},
	"path: space decoded":               {signed: publicURL + "/a%20b", target: "/a b", want: []Mistake{PathReescaped}},
	"path: escaped by the proxy":        {signed: publicURL + "/España", target: "/Espa%C3%B1a", want: []Mistake{PathReescaped}},
	"path: index.php":                   {signed: publicURL + "/index.php/hook", target: "/hook", header: headers("X-Original-Uri", "/index.php/hook"), want: []Mistake{PrefixDropped}},
	"path: rewritten":                   {signed: publicURL + "/hooks/7", target: capturedTarget, header: headers("X-Original-Uri", "/hooks/7"), want: []Mistake{PathDiffers}},
	"query: dropped":                    {signed: publicURL + capturedTarget + "?key=abc", others: []string{publicURL + capturedTarget + "?key=abc"}, want: []Mistake{QueryDropped}},
	"query: dropped, says the proxy":    {signed: publicURL + capturedTarget + "?key=abc", header: headers("X-Envoy-Original-Path", capturedTarget+"?key=abc"), want: []Mistake{QueryDropped}},
	"query: empty one dropped":          {signed: publicURL + capturedTarget + "?", want: []Mistake{QueryDropped}},
	"query: added":                      {target: capturedTarget + "?utm=1", want: []Mistake{QueryAdded}},
	"query: one of two added":           {signed: publicURL + capturedTarget + "?b=1", target: capturedTarget + "?b=1&lb=7", want: []Mistake{QueryAdded}},
	"query: sorted":                     {signed: publicURL + capturedTarget + "?c=3&a=1&b=2", target: capturedTarget + "?a=1&b=2&c=3", want: []Mistake{QueryReordered}},
	"query: %2F decoded":                {signed: publicURL + capturedTarget + "?to=%2Fadmin%2Fx", target: capturedTarget + "?to=/admin/x", want: []Mistake{QueryReescaped}},
	"query: + for %20":                  {signed: publicURL + capturedTarget + "?a=b%20c", target: capturedTarget + "?a=b+c", want: []Mistake{QueryReescaped}},
	"query: %20 for +":                  {signed: publicURL + capturedTarget + "?a=b+c", target: capturedTarget + "?a=b%20c", want: []Mistake{QueryReescaped}},
	"query: other one":                  {signed: publicURL + capturedTarget + "?a=b", target: capturedTarget + "?c=d", others: []string{publicURL + "/?a=b"}, want: []Mistake{QueryDiffers}},
	"JSON without bodySHA256":           {signed: publicURL + capturedTarget + "?bodySHA256=" + hashOf(jsonBody), body: jsonBody, header: headers("Content-Type", "application/json"), want: []Mistake{HashDropped}},
	"JSON replaced":                     {signed: publicURL + capturedTarget + "?bodySHA256=" + hashOf(jsonBody), target: capturedTarget + "?bodySHA256=" + hashOf(jsonBody), body: jsonBody, received: `{"property":"value"}`, header: headers("Content-Type", "application/json"), want: []Mistake{BodyReplaced}},
	"form as text":                      {header: headers("Content-Type", "text/plain"), want: []Mistake{ContentTypeChanged}},
	"body: %2B decoded":                 {received: strings.ReplaceAll(captured, "%2B", "+"), want: []Mistake{DecodedTwice}},
	"body: decoded as a whole":          {received: "Body=50% off+more&Author=+1415", body: "Body=50%25+off%2Bmore&Author=%2B1415", want: []Mistake{DecodedTwice}},
	"body: escaped again":               {received: strings.ReplaceAll(captured, "%", "%25"), want: []Mistake{EscapedTwice}},
	"body: line ends":                   {body: "Body=a%0Ab", received: "Body=a%0D%0Ab", want: []Mistake{LinesChanged}},
	"body: line ends of a text file":    {received: captured + "\n", want: []Mistake{LinesChanged}},
	"body: to Latin-1":                  {body: "Body=ma%C3%B1ana", received: "Body=ma%F1ana", want: []Mistake{CharsetChanged}},
	"body: from Latin-1":                {body: "Body=ma%C3%B1ana", received: "Body=ma%C3%83%C2%B1ana", want: []Mistake{CharsetChanged}},
	"body: parameter added":             {received: captured + "&_csrf=123", want: []Mistake{ParameterAdded}},
	"body: empty parameter dropped":     {body: captured + "&Media=", received: captured, want: []Mistake{EmptyDropped}},
	"body: form into JSON":              {body: "Body=hi&Author=%2B1", received: `{"Author": "+1", "Body": "hi"}`, header: headers("Content-Type", "application/json"), want: []Mistake{FormIntoJSON}},
	"body: base64":                      {received: base64.StdEncoding.EncodeToString([]byte(captured)), want: []Mistake{BodyInBase64}},
	"body: added to a request without":  {body: "=", received: captured, want: []Mistake{BodyAdded}},
	"signature: hexadecimal":            {header: headers("X-Twilio-Signature", hex.EncodeToString(decode(sign(testToken, publicURL+capturedTarget, captured)))), want: []Mistake{HeaderDamaged}},
	"signature: escaped":                {header: headers("X-Twilio-Signature", url.QueryEscape(sign(testToken, publicURL+capturedTarget, captured))), want: []Mistake{HeaderDamaged}},
	"signature: quoted, one of two":     {header: headers("X-Twilio-Signature", `"`+sign(testToken, publicURL+capturedTarget, captured)+`", x`), want: []Mistake{HeaderDamaged}},
	"credentials in PUBLIC_URL":         {publicURL: "https://joe:hunter2@example.com", want: []Mistake{CredentialsInURL}},
	"fragment in PUBLIC_URL":            {publicURL: "https://example.com/#rc=2", want: []Mistake{FragmentInURL}},
	"two: scheme and port":              {publicURL: "http://example.com:8080", want: []Mistake{SchemeDiffers, PortAdded}},
	"two: host and slash":               {signed: "https://www.example.com" + capturedTarget + "/", want: []Mistake{HostDiffers, SlashDropped}},
	"two: port and body":                {publicURL: "https://example.com:8443", received: strings.ReplaceAll(captured, "%2B", "+"), want: []Mistake{PortAdded, DecodedTwice}},
	"three: scheme, port and query":     {publicURL: "http://example.com:3000", target: capturedTarget + "?x=1", want: []Mistake{SchemeDiffers, PortAdded, QueryAdded}},
	"three: scheme, path and signature": {publicURL: "http://example.com", target: capturedTarget + "/", header: headers("X-Twilio-Signature", " "+sign(testToken, publicURL+capturedTarget, captured)), want: []Mistake{SchemeDiffers, SlashAdded, HeaderDamaged}},
	"other token, and wrong scheme":     {token: otherToken, publicURL: "http://example.com", want: []Mistake{SchemeDiffers, SecondaryToken}},
}

func decode(signature string) []byte {
	sum, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		panic(err) // of the tests' own signer
	}
	return sum
}

func TestExplainNamesTheMistake(t *testing.T) {
	t.Parallel()
	named := map[Mistake]bool{}
	for name, tt := range mishaps {
		for _, m := range tt.want {
			named[m] = true
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Explain(tt.capture(), testToken, otherToken)
			if err != nil {
				t.Fatal(err)
			}
			if e.Valid || e.Match == nil {
				t.Fatalf("valid %t, nothing found in %d tries (%s)", e.Valid, e.Tried, e.Reason)
			}
			var got []Mistake
			for _, d := range e.Match.Differences {
				got = append(got, d.Mistake)
				if d.Advice == "" {
					t.Errorf("no advice on %q", d.Mistake)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			wantSecretsKept(t, e, tt.capture())
		})
	}
	for m := range advice {
		if !named[m] {
			t.Errorf("no test makes the mistake %q", m)
		}
	}
}

// wantSecretsKept fails if an explanation shows a token, a signature or a value.
func wantSecretsKept(t *testing.T, e Explanation, c Capture) {
	t.Helper()
	shown, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{testToken, otherToken, c.Header.Get("X-Twilio-Signature"), "hours", "14155552671", "abc", "joe", "hunter2"} {
		if strings.Contains(string(shown), secret) {
			t.Errorf("shows %q: %s", secret, shown)
		}
	}
}

func TestExplainVerdicts(t *testing.T) {
	t.Parallel()
	genuine := mishap{}.capture()
	genuine.AccountSID = testAccount
	with := func(change func(*Capture)) Capture {
		c := genuine
		c.Header = genuine.Header.Clone()
		change(&c)
		return c
	}
	tests := map[string]struct {
		capture Capture
		want    Explanation
	}{
		"genuine":                 {genuine, Explanation{Valid: true}},
		"genuine for any account": {with(func(c *Capture) { c.AccountSID = "" }), Explanation{Valid: true}},
		"secondary token": {
			with(func(c *Capture) { c.Header = mishap{token: otherToken}.capture().Header }),
			Explanation{Valid: true, Hints: []string{"other token: the signature is of the secondary one; " + advice[SecondaryToken]}},
		},
		"genuine for another account": {
			with(func(c *Capture) { c.AccountSID = "AC" + strings.Repeat("1", 32) }),
			Explanation{Reason: OtherAccount, Hints: []string{"AccountSid is not our account's: that account's own auth token signs its webhooks"}},
		},
		"unknown token": {
			with(func(c *Capture) { c.Header = mishap{token: "unknown"}.capture().Header }),
			Explanation{Reason: NoMatch},
		},
		"no signature": {with(func(c *Capture) { c.Header.Del("X-Twilio-Signature") }), Explanation{Reason: NoSignature}},
		"too long":     {with(func(c *Capture) { c.Body = make([]byte, MaxWebhook+1) }), Explanation{Reason: TooLong, Hints: []string{"the form has no AccountSid: every webhook of Twilio's has one"}}},
		"nothing posted": {
			with(func(c *Capture) { c.Body = nil }),
			Explanation{Reason: NoMatch, Hints: []string{"there is no body: Twilio posts one"}},
		},
		"JSON of somebody else": {
			with(func(c *Capture) { c.Body = []byte(jsonBody); c.Header.Set("Content-Type", "application/json") }),
			Explanation{Reason: NotAForm, Hints: []string{"the body is not a form and the URL has no bodySHA256: Twilio sends none such"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Explain(tt.capture, testToken, otherToken)
			if err != nil {
				t.Fatal(err)
			}
			got.Tried = 0
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestExplainShowsTheParts(t *testing.T) {
	t.Parallel()
	e, err := Explain(mishap{
		signed: "https://example.com:8443/texts" + capturedTarget + "?key=abc", target: capturedTarget + "?key=abc",
		header: headers("X-Forwarded-Prefix", "/texts"),
	}.capture(), testToken)
	if err != nil {
		t.Fatal(err)
	}
	want := &Match{URL: "https://example.com:8443/texts" + capturedTarget + "?…", Differences: []Difference{
		{Mistake: PortDropped, Signed: ":8443", Advice: advice[PortDropped]},
		{Mistake: PrefixDropped, Signed: "/texts" + capturedTarget, Received: capturedTarget, Advice: advice[PrefixDropped]},
	}}
	if diff := cmp.Diff(want, e.Match); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestExplainRefusesArguments(t *testing.T) {
	t.Parallel()
	good := mishap{}.capture()
	tests := map[string]struct {
		change func(*Capture)
		tokens []string
	}{
		"no token":            {func(*Capture) {}, nil},
		"empty token":         {func(*Capture) {}, []string{""}},
		"no URL":              {func(c *Capture) { c.PublicURL = "" }, []string{testToken}},
		"query in public URL": {func(c *Capture) { c.PublicURL += "?a=b" }, []string{testToken}},
		"no path":             {func(c *Capture) { c.RequestURI = "webhooks" }, []string{testToken}},
		"other is no URL":     {func(c *Capture) { c.Others = []string{"example.com"} }, []string{testToken}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			tt.change(&c)
			if e, err := Explain(c, tt.tokens...); err == nil {
				t.Errorf("got %+v, want an error", e)
			}
		})
	}
}

// The search must end also where there is nothing to find and everything to try.
func TestExplainIsBounded(t *testing.T) {
	t.Parallel()
	body := "Body=" + strings.Repeat("a", MaxWebhook-5)
	header := headers("Content-Type", formType, "X-Twilio-Signature", sign("unknown", "", ""))
	start := time.Now()
	e, err := Explain(Capture{PublicURL: publicURL, RequestURI: strings.Repeat("/a", 40) + "?a=1&b=2&c=3&d=4&e=5", Header: header, Body: []byte(body)}, testToken, otherToken)
	if err != nil {
		t.Fatal(err)
	}
	if hashed := e.Tried * len(body); e.Match != nil || hashed > maxHashed+4*len(body) {
		t.Errorf("%d tries, %d bytes, %s: %+v", e.Tried, hashed, time.Since(start), e)
	}
}

// What a refusal explains of itself: the commonest mistakes, and never more
// than the refusal.
func TestRefusalNamesWhatWouldHaveMatched(t *testing.T) {
	t.Parallel()
	live := []string{
		"scheme: http in Twilio's settings", "host: asked for by this name", "host: proxy forwards the name", "host: proxy says so by RFC 7239",
		"port: ours is not in the settings", "port: odd, forwarded", "prefix: stripped, says the proxy", "prefix: stripped, original target",
		"prefix: in PUBLIC_URL only", "slash: at the end of the settings", "slash: added by the proxy", "slashes: PUBLIC_URL ended in one",
		"query: dropped, says the proxy", "query: added", "path: rewritten", "body: %2B decoded", "form as text", "signature: quoted, one of two",
		"JSON replaced",
	}
	for _, name := range live {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mishaps[name].capture()
			err := receiveCapture(t, c)
			var refused *SignatureError
			if !errors.As(err, &refused) || !errors.Is(err, chat.ErrForged) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if refused.Match == nil {
				t.Fatalf("%v: nothing found", err)
			}
			var got []Mistake
			for _, d := range refused.Match.Differences {
				got = append(got, d.Mistake)
			}
			if diff := cmp.Diff(mishaps[name].want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if !strings.Contains(err.Error(), "would have matched: http") || !strings.Contains(err.Error(), string(got[0])) {
				t.Errorf("%q does not say what would have matched", err)
			}
			if strings.Contains(err.Error(), "abc") {
				t.Errorf("%q shows the query", err)
			}
		})
	}
}

func receiveCapture(t *testing.T, c Capture) error {
	t.Helper()
	v, err := NewVerifier(c.PublicURL, testToken)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWebhooks(v, testAccount, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := w.Receive(c.RequestURI, c.Header, c.Body)
	if err == nil {
		t.Fatalf("accepted: %+v", e)
	}
	return err
}

func TestRefusalOfAForgeryIsCheap(t *testing.T) {
	t.Parallel()
	header := headers("Content-Type", formType, "X-Twilio-Signature", sign("unknown", "", ""),
		"Host", "a.example", "X-Forwarded-Host", "b.example", "X-Original-Host", "c.example", "X-Forwarded-Port", "1", "X-Forwarded-Prefix", "/p",
		"X-Original-Uri", "/q", "X-Rewrite-Url", "/r")
	v, err := NewVerifier(publicURL+"/base", testToken, otherToken)
	if err != nil {
		t.Fatal(err)
	}
	find := v.guess(capturedTarget+"?a=b", header, []byte(captured))
	if m := find.run(1, guesses*len(v.tokens)); m != nil || find.tried != guesses*2 {
		t.Errorf("%d tried, found %v, want %d and nothing", find.tried, m, guesses*2)
	}
	long := []byte("Body=" + strings.Repeat("a", maxGuessingBody))
	if v.explain(capturedTarget, header, long) != nil {
		t.Error("found something")
	}
}

func TestRefusalQuotesNothingOfAForgery(t *testing.T) {
	t.Parallel()
	c := mishap{token: "unknown", target: "/canary?canary=1", received: "Body=canary", header: headers("X-Forwarded-Host", "canary.example", "Host", "canary")}.capture()
	if err := receiveCapture(t, c); strings.Contains(err.Error(), "canary") {
		t.Errorf("%q quotes the request", err)
	}
}

func TestPermute(t *testing.T) {
	t.Parallel()
	var got []string
	permute([]string{"a", "b", "c"}, func(s []string) { got = append(got, strings.Join(s, "")) })
	slices.Sort(got)
	if diff := cmp.Diff([]string{"abc", "acb", "bac", "bca", "cab", "cba"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func BenchmarkRefusal(b *testing.B) {
	v, err := NewVerifier(publicURL, testToken)
	if err != nil {
		b.Fatal(err)
	}
	w, err := NewWebhooks(v, testAccount, nil)
	if err != nil {
		b.Fatal(err)
	}
	c := mishap{token: "unknown", header: headers("Host", "a.example", "X-Forwarded-Host", "b.example", "X-Forwarded-Prefix", "/p")}.capture()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Receive(c.RequestURI, c.Header, c.Body); err == nil {
			b.Fatal("accepted")
		}
	}
}
