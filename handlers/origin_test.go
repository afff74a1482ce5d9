package handlers

import (
	"net/http"
	"testing"

	"textme/chat"
)

func TestOrigins(t *testing.T) {
	t.Parallel()
	const listed = "https://www.harbour.example"
	tests := map[string]struct {
		origins    []string
		fetchSite  string
		allowed    bool
		verifiedBy chat.VerifiedBy
	}{
		"listed":                      {[]string{listed}, "cross-site", true, chat.ByOrigin},
		"our own":                     {[]string{"https://text.example"}, "", true, chat.ByOrigin},
		"our own page, another name":  {[]string{"http://127.0.0.1:8080"}, "same-origin", true, chat.ByOrigin},
		"none":                        {nil, "", true, chat.ByNothing},
		"another":                     {[]string{"https://evil.example"}, "cross-site", false, ""},
		"another scheme":              {[]string{"http://www.harbour.example"}, "", false, ""},
		"another port":                {[]string{listed + ":8443"}, "", false, ""},
		"another subdomain":           {[]string{"https://harbour.example"}, "same-site", false, ""},
		"longer":                      {[]string{listed + ".evil.example"}, "", false, ""},
		"null":                        {[]string{"null"}, "", false, ""},
		"empty":                       {[]string{""}, "", false, ""},
		"two, one of them listed":     {[]string{listed, "https://evil.example"}, "", false, ""},
		"two, claiming our own page":  {[]string{listed, "https://evil.example"}, "same-origin", false, ""},
		"several in one":              {[]string{listed + " https://evil.example"}, "", false, ""},
		"upper case is not an origin": {[]string{"HTTPS://WWW.HARBOUR.EXAMPLE"}, "", false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			var options []option
			for _, o := range tt.origins {
				options = append(options, header("Origin", o))
			}
			if tt.fetchSite != "" {
				options = append(options, header("Sec-Fetch-Site", tt.fetchSite))
			}
			wantHeader := ""
			if tt.allowed && tt.origins != nil {
				wantHeader = tt.origins[0]
			}

			w := s.send("/signup/form", jsonType, `{"phone":"2015550123","consent":true}`, options...)
			switch {
			case tt.allowed:
				wantStatus(t, w, http.StatusAccepted)
				if got := s.store.signups[0].VerifiedBy; got != tt.verifiedBy {
					t.Errorf("verified by %q, want %q", got, tt.verifiedBy)
				}
			default:
				wantStatus(t, w, http.StatusForbidden)
				wantErrors(t, w, "")
			}
			wantCORS(t, w.Header(), wantHeader)

			// Errors can be read by the page, too.
			w = s.send("/signup/form", jsonType, `{}`, options...)
			wantCORS(t, w.Header(), wantHeader)

			w = s.do(http.MethodOptions, "/signup/form", nil, append(options, header("Access-Control-Request-Method", "POST"))...)
			wantCORS(t, w.Header(), wantHeader)
			if tt.allowed {
				wantStatus(t, w, http.StatusNoContent)
				if got := w.Header().Get("Access-Control-Allow-Headers"); got != "Content-Type, Idempotency-Key" {
					t.Errorf("allowed headers %q", got)
				}
			} else {
				wantStatus(t, w, http.StatusForbidden)
			}
		})
	}
}

func wantCORS(t *testing.T, h http.Header, origin string) {
	t.Helper()
	if got := h.Get("Access-Control-Allow-Origin"); got != origin {
		t.Errorf("Access-Control-Allow-Origin is %q, want %q", got, origin)
	}
	if h.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("credentials allowed")
	}
	if h.Get("Vary") != "Origin" {
		t.Errorf("Vary is %q", h.Get("Vary"))
	}
}

func TestRefusedOriginIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for origin, advice := range map[string]string{
		"https://evil.example": "add its origin",
		"null":                 "referrer policy no-referrer",
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			w := s.send("/signup/form", urlencoded, "phone=2015550123", header("Origin", origin), header("Accept", accept))
			wantPage(t, w.Body.String(), []string{advice}, nil)
		}
	}
}

func TestPreflightOfTheDefaultAndOfNoSource(t *testing.T) {
	t.Parallel()
	s := newService(t)
	own := header("Origin", "https://text.example")
	wantStatus(t, s.do(http.MethodOptions, "/signup", nil, own), http.StatusNoContent)
	wantStatus(t, s.do(http.MethodOptions, "/signup/nobody", nil, own), http.StatusNotFound)
	wantStatus(t, s.do(http.MethodOptions, "/signup/signed", nil, own), http.StatusNotFound)
}

func TestOriginOf(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"https://Text.Example/path?x": "https://text.example",
		"https://text.example:443":    "https://text.example",
		"http://text.example:80/":     "http://text.example",
		"https://text.example:8443":   "https://text.example:8443",
		"http://[::1]:8080":           "http://[::1]:8080",
		"http://:8080":                "",
		"ftp://text.example":          "",
		"/path":                       "",
		"https://a;b.example":         "",
		"https://a,b.example":         "",
	}
	for in, want := range tests {
		if got := originOf(mustURL(t, in)); got != want {
			t.Errorf("originOf(%q) = %q, want %q", in, got, want)
		}
	}
}
