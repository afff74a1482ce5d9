package handlers

import (
	"bytes"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"textme/chat"
)

func TestSignupIsRecordedAsEvidence(t *testing.T) {
	t.Parallel()
	s := newService(t)
	page := s.get("/s/default")
	form := url.Values{
		"phone": {canaryTyped}, "name": {" Zebedee \t Canary "}, "consent": {"yes"}, "website": {""},
		"form_token": {found(t, tokenPattern, page)},
	}
	s.clock.advance(time.Minute)
	w := s.post("/signup/default?phone=%2B442079460958", form,
		header("Origin", "https://text.example"),
		header("Referer", "https://user:pw@text.example/s/default#top"),
		header("User-Agent", "Browser/1.0\x01"))
	wantStatus(t, w, http.StatusSeeOther)
	if got, want := w.Header().Get("Location"), "/s/default/thanks"; got != want {
		t.Errorf("redirected to %q, want %q", got, want)
	}
	want := chat.Signup{
		Source:     s.store.sources["default"],
		Phone:      canaryPhone,
		PhoneTyped: canaryTyped,
		Name:       canaryName,
		PageURL:    "https://text.example/s/default",
		IP:         netip.MustParseAddr("203.0.113.7"),
		UserAgent:  "Browser/1.0",
		Consent:    chat.Checkbox,
		VerifiedBy: chat.ByFormToken,
		Payload:    []byte(form.Encode()),
		At:         start.Add(time.Minute),
	}
	if len(s.store.signups) != 1 {
		t.Fatalf("%d sign-ups recorded, want 1", len(s.store.signups))
	}
	got := s.store.signups[0]
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(chat.Signup{}, "DedupeKey")); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got.DedupeKey, "token:") {
		t.Errorf("dedupe key %q is not the token's", got.DedupeKey)
	}
	wantStatus(t, s.get("/s/default/thanks"), http.StatusOK)
}

func TestFormTokenTwiceIsOneSignup(t *testing.T) {
	t.Parallel()
	s := newService(t)
	form := s.filled("default")
	first, second := s.post("/signup/default", form), s.post("/signup/default", form)
	if first.Code != http.StatusSeeOther || second.Code != first.Code || second.Header().Get("Location") != first.Header().Get("Location") {
		t.Errorf("answers differ: %d and %d", first.Code, second.Code)
	}
	if n := len(s.store.signups); n != 1 {
		t.Errorf("%d sign-ups recorded, want 1", n)
	}
}

