package handlers

import (
	"errors"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"textme/chat"
)

func TestPublicPages(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target string
		status int
		parts  []string
	}{
		"form":                        {"/s/default", 200, []string{"Harbour Dental", "I agree to receive texts", `action="/signup/default"`, "form_token"}},
		"form of a form source":       {"/s/form", 200, []string{"form_token"}},
		"form of a webhook source":    {"/s/signed", 404, nil},
		"form of nobody":              {"/s/nobody", 404, nil},
		"form of a disabled source":   {"/s/off", 404, nil},
		"thanks":                      {"/s/default/thanks", 200, []string{"check your phone"}},
		"thanks of nobody":            {"/s/nobody/thanks", 404, nil},
		"consent":                     {"/s/default/consent", 200, []string{"I agree to receive texts"}},
		"consent of a webhook source": {"/s/signed/consent", 200, []string{"I agree to receive texts"}},
		"consent of nobody":           {"/s/nobody/consent", 404, nil},
		"consent of a disabled one":   {"/s/off/consent", 404, nil},
		"theme":                       {"/s/themed/theme.css", 200, []string{"--accent: #0b6b4f"}},
		"theme of a plain source":     {"/s/default/theme.css", 404, nil},
		"theme of nobody":             {"/s/nobody/theme.css", 404, nil},
		"trailing slash":              {"/s/default/", 404, nil},
		"key in capitals":             {"/s/DEFAULT", 404, nil},
		"key with a NUL":              {"/s/%00", 404, nil},
		"key with a slash":            {"/s/a%2Fb", 404, nil},
		"no key":                      {"/s/", 404, nil},
	}
	s := newService(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := s.get(tt.target)
			wantStatus(t, w, tt.status)
			wantPage(t, w.Body.String(), tt.parts, nil)
		})
	}
}

func TestEveryViewHasATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first, second := found(t, tokenPattern, s.get("/s/default")), found(t, tokenPattern, s.get("/s/default"))
	if first == second {
		t.Error("two views share a token: one of the two sign-ups would be dropped")
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	s := newService(t)
	page := s.get("/s/default").Body.String()
	for _, m := range regexp.MustCompile(`href="(/static/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		w := s.get(html.UnescapeString(m[1]))
		wantStatus(t, w, http.StatusOK)
		if got := w.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control is %q", m[1], got)
		}
	}
	w := s.get("/favicon.ico")
	wantStatus(t, w, http.StatusFound)
	wantStatus(t, s.get(w.Header().Get("Location")), http.StatusOK)
	for _, bad := range []string{"textme.css", "..%2ftemplates.go", "%2e%2e", ""} {
		wantStatus(t, s.get("/static/"+bad), http.StatusNotFound)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	wantStatus(t, s.get("/healthz"), http.StatusOK)
	wantStatus(t, s.get("/readyz"), http.StatusOK)
	for _, err := range []error{chat.ErrUnavailable, errors.New("migration 7 is missing")} {
		s.store.fail(err)
		wantStatus(t, s.get("/healthz"), http.StatusOK)
		w := s.get("/readyz")
		wantStatus(t, w, http.StatusServiceUnavailable)
		if strings.Contains(w.Body.String(), "migration") {
			t.Errorf("the reason is told to everybody: %s", w.Body)
		}
	}
}
