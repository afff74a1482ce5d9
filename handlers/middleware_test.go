package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"textme/chat"
)

// canaries are what must not be found in the log, in any spelling we handle.
func canaries() []string {
	return []string{canaryPhone, canaryPhone[1:], canaryTyped, canaryName, "Zebedee", canaryPassword, canaryToken, webhookSecret, "canary-body"}
}

func TestLogHoldsNothingOfAnybody(t *testing.T) {
	t.Parallel()
	s := newService(t)
	withConversation(s)
	jar, csrf := s.signIn(t)
	token := found(t, tokenPattern, s.get("/s/default"))
	everything := func() {
		form := s.filled("default")
		form.Set("extra", "canary-body")
		s.post("/signup/default", form)
		s.post("/signup/default", url.Values{"phone": {canaryTyped}, "name": {canaryName}})
		s.send("/signup/form", jsonType, `{"phone":"`+canaryPhone+`","name":"`+canaryName+`","canary-body":`)
		s.send("/signup/form?phone="+url.QueryEscape(canaryPhone), "multipart/form-data; boundary=x", canaryName)
		s.post("/signup/"+url.PathEscape(canaryName), form)
		s.send("/hooks/forms/tokened/"+canaryToken, jsonType, hookBody)
		s.send("/hooks/forms/tokened/"+canaryToken, jsonType, `{"phone":"canary-body","consent":"yes"}`)
		s.send("/hooks/forms/tokened/"+canaryToken, "text/canary-body", hookBody)
		s.send("/hooks/forms/tokened", jsonType, hookBody, header("Authorization", "Bearer "+canaryToken))
		s.send("/hooks/forms/nobody/"+canaryToken, jsonType, hookBody)
		s.send("/hooks/forms/broken/"+canaryToken, jsonType, hookBody)
		s.send("/webhooks/twilio/conversations?"+canaryToken, urlencoded, "genuine canary-body "+canaryPhone)
		s.send("/webhooks/twilio/conversations", urlencoded, "forged canary-body")
		s.get("/admin/conversations?q="+url.QueryEscape(canaryPhone), cookies(jar))
		s.get("/admin/conversations?before="+canaryToken, cookies(jar))
		s.get("/admin/conversations/"+conversation.String(), cookies(jar))
		s.post("/admin/conversations/reveal", url.Values{"csrf_token": {csrf}, "id": {conversation.String()}}, cookies(jar))
		s.post("/admin/sign-in", credentialsOf(canaryName, canaryPassword))
		s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword+"x"))
		s.get("/"+canaryToken, header("User-Agent", canaryName), header("Referer", canaryPhone))
		s.do("Zebedee", "/signup", nil)
	}
	everything()
	s.store.recordErr = chat.ErrUnavailable
	everything()
	s.store.recordErr = errors.New("constraint violated")
	everything()
	s.store.fail(chat.ErrUnavailable)
	everything()

	log := s.log.String()
	for _, canary := range append(canaries(), token, csrf, jar[0].Value, jar[1].Value) {
		if strings.Contains(log, canary) || strings.Contains(log, url.QueryEscape(canary)) {
			t.Errorf("the log holds %q", canary)
		}
	}
	lines := 0
	for line := range strings.Lines(log) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		if entry["msg"] == "request" {
			lines++
			for _, key := range []string{"method", "route", "status", "duration_ms", "request_id"} {
				if _, ok := entry[key]; !ok {
					t.Errorf("line %q lacks %s", line, key)
				}
			}
		}
	}
	if want := 4*21 + 3; lines != want {
		t.Errorf("%d request lines, want %d", lines, want)
	}
}

func TestPanicsAndErrorsStayInside(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handle echo.HandlerFunc
		logged string
	}{
		"error":         {func(echo.Context) error { return errors.New("relation customers: deadlock") }, "deadlock"},
		"panic":         {func(echo.Context) error { panic(canaryName) }, "handler panicked: string"},
		"runtime error": {func(c echo.Context) error { return c.String(http.StatusOK, []string{}[c.Request().ContentLength:][0]) }, "index out of range"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.mux.GET("/boom", tt.handle)
			w := s.get("/boom")
			wantStatus(t, w, http.StatusInternalServerError)
			wantPage(t, w.Body.String(), []string{"Something went wrong", w.Header().Get("X-Request-Id")}, []string{"deadlock", "panic", "goroutine", "out of range", canaryName})
			log := s.log.String()
			if !strings.Contains(log, tt.logged) || !strings.Contains(log, w.Header().Get("X-Request-Id")) {
				t.Errorf("log lacks %q:\n%s", tt.logged, log)
			}
			if strings.Contains(log, canaryName) {
				t.Errorf("the panic's value was logged:\n%s", log)
			}
			wantStatus(t, s.get("/healthz"), http.StatusOK)
		})
	}
}