func multipartForm(t *testing.T, form url.Values) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, values := range form {
		for _, v := range values {
			if err := w.WriteField(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestSignupAnswers(t *testing.T) {
	t.Parallel()
	const ok = "phone=%28201%29+555-0123&name=Zebedee&consent=yes"
	tests := map[string]struct {
		target, contentType, body string
		options                   []option
		status                    int
		fields                    []string // of a JSON 422
	}{
		"form":                        {"/signup/form", urlencoded, ok, nil, 303, nil},
		"form with charset":           {"/signup/form", urlencoded + "; charset=UTF-8", ok, nil, 303, nil},
		"json":                        {"/signup/form", jsonType, `{"phone":"+1 201 555 0123","consent":true}`, nil, 202, nil},
		"json with number one":        {"/signup/form", jsonType, `{"phone":"2015550123","consent":1,"name":null}`, nil, 202, nil},
		"source in the body":          {"/signup", jsonType, `{"source":"form","phone":"2015550123","consent":"on"}`, nil, 202, nil},
		"path before body":            {"/signup/form", jsonType, `{"source":"default","phone":"2015550123","consent":"on"}`, nil, 202, nil},
		"default source wants token":  {"/signup", jsonType, `{"phone":"2015550123","consent":"on"}`, nil, 422, []string{"form_token"}},
		"form answered as json":       {"/signup/form", urlencoded, ok, []option{header("Accept", "application/json")}, 202, nil},
		"no phone":                    {"/signup/form", jsonType, `{"consent":true}`, nil, 422, []string{"phone"}},
		"phone of nobody":             {"/signup/form", jsonType, `{"phone":"911","consent":true}`, nil, 422, []string{"phone"}},
		"phone as object":             {"/signup/form", jsonType, `{"phone":{"a":1},"consent":true}`, nil, 422, []string{"phone"}},
		"our own number":              {"/signup/form", jsonType, `{"phone":"+12015550100","consent":true}`, nil, 202, nil}, // refused like any other that is not texted
		"no consent":                  {"/signup/form", jsonType, `{"phone":"2015550123"}`, nil, 422, []string{"consent"}},
		"consent denied":              {"/signup/form", jsonType, `{"phone":"2015550123","consent":false}`, nil, 422, []string{"consent"}},
		"name too long":               {"/signup/form", jsonType, `{"phone":"2015550123","consent":true,"name":"` + strings.Repeat("é", 101) + `"}`, nil, 422, []string{"name"}},
		"name just short enough":      {"/signup/form", jsonType, `{"phone":"2015550123","consent":true,"name":"` + strings.Repeat("é", 100) + `"}`, nil, 202, nil},
		"everything wrong":            {"/signup/form", jsonType, `{}`, nil, 422, []string{"phone", "consent"}},
		"two phones":                  {"/signup/form", urlencoded, ok + "&phone=2", []option{header("Accept", jsonType)}, 422, []string{"phone"}},
		"two names":                   {"/signup/form", urlencoded, ok + "&name=2", []option{header("Accept", jsonType)}, 422, []string{"name"}},
		"two consents":                {"/signup/form", urlencoded, ok + "&consent=no", []option{header("Accept", jsonType)}, 422, []string{"consent"}},
		"two phones in a list":        {"/signup/form", jsonType, `{"phone":["2015550123","2015550124"],"consent":true}`, nil, 422, []string{"phone"}},
		"two sources":                 {"/signup", urlencoded, ok + "&source=form&source=default", []option{header("Accept", jsonType)}, 422, []string{""}},
		"repeated key":                {"/signup/form", jsonType, `{"phone":"1","phone":"2015550123","consent":true}`, nil, 400, nil},
		"query is not read":           {"/signup/form?phone=2015550123&consent=yes", urlencoded, "name=x", nil, 422, nil},
		"not json":                    {"/signup/form", jsonType, `{"phone":`, nil, 400, nil},
		"not a form":                  {"/signup/form", urlencoded, "phone=%zz", nil, 400, nil},
		"no such type":                {"/signup/form", "text/plain", ok, nil, 415, nil},
		"no type":                     {"/signup/form", "", ok, nil, 415, nil},
		"gzip":                        {"/signup/form", urlencoded, ok, []option{header("Content-Encoding", "gzip")}, 415, nil},
		"too large":                   {"/signup/form", urlencoded, ok + "&x=" + strings.Repeat("x", 64<<10), nil, 413, nil},
		"unknown source":              {"/signup/nobody", urlencoded, ok, nil, 404, nil},
		"disabled source":             {"/signup/off", urlencoded, ok, nil, 404, nil},
		"webhook source":              {"/signup/signed", urlencoded, ok, nil, 404, nil},
		"malformed source":            {"/signup/%00", urlencoded, ok, nil, 404, nil},
		"long idempotency key":        {"/signup/form", urlencoded, ok, []option{header("Idempotency-Key", strings.Repeat("k", 201))}, 400, nil},
		"unprintable idempotency key": {"/signup/form", urlencoded, ok, []option{header("Idempotency-Key", "ab\x7f1")}, 400, nil},
		"two idempotency keys":        {"/signup/form", urlencoded, ok, []option{header("Idempotency-Key", "a"), header("Idempotency-Key", "b")}, 400, nil},
	}
	s := newService(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := s.send(tt.target, tt.contentType, tt.body, tt.options...)
			wantStatus(t, w, tt.status)
			if tt.fields != nil {
				wantErrors(t, w, tt.fields...)
			}
		})
	}
	t.Run("multipart", func(t *testing.T) {
		t.Parallel()
		contentType, body := multipartForm(t, s.filled("default"))
		wantStatus(t, s.send("/signup/default", contentType, body), http.StatusSeeOther)
	})
}

// The answer must not tell whether a number is known, opted out, capped or of
// a kind that is refused.
func TestAnswerIsTheSameForEveryNumber(t *testing.T) {
	t.Parallel()
	s := newService(t)
	phones := map[string]string{
		"new": "+12015550123", "again": "+12015550123", "premium": "+19002345678", "toll-free": "+18002345678",
		"abroad": "+442079460958", "satellite": "+881612345678",
	}
	for _, form := range []string{"json", "page"} {
		var want *httptest.ResponseRecorder
		for name, phone := range phones {
			var w *httptest.ResponseRecorder
			if form == "json" {
				w = s.send("/signup/form", jsonType, `{"phone":"`+phone+`","consent":true}`)
			} else {
				filled := s.filled("default")
				filled.Set("phone", phone)
				w = s.post("/signup/default", filled)
			}
			w.Header().Del("X-Request-Id") // random
			if want == nil {
				want = w
				continue
			}
			if w.Code != want.Code || w.Body.String() != want.Body.String() {
				t.Errorf("%s, %s: %d %q, others %d %q", form, name, w.Code, w.Body, want.Code, want.Body)
			}
			if diff := cmp.Diff(want.Header(), w.Header()); diff != "" {
				t.Errorf("%s, %s: headers differ:\n%s", form, name, diff)
			}
		}
		if want.Code >= 400 {
			t.Errorf("%s: %d", form, want.Code)
		}
	}
}

func TestPageComesBackWithWhatWasTyped(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*service, url.Values)
		notice string
		status int
		kept   bool // the tick
	}{
		"phone to mend":        {func(_ *service, f url.Values) { f.Set("phone", "201 555 01") }, "area code", 422, true},
		"token expired":        {func(s *service, _ url.Values) { s.clock.advance(chat.FormTokenLife + time.Second) }, "open too long", 422, false},
		"token forged":         {func(_ *service, f url.Values) { f.Set("form_token", "a.b.c.d") }, "has changed since", 422, false},
		"token missing":        {func(_ *service, f url.Values) { f.Del("form_token") }, "has changed since", 422, false},
		"token twice":          {func(_ *service, f url.Values) { f.Add("form_token", "x") }, "has changed since", 422, false},
		"token of another":     {func(s *service, f url.Values) { f.Set("form_token", s.token("themed")) }, "has changed since", 422, false},
		"disclosure changed":   {func(s *service, _ url.Values) { s.newDisclosure("default") }, "has changed since", 422, false},
		"database unavailable": {func(s *service, _ url.Values) { s.store.recordErr = chat.ErrUnavailable }, "could not save", 503, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			form := s.filled("default")
			tt.change(s, form)
			w := s.post("/signup/default", form)
			wantStatus(t, w, tt.status)
			body := html.UnescapeString(w.Body.String())
			for _, want := range []string{tt.notice, `value="` + form.Get("phone"), `value="` + canaryName} {
				if !strings.Contains(body, want) {
					t.Errorf("page lacks %q:\n%s", want, body)
				}
			}
			if got := strings.Contains(body, "required checked"); got != tt.kept {
				t.Errorf("box ticked: %t, want %t", got, tt.kept)
			}
			if len(s.store.signups) != 0 {
				t.Errorf("recorded %d sign-ups", len(s.store.signups))
			}

			// Sending the page that came back works, once mended.
			token := found(t, tokenPattern, w)
			if retry := tt.status == 503; retry != (token == form.Get("form_token")) {
				t.Errorf("token kept: %t, want %t", !retry, retry)
			}
			s.store.recordErr = nil
			mended := s.filled("default")
			mended.Set("form_token", token)
			wantStatus(t, s.post("/signup/default", mended), http.StatusSeeOther)
		})
	}
}

