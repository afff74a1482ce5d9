package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/templates"
)

// The people and secrets of the tests. None of them may reach the log.
const (
	canaryPhone    = "+12015550123"
	canaryTyped    = "(201) 555-0123"
	canaryName     = "Zebedee Canary"
	canaryPassword = "correct horse battery staple"
	canaryToken    = "tok-canary-4f1c9a77e2"
	stranger       = "203.0.113.7:40000"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// service is the whole router over a fake store, with a clock to turn.
type service struct {
	mux   *echo.Echo
	store *fakeStore
	hooks *fakeWebhooks
	keys  *chat.Keyring
	log   *syncBuffer
	clock *clock
}

func newService(t *testing.T, change ...func(*Config)) *service {
	t.Helper()
	keys, err := chat.NewKeyring(bytes.Repeat([]byte("k"), chat.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{
		store: newFakeStore(t), hooks: &fakeWebhooks{}, keys: keys,
		log: &syncBuffer{}, clock: &clock{now: start},
	}
	cfg := Config{
		Forms: s.store, Events: s.store, Staff: s.store, Health: s.store, Webhooks: s.hooks, Keyring: keys, Templates: tpl,
		Logger:    slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		PublicURL: mustURL(t, "https://text.example"),
		Now:       s.clock.Now,
		Jobs: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, body)
		}),
	}
	for _, f := range change {
		f(&cfg)
	}
	if s.mux, err = newEcho(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// clock is a Now that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// option changes a request before it is sent.
type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func from(remote string) option { return func(r *http.Request) { r.RemoteAddr = remote } }

func cookies(list []*http.Cookie) option {
	return func(r *http.Request) {
		for _, c := range list {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
}

// do sends one request through the router.
func (s *service) do(method, target string, body io.Reader, options ...option) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, target, body)
	r.RemoteAddr = stranger
	for _, f := range options {
		f(r)
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
}

func (s *service) get(target string, options ...option) *httptest.ResponseRecorder {
	return s.do(http.MethodGet, target, nil, options...)
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	jsonType   = "application/json"
)

// post sends a form as a browser would.
func (s *service) post(target string, form url.Values, options ...option) *httptest.ResponseRecorder {
	return s.send(target, urlencoded, form.Encode(), options...)
}

func (s *service) send(target, contentType, body string, options ...option) *httptest.ResponseRecorder {
	return s.do(http.MethodPost, target, strings.NewReader(body), append([]option{header("Content-Type", contentType)}, options...)...)
}

// filled is a form as a visitor fills it in, with a token for the page source.
func (s *service) filled(source string) url.Values {
	return url.Values{
		"phone": {canaryTyped}, "name": {canaryName}, "consent": {"yes"},
		"form_token": {s.token(source)}, "website": {""},
	}
}

func (s *service) token(source string) string {
	src := s.store.sources[source]
	return s.keys.NewFormToken(tokenScope(src), s.clock.Now())
}

var (
	tokenPattern = regexp.MustCompile(`name="form_token" type="hidden" value="([^"]+)"`)
	csrfPattern  = regexp.MustCompile(`name="csrf_token" type="hidden" value="([^"]+)"`)
)

func found(t *testing.T, pattern *regexp.Regexp, w *httptest.ResponseRecorder) string {
	t.Helper()
	m := pattern.FindStringSubmatch(w.Body.String())
	if m == nil {
		t.Fatalf("no %s in the page:\n%s", pattern, w.Body)
	}
	return m[1]
}

// signIn signs the test's admin in and returns the browser's cookies and the
// token of its forms.
func (s *service) signIn(t *testing.T) (jar []*http.Cookie, csrf string) {
	t.Helper()
	w := s.post("/admin/sign-in", url.Values{"username": {"rosa"}, "password": {canaryPassword}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("sign in: %d\n%s", w.Code, w.Body)
	}
	jar = w.Result().Cookies()
	return jar, found(t, csrfPattern, s.get("/admin/conversations", cookies(jar)))
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Fatalf("status %d, want %d\n%s", w.Code, want, w.Body)
	}
}

func wantErrors(t *testing.T, w *httptest.ResponseRecorder, fields ...string) {
	t.Helper()
	var list errorList
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatalf("read %s: %v", w.Body, err)
	}
	var got []string
	for _, e := range list.Errors {
		if e.Message == "" {
			t.Errorf("error of field %q says nothing", e.Field)
		}
		got = append(got, e.Field)
	}
	if strings.Join(got, " ") != strings.Join(fields, " ") {
		t.Errorf("errors for %q, want %q", got, fields)
	}
}

// newServer serves the handler on a real socket.
func newServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func banner(alerts ...string) func(context.Context) []string {
	return func(context.Context) []string { return alerts }
}