func TestEveryRequestHasADeadline(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.mux.GET("/slow", func(c echo.Context) error {
		if _, ok := c.Request().Context().Deadline(); !ok {
			t.Error("no deadline")
		}
		return fmt.Errorf("read rows: %w", context.DeadlineExceeded)
	})
	wantStatus(t, s.get("/slow"), http.StatusServiceUnavailable)
}

func TestAbortedHandlerIsNotAnswered(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.mux.GET("/abort", func(echo.Context) error { panic(http.ErrAbortHandler) })
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v, want net/http's own", err)
		}
	}()
	s.get("/abort")
	t.Error("answered")
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		trusted   string
		remote    string
		forwarded []string
		want      string
	}{
		"nobody trusted":            {"", "203.0.113.7:1", []string{"6.6.6.6"}, "203.0.113.7"},
		"loopback is not trusted":   {"", "127.0.0.1:1", []string{"6.6.6.6"}, "127.0.0.1"},
		"private is not trusted":    {"192.0.2.0/24", "10.0.0.1:1", []string{"6.6.6.6"}, "10.0.0.1"},
		"trusted proxy":             {"192.0.2.0/24", "192.0.2.9:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"no header":                 {"192.0.2.0/24", "192.0.2.9:1", nil, "192.0.2.9"},
		"spoofed before the proxy":  {"192.0.2.0/24", "192.0.2.9:1", []string{"6.6.6.6, 203.0.113.7"}, "203.0.113.7"},
		"spoofed in a header":       {"192.0.2.0/24", "192.0.2.9:1", []string{"6.6.6.6", "203.0.113.7"}, "203.0.113.7"},
		"two trusted proxies":       {"192.0.2.0/24", "192.0.2.9:1", []string{"203.0.113.7, 192.0.2.8"}, "203.0.113.7"},
		"prefix with host bits":     {"192.0.2.77/24", "192.0.2.9:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"IPv6 proxy":                {"2001:db8::/32", "[2001:db8::1]:1", []string{"2001:db9::5"}, "2001:db9::5"},
		"IPv4 in IPv6":              {"", "[::ffff:203.0.113.7]:1", nil, "203.0.113.7"},
		"zone":                      {"", "[fe80::1%eth0]:1", nil, "fe80::1"},
		"no address":                {"", "@", nil, "invalid IP"},
		"header that is no address": {"192.0.2.0/24", "192.0.2.9:1", []string{"unknown"}, "192.0.2.9"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := echo.New()
			mux.IPExtractor = clientIPFrom(prefixes(t, tt.trusted))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr = tt.remote
			for _, v := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", v)
			}
			if got := clientIP(mux.NewContext(r, httptest.NewRecorder())).String(); got != tt.want {
				t.Errorf("client is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestIgnoredForwardedHeaderIsToldOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 3 {
		s.get("/healthz", header("X-Forwarded-For", "6.6.6.6"))
	}
	if got := strings.Count(s.log.String(), "forwarded header ignored"); got != 1 {
		t.Errorf("told %d times, want once", got)
	}
}

func TestConfigSaysEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := New(Config{PublicURL: mustURL(t, "ftp://text.example")})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, name := range []string{"Forms", "Events", "Staff", "Health", "Webhooks", "Keyring", "Templates", "Logger", "ftp://text.example"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error lacks %s: %v", name, err)
		}
	}
}

func TestAnswerThatBreaksOffIsLogged(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	f := &failures{who: map[string]Caller{"/x": Probe}, log: slog.New(slog.NewTextHandler(&b, nil))}
	c := echo.New().NewContext(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil), brokenWriter{http.Header{}})
	c.SetPath("/x")
	f.answer(chat.ErrNotFound, c)
	if !strings.Contains(b.String(), "answer not written") {
		t.Errorf("log is %q", b.String())
	}
	f.answer(chat.ErrUnavailable, c) // committed: must not write a second answer
	if got := c.Response().Status; got != http.StatusNotFound {
		t.Errorf("status %d after the answer was committed", got)
	}
}

// brokenWriter is a connection whose other end has gone.
type brokenWriter struct{ h http.Header }

func (w brokenWriter) Header() http.Header       { return w.h }
func (w brokenWriter) WriteHeader(int)           {}
func (w brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