// A website's own form may have shown any text, so its tick is not taken over
// to a page that shows ours.
func TestTickOfAnotherFormIsNotKept(t *testing.T) {
	t.Parallel()
	s := newService(t)
	w := s.send("/signup/form", urlencoded, "phone=1&consent=yes")
	wantStatus(t, w, http.StatusUnprocessableEntity)
	wantPage(t, w.Body.String(), []string{"form_token"}, []string{"checked"})
}

// newDisclosure changes what visitors of the source agree to.
func (s *service) newDisclosure(key string) {
	src := s.store.sources[key]
	src.DisclosureVersion++
	s.store.sources[key] = src
}

func TestHoneypotIsThankedAndNotRecorded(t *testing.T) {
	t.Parallel()
	s := newService(t)
	form := s.filled("default")
	form.Set("website", "https://spam.example")
	trapped := s.post("/signup/default", form)
	form.Set("website", "")
	if n := len(s.store.signups); n != 0 {
		t.Errorf("%d sign-ups recorded, want 0", n)
	}
	honest := s.post("/signup/default", form)
	if trapped.Code != honest.Code || trapped.Header().Get("Location") != honest.Header().Get("Location") {
		t.Errorf("answers differ: %d %q and %d %q", trapped.Code, trapped.Header().Get("Location"), honest.Code, honest.Header().Get("Location"))
	}
	if !strings.Contains(s.log.String(), `"honeypot filled"`) {
		t.Error("nothing logged")
	}
}

