package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
	"textme/store/storetest"
	"textme/twilio/twiliosim"
)

// A story runs the whole program: `textme serve` on a real Postgres, the
// simulator in Twilio's place behind real HTTP and the real SDK, and a proxy
// between Twilio and the service, so that the address Twilio signs is not the
// one the service listens on. People are handsets of the simulator.
type story struct {
	t     *testing.T
	url   string                  // where the service listens
	at    atomic.Pointer[url.URL] // the same, for the proxy
	sim   *twiliosim.Server
	db    *pgxpool.Pool
	env   map[string]string
	web   *http.Client // a visitor's browser: keeps cookies, follows nothing
	stop  func()
	out   *output
	heard map[chat.Phone]int // texts that a test has already looked at
}

const (
	storySender = "+15005550006"
	storyPublic = "https://textme.example"
	patience    = 90 * time.Second // for one thing to happen, on a busy machine
)

// newStory starts a service with the example bot and the source that comes of
// its settings, which change may alter.
func newStory(t *testing.T, change ...func(map[string]string)) *story {
	t.Helper()
	return newStoryAt(t, func(*twiliosim.Options) {}, change...)
}

// newStoryAt is newStory at a Twilio that differs.
func newStoryAt(t *testing.T, twilio func(*twiliosim.Options), change ...func(map[string]string)) *story {
	t.Helper()
	s := &story{t: t, out: new(output), heard: map[chat.Phone]int{}}
	s.db = storetest.Pool(t)
	account, token := "AC"+randomHex(16), randomHex(16)

	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(s.at.Load())
		r.Out.Host = "internal.invalid"
	}})
	t.Cleanup(proxy.Close)

	options := twiliosim.Options{AccountSID: account, AuthToken: token, Senders: []string{storySender}, DeliverTo: proxy.URL}
	twilio(&options)
	var err error
	s.sim, err = twiliosim.New(options)
	must(t, err)
	api := httptest.NewServer(s.sim)
	t.Cleanup(api.Close)

	s.env = map[string]string{
		"LISTEN": "127.0.0.1:0", "PUBLIC_URL": storyPublic, "DATABASE_URL": s.db.Config().ConnString(),
		"SECRET_KEY": randomHex(32), "TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token, "TWILIO_BASE_URL": api.URL,
		"TWILIO_SENDER": storySender, "BUSINESS_NAME": "Harbor Bikes", "BOT_SCRIPT": "../../bot/scripts/default.txt",
		"LOG_LEVEL": "debug", "DATA_DIR": t.TempDir(),
	}
	for _, f := range change {
		f(s.env)
	}
	jar, err := cookiejar.New(nil)
	must(t, err)
	s.web = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

	s.serve()
	t.Cleanup(func() { s.end() })

	client, err := twilioSettings{TwilioAccountSID: account, TwilioAuthToken: token, TwilioBaseURL: api.URL}.client(nil)
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.SetWebhooks(t.Context(), storyPublic+"/webhooks/twilio/conversations", chat.EventTypes()))
	must(t, client.EnableAutocreate(t.Context(), storySender))
	return s
}

// serve runs the program until stop is called.
func (s *story) serve() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan int, 1)
	before := len(s.out.String())
	go func() { done <- run(ctx, []string{"serve"}, s.world("")) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if code := <-done; code != exitOK {
			s.t.Errorf("serve ended with %d:\n%s", code, s.out)
		}
	})
	address := regexp.MustCompile(`http://\S+`)
	s.until("the service prints its address", func() bool {
		s.url = address.FindString(s.out.String()[before:])
		return s.url != "" || len(done) > 0
	})
	u, err := url.Parse(s.url)
	must(s.t, err)
	s.at.Store(u)
}

// world is a command's surroundings in this story.
func (s *story) world(input string) world {
	return world{getenv: func(name string) string { return s.env[name] }, in: strings.NewReader(input), out: s.out, err: s.out}
}

// end stops the service and looks at what is left behind.
func (s *story) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.stop()
	must(s.t, s.sim.Close(ctx))
	if unknown := s.sim.Unknown(); len(unknown) > 0 {
		s.t.Errorf("calls the simulator does not know: %q", unknown)
	}
	s.out.checkPrivate(s.t)
}

// until asks again and again until cond holds.
func (s *story) until(what string, cond func() bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if cond() {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited in vain until %s\n%s", what, s.out)
		}
	}
}

// looksBack waits until the service has noted that all from before its first start
// has been seen: only then is there a look for what nobody told of, to come due.
func (s *story) looksBack() {
	s.t.Helper()
	s.until("the first look is noted", func() bool { return one[bool](s, `SELECT EXISTS (SELECT FROM looks)`) })
}

