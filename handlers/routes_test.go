package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// expectation is what one route answers to callers that prove nothing.
type expectation struct {
	anonymous  int // from a program
	crossSite  int // from another website's page
	foreignTok int // signed in, same origin, without the session's CSRF token; 0: as anonymous
	signedIn   int // signed in, with everything in order
}

// matrix declares every route anew. A route that is missing here, or that
// answers otherwise, fails.
var matrix = map[string]expectation{
	"GET /s/:source":                      {200, 200, 0, 200},
	"GET /s/:source/thanks":               {200, 200, 0, 200},
	"GET /s/:source/consent":              {200, 200, 0, 200},
	"GET /s/:source/theme.css":            {404, 404, 0, 404}, // the default source has no colours
	"GET /static/:file":                   {404, 404, 0, 404}, // no such file
	"GET /favicon.ico":                    {302, 302, 0, 302},
	"OPTIONS /signup":                     {204, 403, 0, 204},
	"OPTIONS /signup/:source":             {204, 403, 0, 204},
	"POST /signup":                        {422, 403, 0, 422},
	"POST /signup/:source":                {422, 403, 0, 422},
	"POST /hooks/forms/:source":           {404, 404, 0, 404},
	"POST /hooks/forms/:source/:token":    {404, 404, 0, 404},
	"POST /webhooks/twilio/conversations": {403, 403, 0, 403},
	"POST /webhooks/twilio/messages":      {403, 403, 0, 403},
	"GET /admin/sign-in":                  {200, 200, 0, 303},
	"POST /admin/sign-in":                 {422, 403, 0, 422},
	"POST /admin/sign-out":                {303, 403, 403, 303},
	"GET /admin":                          {303, 303, 0, 303},
	"GET /admin/conversations":            {303, 303, 0, 200},
	"POST /admin/conversations/reveal":    {303, 403, 403, 404},
	"GET /admin/conversations/:id":        {303, 303, 0, 404},
	"POST /admin/conversations/:id/reveal": {
		303, 403, 403, 404,
	},
	"POST /admin/conversations/:id/try-again": {
		303, 403, 403, 404,
	},
	"GET /admin/jobs":                          {303, 303, 0, 200},
	"GET /admin/jobs/*":                        {303, 303, 0, 200},
	"POST /admin/jobs/api/jobs/retry":          {303, 403, 0, 400}, // no JSON
	"POST /admin/jobs/api/jobs/cancel":         {303, 403, 0, 400},
	"POST /admin/jobs/api/jobs/delete":         {303, 403, 0, 400},
	"PUT /admin/jobs/api/queues/:queue/pause":  {303, 403, 0, 200},
	"PUT /admin/jobs/api/queues/:queue/resume": {303, 403, 0, 200},
	"GET /healthz":                             {200, 200, 0, 200},
	"GET /readyz":                              {200, 200, 0, 200},
}

// concrete is a path of the route.
func concrete(path string) string {
	return strings.NewReplacer(":source", "default", ":token", canaryToken, ":file", "x.css", ":id", "nobody", ":queue", "default").Replace(path)
}

func TestRouteTableIsTheLiveTable(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var live, declared, expected []string
	for _, r := range s.mux.Routes() {
		live = append(live, r.Method+" "+r.Path)
	}
	for _, r := range Routes() {
		declared = append(declared, r.Method+" "+r.Path)
		if r.Method == http.MethodGet {
			declared = append(declared, http.MethodHead+" "+r.Path)
		}
		if r.Who == "" {
			t.Errorf("%s %s is for nobody", r.Method, r.Path)
		}
	}
	for line := range matrix {
		expected = append(expected, line)
		if get, ok := strings.CutPrefix(line, "GET "); ok {
			expected = append(expected, "HEAD "+get)
		}
	}
	for _, list := range [][]string{live, declared, expected} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(declared, live); diff != "" {
		t.Errorf("live routes (-declared +live):\n%s", diff)
	}
	if diff := cmp.Diff(expected, declared); diff != "" {
		t.Errorf("declared routes (-matrix +declared):\n%s", diff)
	}
}

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	for _, r := range Routes() {
		t.Run(r.Method+" "+r.Path, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			want := matrix[r.Method+" "+r.Path]
			send := func(form url.Values, options ...option) int {
				if r.Method == http.MethodPost {
					options = append(options, header("Content-Type", urlencoded))
				}
				return s.do(r.Method, concrete(r.Path), strings.NewReader(form.Encode()), options...).Code
			}
			check := func(who string, got, want int) {
				t.Helper()
				if got != want {
					t.Errorf("%s: %d, want %d", who, got, want)
				}
			}
			check("anonymous", send(nil), want.anonymous)

			jar, csrf := s.signIn(t)
			foreign := []option{header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")}
			with := url.Values{"csrf_token": {csrf}}
			check("cross-site", send(with, foreign...), want.crossSite)
			if r.Method == http.MethodPost {
				// The cookie must not help a page of another website.
				check("cross-site with the cookie", send(with, append(foreign, cookies(jar))...), want.crossSite)
				check("old browser, another website", send(with, header("Origin", "https://evil.example"), cookies(jar)), want.crossSite)
			}
			if want.foreignTok != 0 {
				check("no csrf token", send(nil, cookies(jar)), want.foreignTok)
				check("wrong csrf token", send(url.Values{"csrf_token": {"x"}}, cookies(jar)), want.foreignTok)
				check("two csrf tokens", send(url.Values{"csrf_token": {csrf, csrf}}, cookies(jar)), want.foreignTok)
				if got := s.do(r.Method, concrete(r.Path), strings.NewReader(with.Encode()), cookies(jar), header("Content-Type", "text/plain")).Code; got != 415 {
					t.Errorf("text/plain: %d, want 415", got)
				}
			}
			if strings.HasPrefix(r.Path, "/admin/jobs/api/") { // its script has no token, but an origin
				check("no origin", send(nil, cookies(jar)), http.StatusForbidden)
				check("no origin either", send(with, cookies(jar), header("Sec-Fetch-Site", "none")), http.StatusForbidden)
			}
			check("signed in", send(with, cookies(jar), header("Sec-Fetch-Site", "same-origin")), want.signedIn)
		})
	}
}

func TestUndeclaredMethodsAreRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	declared := map[string][]string{}
	for _, r := range Routes() {
		declared[r.Path] = append(declared[r.Path], r.Method)
		if r.Method == http.MethodGet {
			declared[r.Path] = append(declared[r.Path], http.MethodHead)
		}
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"}
	for path, allowed := range declared {
		for _, method := range methods {
			if slices.Contains(allowed, method) {
				continue
			}
			if path == "/admin/conversations/reveal" && (method == "GET" || method == "HEAD") {
				continue // is GET /admin/conversations/:id
			}
			if strings.HasPrefix(path, "/admin/jobs/api/") && (method == "GET" || method == "HEAD") {
				continue // is GET /admin/jobs/*
			}
			w := s.do(method, concrete(path), nil)
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d, want 405", method, path, w.Code)
			}
			if allow := w.Header().Get("Allow"); method != "PROPFIND" && strings.Contains(allow, "OPTIONS") != slices.Contains(allowed, "OPTIONS") {
				t.Errorf("%s %s: Allow is %q", method, path, allow)
			}
		}
	}
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var answers []struct {
		method, target string
	}
	add := func(method, target string) {
		answers = append(answers, struct{ method, target string }{method, target})
	}
	for _, r := range Routes() {
		add(r.Method, concrete(r.Path))
		add("DELETE", concrete(r.Path))
		if r.Method == http.MethodGet {
			add("HEAD", concrete(r.Path))
		}
	}
	add("GET", "/")
	add("GET", "/nothing")
	add("GET", "/admin/nothing")
	add("GET", "/s/themed")
	add("GET", "/s/%00")
	check := func(t *testing.T) {
		t.Helper()
		for _, a := range answers {
			h := s.do(a.method, a.target, nil).Header()
			policy := h.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
				if !strings.Contains(policy, part) {
					t.Errorf("%s %s: policy %q lacks %s", a.method, a.target, policy, part)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("%s %s: policy %q", a.method, a.target, policy)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options":     "nosniff",
				"Referrer-Policy":            "same-origin",
				"Cross-Origin-Opener-Policy": "same-origin",
				"Strict-Transport-Security":  "max-age=31536000",
			} {
				if h.Get(name) != want {
					t.Errorf("%s %s: %s is %q", a.method, a.target, name, h.Get(name))
				}
			}
			if a.target != "/favicon.ico" && h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: Cache-Control is %q", a.method, a.target, h.Get("Cache-Control"))
			}
			if h.Get("X-Request-Id") == "" {
				t.Errorf("%s %s: no request id", a.method, a.target)
			}
		}
	}
	check(t)
	s.store.fail(chat.ErrUnavailable)
	check(t)
}

func TestPolicyAllowsTheRedirectToTheSourcesPage(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := s.get("/s/themed").Header().Get("Content-Security-Policy")
	if want := "form-action 'self' https://www.harbour.example"; !strings.HasSuffix(got, want) {
		t.Errorf("policy %q does not end in %q", got, want)
	}
}

func TestNoTransportSecurityWithoutTLS(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c *Config) { c.PublicURL = mustURL(t, "http://127.0.0.1:8080") })
	if got := s.get("/healthz").Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("Strict-Transport-Security is %q on http", got)
	}
}

func TestHeadAnswersWithoutBody(t *testing.T) {
	t.Parallel()
	s := newService(t)
	server := newServer(t, s.mux)
	for _, path := range []string{"/s/default", "/healthz", "/admin/sign-in"} {
		resp, err := server.Client().Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.ContentLength <= 0 {
			t.Errorf("HEAD %s: %d with length %d", path, resp.StatusCode, resp.ContentLength)
		}
	}
}

func TestAnswersInTheCallersForm(t *testing.T) {
	t.Parallel()
	s := newService(t)
	tests := map[string]struct {
		method, target, accept string
		status                 int
		contentType            string
	}{
		"browser, nothing there":    {"GET", "/nothing", "text/html,*/*", 404, "text/html; charset=UTF-8"},
		"script, nothing there":     {"GET", "/nothing", "application/json", 404, "application/json"},
		"browser, no such source":   {"GET", "/s/nobody", "text/html", 404, "text/html; charset=UTF-8"},
		"vendor, no such source":    {"POST", "/hooks/forms/nobody", "text/html", 404, "application/json"},
		"Twilio, forged":            {"POST", "/webhooks/twilio/conversations", "text/html", 403, ""},
		"Twilio, wrong method":      {"GET", "/webhooks/twilio/conversations", "", 405, ""},
		"probe, wrong method":       {"POST", "/healthz", "", 405, "text/plain; charset=UTF-8"},
		"staff, wrong method":       {"PUT", "/admin/conversations", "", 405, "text/html; charset=UTF-8"},
		"browser, signup malformed": {"POST", "/signup", "text/html", 415, "text/html; charset=UTF-8"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := s.do(tt.method, tt.target, nil, header("Accept", tt.accept))
			wantStatus(t, w, tt.status)
			if got := w.Header().Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type %q, want %q", got, tt.contentType)
			}
			if tt.contentType == "" && w.Body.Len() > 0 {
				t.Errorf("body %q, want none", w.Body)
			}
		})
	}
}