func TestOwnFormMayHaveAWebsiteField(t *testing.T) {
	t.Parallel()
	s := newService(t)
	w := s.send("/signup/form", urlencoded, "phone=2015550123&consent=yes&website=https%3A%2F%2Fme.example")
	wantStatus(t, w, http.StatusSeeOther)
	if n := len(s.store.signups); n != 1 {
		t.Errorf("%d sign-ups recorded, want 1", n)
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 2 {
		wantStatus(t, s.send("/signup/form", jsonType, `{"phone":"2015550123","consent":true}`, header("Idempotency-Key", "order 7")), http.StatusAccepted)
	}
	if len(s.store.signups) != 1 || s.store.signups[0].DedupeKey != "idem:order 7" {
		t.Errorf("recorded %v", s.store.signups)
	}
}

func TestThanksPageOfTheWebsite(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ url, want string }{
		"web address":      {"https://www.harbour.example/thanks?x=1", "https://www.harbour.example/thanks?x=1"},
		"none":             {"", "/s/themed/thanks"},
		"script":           {"javascript:alert(1)", "/s/themed/thanks"},
		"scheme-relative":  {"//evil.example/", "/s/themed/thanks"},
		"user in it":       {"https://a@evil.example/", "/s/themed/thanks"},
		"header injection": {"https://a;script-src *.example/", "/s/themed/thanks"},
		"no host":          {"https:///x", "/s/themed/thanks"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			src := s.store.sources["themed"]
			src.Settings.ThanksURL = tt.url
			s.store.sources["themed"] = src
			form := s.filled("themed")
			form.Set("next", "https://evil.example/")
			w := s.post("/signup/themed", form)
			wantStatus(t, w, http.StatusSeeOther)
			if got := w.Header().Get("Location"); got != tt.want {
				t.Errorf("redirected to %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDatabaseAwayAsksScriptsToRetry(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.store.fail(chat.ErrUnavailable)
	for _, accept := range []string{"application/json", "text/html"} {
		w := s.send("/signup/form", urlencoded, "phone=2015550123&consent=yes", header("Accept", accept))
		wantStatus(t, w, http.StatusServiceUnavailable)
		if w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}