// settled waits until nobody has anything left to do: no webhook or text is
// under way, no job is due, no conversation has work left.
func (s *story) settled() {
	s.t.Helper()
	s.until("everything has settled", func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), patience)
		defer cancel()
		must(s.t, s.sim.Settle(ctx))
		const q = `SELECT NOT EXISTS (SELECT FROM conversations WHERE work_seq > done_seq)
			AND NOT EXISTS (SELECT FROM river_job WHERE finalized_at IS NULL AND scheduled_at < now() + interval '1 minute')`
		return one[bool](s, q)
	})
}

// one asks the database for a single value.
func one[T any](s *story, q string, args ...any) (v T) {
	s.t.Helper()
	must(s.t, s.db.QueryRow(s.t.Context(), q, args...).Scan(&v))
	return v
}

// tokenIn finds the form token of a sign-up page.
var tokenIn = regexp.MustCompile(`name="form_token"[^>]*value="([^"]*)"`)

// signsUp fills in the hosted page and expects the thank-you page.
func (s *story) signsUp(phone chat.Phone, name string) {
	s.t.Helper()
	found := tokenIn.FindStringSubmatch(s.get("/s/default", http.StatusOK))
	if found == nil {
		s.t.Fatal("the sign-up page has no form token")
	}
	r := s.post("/signup/default", url.Values{"phone": {string(phone)}, "name": {name}, "consent": {"yes"}, "form_token": {found[1]}})
	if r.StatusCode != http.StatusSeeOther || !strings.HasSuffix(r.Header.Get("Location"), "/s/default/thanks") {
		s.t.Fatalf("sign-up answered %s to %q", r.Status, r.Header.Get("Location"))
	}
}

// says sends a text from the phone.
func (s *story) says(phone chat.Phone, body string) {
	s.t.Helper()
	_, err := s.sim.Handset(string(phone)).Text(storySender, body)
	must(s.t, err)
}

// gets waits for the phone's next text of ours, which must contain want.
func (s *story) gets(phone chat.Phone, want string) {
	s.t.Helper()
	s.until(fmt.Sprintf("a text comes that contains %q", want), func() bool { return len(s.ours(phone)) > s.heard[phone] })
	got := s.ours(phone)[s.heard[phone]]
	s.heard[phone]++
	if !strings.Contains(got, want) {
		s.t.Fatalf("the phone got %q, want something with %q", got, want)
	}
}

// hearsNothing waits until everything has settled; nothing of ours may have
// come to the phone meanwhile.
func (s *story) hearsNothing(phone chat.Phone) {
	s.t.Helper()
	s.settled()
	if more := s.ours(phone)[s.heard[phone]:]; len(more) > 0 {
		s.t.Fatalf("the phone got %q, want silence", more)
	}
}

// ours lists the texts that came from us: Twilio's own answers to keywords
// are left out.
func (s *story) ours(phone chat.Phone) (bodies []string) {
	for _, text := range s.sim.Handset(string(phone)).Inbox() {
		if !text.Auto {
			bodies = append(bodies, text.Body)
		}
	}
	return bodies
}

func (s *story) get(path string, status int) string {
	s.t.Helper()
	r := s.do(s.request(http.MethodGet, path, nil))
	body, err := io.ReadAll(r.Body)
	must(s.t, err)
	if r.StatusCode != status {
		s.t.Fatalf("GET %s answered %s, want %d:\n%s", path, r.Status, status, body)
	}
	return string(body)
}

func (s *story) post(path string, form url.Values) *http.Response {
	s.t.Helper()
	req := s.request(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(req)
}

func (s *story) request(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	must(s.t, err)
	return req
}

func (s *story) do(req *http.Request) *http.Response {
	s.t.Helper()
	r, err := s.web.Do(req)
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, r.Body.Close()) })
	return r
}

// output collects what a program prints, for reading while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all that was printed.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// phoneLike finds what could be a customer's number, of a story or a storm, in any
// spelling; not digits that stand together by chance in an id.
var phoneLike = regexp.MustCompile(`(\b|%2B)1?[ (-]*415[ )-]*(555|20\d)[ -]?\d{4}\b`)

// canaries stand in every name and text that people write in these stories.
var canaries = regexp.MustCompile(`(?i)canary|HOURS|Sundays`)

// checkPrivate fails the test if a phone number or the words of a person or of
// a text were printed.
func (o *output) checkPrivate(t *testing.T) {
	t.Helper()
	for _, line := range strings.Split(o.String(), "\n") {
		if phoneLike.MatchString(line) || canaries.MatchString(line) {
			t.Errorf("a log line tells too much: %s", line)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	flag.Parse()
	if given := flag.Lookup("test.parallel"); given.Value.String() == given.DefValue {
		_ = flag.Set("test.parallel", strconv.Itoa(storiesAtOnce*runtime.GOMAXPROCS(0))) // it is a number
	}
	os.Exit(m.Run())
}

// storiesAtOnce is how many stories run on one processor: they mostly wait.
const storiesAtOnce = 3
