package twiliosim_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/twilio/twiliosim"
)

// browse is one request of a browser without script: it follows no redirect.
func browse(t *testing.T, h http.Handler, method, target string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// shown is a page's source with the plus signs that html/template escapes.
func shown(w *httptest.ResponseRecorder) string {
	return strings.ReplaceAll(w.Body.String(), "&#43;", "+")
}

// Everything the page does works by forms alone.
func TestPhonePageByForms(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	if w := browse(t, s, "GET", "/", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "No phone has been texted yet") {
		t.Errorf("empty page: %d %s", w.Code, w.Body)
	}
	w := browse(t, s, "POST", "/phones", url.Values{"phone": {" +1 (555) 867-5310 "}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/phone/"+phone {
		t.Fatalf("open a phone: %d to %s", w.Code, w.Header().Get("Location"))
	}
	ch := s.conversation("page")
	s.join(ch, phone, sender)
	w = browse(t, s, "POST", "/phone/"+phone+"/texts", url.Values{"to": {sender}, "body": {`<script>alert("x")</script>`}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/phone/"+phone {
		t.Errorf("send a text: %d %s", w.Code, w.Body)
	}
	w = browse(t, s, "POST", "/phone/"+phone+"/outcomes", url.Values{"outcome": {"undelivered 30003"}, "from": {"all"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Errorf("set an outcome: %d to %s", w.Code, w.Header().Get("Location"))
	}
	if body := browse(t, s, "GET", "/phone/"+phone, nil).Body.String(); !strings.Contains(body, `<span data-part="next">undelivered (30003)</span>`) {
		t.Errorf("the next outcome is not shown:\n%s", body)
	}
	s.sayAndSettle(ch, "lost")
	s.sayAndSettle(ch, "found")
	browse(t, s, "POST", "/phone/"+phone+"/texts", url.Values{"to": {sender}, "quick": {"STOP"}, "body": {"half a dra"}})
	if !s.Handset(phone).OptedOut(sender) {
		t.Error("the STOP button did not opt out")
	}
	for _, page := range []string{"/", "/phone/" + phone, "/phone/" + phone + "/handset"} {
		w := browse(t, s, "GET", page, nil)
		for _, want := range []string{
			"&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;", "A text did not arrive", "undelivered (30003)",
			"found", "Opted out of +1 (500) 555-0006", "Twilio’s own answer", "+1 (555) 867-5310",
		} {
			if !strings.Contains(shown(w), want) {
				t.Errorf("%s lacks %q", page, want)
			}
		}
		if strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "half a dra") {
			t.Errorf("%s shows what it must not:\n%s", page, w.Body)
		}
	}
	if diff := cmp.Diff([]string{`<script>alert("x")</script>`, "STOP"}, []string{s.Messages(ch)[0].Body, s.Messages(ch)[3].Body}); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	browse(t, s, "POST", "/phone/"+phone2+"/outcomes", url.Values{"outcome": {"read"}, "every": {"yes"}})
	other := s.conversation("other")
	s.join(other, phone2, sender)
	for range 2 {
		if got := s.Receipts(s.sayAndSettle(other, "x"))[0].Status; got != "read" {
			t.Errorf("status %s, want read every time", got)
		}
	}
}

func TestPhonePageRefuses(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	const long = "a text nobody wants to type again"
	tests := []struct {
		name, method, target string
		form                 url.Values
		status               int
		want                 string
	}{
		{"no number", "POST", "/phones", url.Values{"phone": {"555"}}, 422, "Enter a number with its country code"},
		{"a sender as a phone", "POST", "/phones", url.Values{"phone": {sender}}, 422, "senders"},
		{"page of no number", "GET", "/phone/555", nil, 404, ""},
		{"page of a sender", "GET", "/phone/" + sender, nil, 404, ""},
		{"fragment of no number", "GET", "/phone/555/handset", nil, 404, ""},
		{"text to a stranger", "POST", "/phone/" + phone + "/texts", url.Values{"to": {"+15005559999"}, "body": {long}}, 422, long},
		{"empty text", "POST", "/phone/" + phone + "/texts", url.Values{"to": {sender}}, 422, "no body"},
		{"text from no number", "POST", "/phone/555/texts", url.Values{"to": {sender}, "body": {"x"}}, 404, ""},
		{"unknown outcome", "POST", "/phone/" + phone + "/outcomes", url.Values{"outcome": {"lost"}}, 422, "unknown"},
		{"outcome with a bad code", "POST", "/phone/" + phone + "/outcomes", url.Values{"outcome": {"failed x"}}, 422, "unknown"},
		{"outcome of no number", "POST", "/phone/555/outcomes", url.Values{"outcome": {"read"}}, 404, ""},
		{"nothing here", "GET", "/nothing", nil, 404, ""},
	}
	for _, tt := range tests {
		w := browse(t, s, tt.method, tt.target, tt.form)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: got %d, want %d with %q:\n%s", tt.name, w.Code, tt.status, tt.want, w.Body)
		}
	}
	if n := len(s.Handsets()); n != 0 {
		t.Errorf("%d handsets after refusals, want none", n)
	}
}

func TestPhonePageRefusesOtherOrigins(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	for _, target := range []string{"/phones", "/phone/" + phone + "/texts", "/phone/" + phone + "/outcomes"} {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(url.Values{"phone": {phone}, "to": {sender}, "body": {"x"}, "outcome": {"read"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("POST %s from elsewhere: %d, want 403", target, w.Code)
		}
	}
}

// No page or asset may run or load anything but the package's own files.
func TestPhonePageHeaders(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.text(phone, sender, "x")
	for target, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/phone/" + phone: "text/html; charset=utf-8",
		"/assets/phone.css": "text/css; charset=utf-8", "/assets/phone.js": "text/javascript; charset=utf-8", "/assets/icon.svg": "image/svg+xml",
	} {
		w := browse(t, s, "GET", target, nil)
		if w.Code != 200 || w.Header().Get("Content-Type") != kind {
			t.Errorf("GET %s: %d %s, want %s", target, w.Code, w.Header().Get("Content-Type"), kind)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("GET %s: policy %q", target, policy)
		}
		if strings.HasPrefix(kind, "text/html") {
			for _, inline := range []string{"<style", " style=", " onclick=", "javascript:", "<script>"} {
				if strings.Contains(w.Body.String(), inline) {
					t.Errorf("GET %s has %q inline", target, inline)
				}
			}
		}
	}
}

func TestSeveralSendersOnPage(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.text(phone, sender2, "to the second")
	body := shown(browse(t, s, "GET", "/phone/"+phone, nil))
	if !strings.Contains(body, `<option value="`+sender2+`" selected>`) || !strings.Contains(body, "No conversation took this text") {
		t.Errorf("page after a text to the second sender:\n%s", body)
	}
}

// The event stream names each handset that changes and ends with the Server.
func TestEventStream(t *testing.T) {
	t.Parallel()
	s, err := twiliosim.New(twiliosim.Options{AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	res, err := http.Get(srv.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	next := func(prefix string) string {
		t.Helper()
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				return rest
			}
		}
		t.Fatalf("stream ended before %q: %v", prefix, lines.Err())
		return ""
	}
	next(": open")
	if _, err := s.Handset(phone).Text(sender, "hello"); err != nil {
		t.Fatal(err)
	}
	if got := next("data: "); got != phone {
		t.Errorf("event names %q, want %s", got, phone)
	}
	if err := s.Handset(phone2).Next(twiliosim.Outcome{Status: "read"}); err != nil {
		t.Fatal(err)
	}
	if got := next("data: "); got != phone2 {
		t.Errorf("event names %q, want %s", got, phone2)
	}
	if err := s.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("stream did not end cleanly: %v", err)
	}
}
