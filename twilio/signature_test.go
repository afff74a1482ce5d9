package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

const formType = "application/x-www-form-urlencoded; charset=utf-8"

// vector is a signature that Twilio's libraries or documents publish, made with
// the token 12345.
type vector struct {
	name      string
	base      string // the public URL
	target    string // the request target
	form      url.Values
	body      string // instead of form
	signature string
	refused   bool
}

const (
	vectorTarget = "/myapp.php?foo=1&bar=2"
	vectorBase   = "https://mycompany.com"
	someHash     = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
	emptyHash    = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
)

func call(more ...string) url.Values {
	v := url.Values{
		"CallSid": {"CA1234567890ABCDE"},
		"Caller":  {"+14158675309"},
		"Digits":  {"1234"},
		"From":    {"+14158675309"},
		"To":      {"+18005551212"},
	}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

var vectors = []vector{
	{name: "1 documented call", base: vectorBase, target: vectorTarget, form: call(), signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
	{name: "2 one name begins with another", base: vectorBase, target: vectorTarget, form: call("ReasonConferenceEnded", "test", "Reason", "Participant"), signature: "vOEb5UThFn24KEfnOFLQY2AE5FY="},
	{name: "3 plain http", base: "http://mycompany.com", target: vectorTarget, form: call("ReasonConferenceEnded", "test", "Reason", "Participant"), signature: "n2xBNyzSW7rfYStDtOFiFMv7qNo="},
	{name: "4 made with a wrong sort", base: vectorBase, target: vectorTarget, form: call("ReasonConferenceEnded", "test", "Reason", "Participant"), signature: "95+Bu0JVPi0r/SsESZCVf0dWAjw=", refused: true},
	{name: "5 odd port kept", base: "http://mycompany.com:1234", target: vectorTarget, form: call(), signature: "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="},
	{name: "6 https port added by Twilio", base: vectorBase, target: vectorTarget, form: call(), signature: "kvajT1Ptam85bY51eRf/AJRuM3w="},
	{name: "6 https port removed by Twilio", base: "https://mycompany.com:443", target: vectorTarget, form: call(), signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
	{name: "7 http port added by Twilio", base: "http://mycompany.com", target: vectorTarget, form: call(), signature: "0ZXoZLH/DfblKGATFgpif+LLRf4="},
	{name: "8 credentials as given", base: "https://user:pass@mycompany.com", target: vectorTarget, form: call(), signature: "CukzLTc1tT5dXEDIHm/tKBanW10="},
	{name: "9 user as given", base: "https://user@mycompany.com", target: vectorTarget, form: call(), signature: "2YRLlVAflCqxaNicjMpJcSTgzSs="},
	{name: "10 credentials and port", base: "https://user:pass@mycompany.com:443", target: vectorTarget, form: call(), signature: "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="},
	{name: "11 escaped quote in the query", base: vectorBase, target: "/myapp.php?foo=1&bar=2&Body=It%27s+amazing", form: call(), signature: "TfZzewPq8wqrGlMfyAud8+/IvJ0="},
	{name: "12 repeated name", base: vectorBase, target: vectorTarget, form: url.Values{"MessagingBinding.Address": {"+1325xxxxxxx", "+1415xxxxxxx"}}, signature: "83O6e2vORAoJHUNzJjDWN1jz+BA="},
	{name: "13 repeated name and value, unsorted", base: vectorBase, target: vectorTarget, form: url.Values{"Sid": {"CA123"}, "SidAccount": {"AC123"}, "Digits": {"5678", "1234", "1234"}}, signature: "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
	{name: "14 no parameters", base: vectorBase, target: vectorTarget, signature: "zYQTYrRWXE7LtzbG4PfP7/bkkGo="},
	{name: "15 no query", base: vectorBase, target: "/myapp.php", form: call(), signature: "1xaxFBvyzXYvWplzNOSs28HWO94="},
	{name: "16 query stays escaped", base: vectorBase, target: "/myapp.php?foo=hello%20world&bar=test%2Bvalue", form: call(), signature: "er2tvAP1Wx+iuTTE2BPgvEaN1cs="},
	{name: "17 UTF-8 and punctuation", base: vectorBase, target: vectorTarget, form: url.Values{"Message": {"Hello & goodbye! @#$%^*()"}, "From": {"+1 (415) 867-5309"}, "Special": {"unicode: ñáéíóú"}}, signature: "dCPiR4WtQ6QFN6pJh81CtlCcWLQ="},
	{name: "18 empty values", base: vectorBase, target: vectorTarget, form: url.Values{"Digits": {""}, "CallSid": {"CA1234567890ABCDE"}, "EmptyParam": {""}}, signature: "9HHp/OqQMEwdrVebHDdA/+tqjX8="},
	{name: "19 order by case", base: vectorBase, target: vectorTarget, form: url.Values{"callSid": {"lowercase"}, "CallSid": {"uppercase"}, "CALLSID": {"allcaps"}}, signature: "jDK7WKT8wiNrwggd4ceTv4e1MJ4="},
	{name: "20 order by name", base: vectorBase, target: vectorTarget, form: url.Values{"Zebra": {"last"}, "Alpha": {"first"}, "Beta": {"second"}, "Gamma": {"third"}}, signature: "enveUe73ZTVLAekHxez3Qx6JuuQ="},
	{name: "21 raw UTF-8 in the path", base: vectorBase, target: "/webhook/España?año=2023", form: call(), signature: "G/Hx6mqqnjUNlPAoi2Sp9bGst0g="},
	{name: "22 double slash kept", base: vectorBase, target: "//myapp.php?foo=1&bar=2", form: call(), signature: "A9lH3u16NjyiiM/+wylw5rirFUs="},
	{name: "23 long query is signed", base: vectorBase, target: "/myapp.php?foo=1&bar=2&type=thiswontbeusedinthesignaturegeneratorandsoshouldbeignored", form: call(), signature: "hYkNsTBttoNGkyCS0p+wWmQoRTg="},
	{name: "24 two parameters", base: vectorBase, target: vectorTarget, form: url.Values{"property": {"value"}, "boolean": {"true"}}, signature: "NBdBDr/T/lgjI+tlgpXjKZQZs/k="},
	{name: "25 body hash after a query", base: vectorBase, target: vectorTarget + "&bodySHA256=" + someHash, body: `{"property": "value", "boolean": true}`, signature: "a9nBmqA0ju/hNViExpshrM61xv4="},
	{name: "26 body hash alone", base: vectorBase, target: "/myapp.php?bodySHA256=" + someHash, body: `{"property": "value", "boolean": true}`, signature: "y77kIzt2vzLz71DgmJGsen2scGs="},
	{name: "26 another body", base: vectorBase, target: "/myapp.php?bodySHA256=" + someHash, body: `{"property": "value", "boolean": false}`, signature: "y77kIzt2vzLz71DgmJGsen2scGs=", refused: true},
	{name: "27 body hash, port added by Twilio", base: vectorBase, target: vectorTarget + "&bodySHA256=" + emptyHash, body: "{}", signature: "Ldidvp12m26NI7eqEvxnEpkd9Hc="},
	{name: "28 documented example", base: "https://example.com", target: vectorTarget, form: call("From", "+14158675310", "Caller", "+14158675310"), signature: "L/OH5YylLD5NRKLltdqwSvS0BnU="},
}

func TestVerifyPublishedVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range vectors {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := newVerifier(tt.base, []string{"12345"})
			if err != nil {
				t.Fatal(err)
			}
			body, contentType := tt.form.Encode(), formType
			if tt.body != "" {
				body, contentType = tt.body, "application/json"
			}
			err = v.Verify(tt.target, []byte(body), contentType, []string{tt.signature})
			if got := err != nil; got != tt.refused {
				t.Errorf("refused %t (%v), want %t", got, err, tt.refused)
			}
			if err != nil && !errors.Is(err, chat.ErrForged) {
				t.Errorf("%v does not wrap chat.ErrForged", err)
			}
		})
	}
}

// sign is Twilio's algorithm written from its documents, on purpose without a
// line of the verifier.
func sign(token, address, body string) string {
	text := address
	for _, p := range distinctPairs(body) {
		text += p
	}
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, text)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// distinctPairs lists name+value in the order of signing.
func distinctPairs(body string) []string {
	type pair struct{ name, value string }
	set := map[pair]bool{}
	for field := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(field, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		set[pair{name, value}] = true
	}
	var pairs []pair
	for p := range set {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return strings.Compare(a.name+"\x00"+a.value, b.name+"\x00"+b.value)
	})
	var out []string
	for _, p := range pairs {
		out = append(out, p.name+p.value)
	}
	return out
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	const target, body = "/webhooks", "Body=hi&From=%2B1"
	v, err := NewVerifier("https://example.com", "first", "second")
	if err != nil {
		t.Fatal(err)
	}
	good := sign("first", "https://example.com/webhooks", body)
	tests := map[string]struct {
		target, body, contentType string
		signatures                []string
		want                      Reason
	}{
		"nothing wrong":          {target, body, formType, []string{good}, ""},
		"other order":            {target, "From=%2B1&Body=hi", formType, []string{good}, ""},
		"second token":           {target, body, formType, []string{sign("second", "https://example.com/webhooks", body)}, ""},
		"unknown token":          {target, body, formType, []string{sign("third", "https://example.com/webhooks", body)}, NoMatch},
		"no header":              {target, body, formType, nil, NoSignature},
		"two headers":            {target, body, formType, []string{good, good}, ManySignatures},
		"empty header":           {target, body, formType, []string{""}, NotASignature},
		"padding cut off":        {target, body, formType, []string{good[:27]}, NotASignature},
		"URL alphabet":           {target, body, formType, []string{"________________________________"[:27] + "="}, NotASignature},
		"21 bytes":               {target, body, formType, []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, NotASignature},
		"trailing space":         {target, body, formType, []string{good + " "}, NotASignature},
		"other path":             {"/webhooks/", body, formType, []string{good}, NoMatch},
		"added query":            {"/webhooks?a=b", body, formType, []string{good}, NoMatch},
		"absolute target":        {"https://example.com/webhooks", body, formType, []string{good}, NotAPath},
		"asterisk target":        {"*", body, formType, []string{good}, NotAPath},
		"changed value":          {target, "Body=ho&From=%2B1", formType, []string{good}, NoMatch},
		"appended value":         {target, body + "&Body=STOP", formType, []string{good}, NoMatch},
		"appended nothing":       {target, body + "&", formType, []string{good}, NotAForm},
		"appended unnamed value": {target, body + "&=x", formType, []string{good}, NotAForm},
		"trimmed space":          {target, "Body=hi+&From=%2B1", formType, []string{good}, NoMatch},
		"broken escape":          {target, "Body=h%zz", formType, []string{good}, NotAForm},
		"cut escape":             {target, "Body=h%4", formType, []string{good}, NotAForm},
		"not a form":             {target, body, "text/plain", []string{good}, NotAForm},
		"too long":               {target, "Body=" + strings.Repeat("a", MaxWebhook), formType, []string{good}, TooLong},
		"hash of another body":   {target + "?bodySHA256=" + emptyHash, "{ }", "application/json", []string{good}, BodyChanged},
		"two hashes":             {target + "?bodySHA256=" + emptyHash + "&bodySHA256=" + emptyHash, "{}", "application/json", []string{good}, BodyChanged},
		"cut hash":               {target + "?bodySHA256=44", "{}", "application/json", []string{good}, BodyChanged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := v.Verify(tt.target, []byte(tt.body), tt.contentType, tt.signatures)
			var got Reason
			if e := (*SignatureError)(nil); errors.As(err, &e) {
				got = e.Reason
			}
			if got != tt.want {
				t.Errorf("reason %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestVerifyKeepsSemicolons(t *testing.T) {
	t.Parallel()
	v, err := NewVerifier("https://example.com", "token")
	if err != nil {
		t.Fatal(err)
	}
	const body = "Body=a;b&From=c"
	if err := v.Verify("/", []byte(body), formType, []string{sign("token", "https://example.com/", body)}); err != nil {
		t.Error(err)
	}
}

func TestNewVerifier(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		publicURL string
		tokens    []string
		want      string // part of the error; "" for none
	}{
		"https":                {"https://example.com", []string{"t"}, ""},
		"path":                 {"https://example.com/behind/a/proxy/", []string{"t"}, ""},
		"loopback name":        {"http://localhost:8080", []string{"t"}, ""},
		"loopback 4":           {"http://127.0.0.1:8080", []string{"t"}, ""},
		"loopback 6":           {"http://[::1]:8080", []string{"t"}, ""},
		"two tokens":           {"https://example.com", []string{"t", "u"}, ""},
		"http":                 {"http://example.com", []string{"t"}, "must be https"},
		"other scheme":         {"ftp://localhost", []string{"t"}, "must be https"},
		"nothing":              {"", []string{"t"}, "no host"},
		"no scheme":            {"example.com", []string{"t"}, "no host"},
		"unreadable":           {"https://[::1", []string{"t"}, "cannot be parsed"},
		"credentials":          {"https://user:pass@example.com", []string{"t"}, "credentials"},
		"query":                {"https://example.com?a=b", []string{"t"}, "query"},
		"empty query":          {"https://example.com?", []string{"t"}, "query"},
		"fragment":             {"https://example.com#rc=2", []string{"t"}, "fragment"},
		"no token":             {"https://example.com", nil, "not 0"},
		"three tokens":         {"https://example.com", []string{"t", "u", "v"}, "not 3"},
		"empty token":          {"https://example.com", []string{""}, "empty"},
		"empty token at last":  {"https://example.com", []string{"t", ""}, "empty"},
		"name like the scheme": {"https://s", []string{"t"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewVerifier(tt.publicURL, tt.tokens...)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPortVariants(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"https://s":              {"https://s", "https://s:443"},
		"https://s:443/x":        {"https://s:443/x", "https://s/x"},
		"http://[::1]":           {"http://[::1]", "http://[::1]:80"},
		"http://[::1]:80":        {"http://[::1]:80", "http://[::1]"},
		"https://example.com:80": {"https://example.com:80"},
		"https://a:443@b/c":      {"https://a:443@b/c", "https://a:443@b:443/c"},
	}
	for base, want := range tests {
		got, err := portVariants(base)
		if err != nil {
			t.Errorf("%s: %v", base, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", base, diff)
		}
	}
}

func TestNothingPrintsTheToken(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef0123456789abcdef"
	v, err := NewVerifier("https://example.com", token)
	if err != nil {
		t.Fatal(err)
	}
	refused := v.Verify("/", []byte("Body=private"), formType, []string{sign("x", "", "")})
	for _, s := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprint(refused)} {
		if strings.Contains(s, token) || strings.Contains(s, "private") || strings.Contains(s, "48 49 50") {
			t.Errorf("%q tells too much", s)
		}
	}
}

func TestCheckAuthToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		token string
		ok    bool
	}{
		"real shape":          {"0f3c9b2a7d5e4810b6a1c2d3e4f50617", true},
		"empty":               {"", false},
		"as in the vectors":   {"12345", false},
		"23 characters":       {"0f3c9b2a7d5e4810b6a1c2d", false},
		"24 characters":       {"0f3c9b2a7d5e4810b6a1c2d3", true},
		"your_auth_token":     {"your_auth_token", false},
		"long placeholder":    {"YourTwilioAuthTokenGoesHere", false},
		"crosses":             {strings.Repeat("x", 32), false},
		"trailing line break": {"0f3c9b2a7d5e4810b6a1c2d3e4f50617\n", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckAuthToken(tt.token)
			if got := err == nil; got != tt.ok {
				t.Errorf("got %v, want ok %t", err, tt.ok)
			}
			if err != nil && tt.token != "" && strings.Contains(err.Error(), tt.token) {
				t.Errorf("%q quotes the token", err)
			}
		})
	}
}

// captured is a genuine inbound text's webhook, with values of the same shape.
const captured = "MessagingServiceSid=MG0123456789abcdef0123456789abcdef&EventType=onMessageAdded&Attributes=%7B%7D" +
	"&DateCreated=2025-09-17T22%3A23%3A11.350Z&Index=0&ChatServiceSid=IS0123456789abcdef0123456789abcdef" +
	"&MessageSid=IM0123456789abcdef0123456789abcdef&AccountSid=AC0123456789abcdef0123456789abcdef&Source=SMS&RetryCount=0" +
	"&Author=%2B14155552671&ParticipantSid=MB0123456789abcdef0123456789abcdef&Body=What+are+your+hours%3F" +
	"&ConversationSid=CH0123456789abcdef0123456789abcdef&WebhookType=post"

const capturedTarget = "/webhooks/twilio/conversations"

// FuzzVerify changes a signed webhook. Whatever passes must be the same signed
// text: Twilio's algorithm cannot see the order of the parameters, their
// escaping, or a pair that is repeated.
func FuzzVerify(f *testing.F) {
	const token = "0123456789abcdef0123456789abcdef"
	v, err := NewVerifier("https://example.com", token)
	if err != nil {
		f.Fatal(err)
	}
	signature := sign(token, "https://example.com"+capturedTarget, captured)
	text := func(target, body string) string {
		return target + strings.Join(distinctPairs(body), "")
	}
	want := text(capturedTarget, captured)
	f.Add(capturedTarget, []byte(captured), signature)
	f.Add(capturedTarget, []byte(captured+"&Body=STOP"), signature)
	f.Add(capturedTarget+"?", []byte(captured), signature)
	f.Add(capturedTarget, []byte(captured), sign("", "https://example.com"+capturedTarget, captured))
	f.Fuzz(func(t *testing.T, target string, body []byte, sig string) {
		if v.Verify(target, body, formType, []string{sig}) != nil {
			return
		}
		if sig != signature || text(target, string(body)) != want {
			t.Errorf("accepted target %q, body %q, signature %q", target, body, sig)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	const token = "0123456789abcdef0123456789abcdef"
	v, err := NewVerifier("https://example.com", token)
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(captured)
	signatures := []string{sign(token, "https://example.com"+capturedTarget, captured)}
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Verify(capturedTarget, body, formType, signatures); err != nil {
			b.Fatal(err)
		}
	}
}
