package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
)

const (
	customer = chat.Phone("+14155552671")
	sender   = chat.Phone("+14155550100")
	secret   = "a text nobody else may read"
)

// newClient makes a client of the API at base.
func newClient(t *testing.T, base string, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{AccountSID: testAccount, AuthToken: testToken, BaseURL: base, Timeout: 10 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// within bounds every wait of a test; reaching it is a failure.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// calls are all calls of chat.Twilio, by what they do.
var calls = map[string]struct {
	write bool
	make  func(context.Context, *Client) error
}{
	"create conversation": {true, func(ctx context.Context, c *Client) error {
		_, err := c.CreateConversation(ctx, "textme-1")
		return err
	}},
	"fetch conversation": {false, func(ctx context.Context, c *Client) error {
		_, err := c.FetchConversation(ctx, testCH)
		return err
	}},
	"update conversation": {true, func(ctx context.Context, c *Client) error {
		_, err := c.UpdateConversationState(ctx, testCH, "closed")
		return err
	}},
	"delete conversation": {true, func(ctx context.Context, c *Client) error {
		return c.DeleteConversation(ctx, testCH)
	}},
	"add participant": {true, func(ctx context.Context, c *Client) error {
		_, err := c.AddParticipant(ctx, testCH, customer, sender)
		return err
	}},
	"list participants": {false, func(ctx context.Context, c *Client) error {
		_, err := c.Participants(ctx, testCH)
		return err
	}},
	"list conversations of a number": {false, func(ctx context.Context, c *Client) error {
		_, err := c.ConversationsOf(ctx, customer, sender)
		return err
	}},
	"create message": {true, func(ctx context.Context, c *Client) error {
		_, err := c.CreateMessage(ctx, testCH, chat.Outgoing{ID: uuid.New(), Author: "bot", Body: secret})
		return err
	}},
	"list messages": {false, func(ctx context.Context, c *Client) error {
		_, err := c.MessagesAfter(ctx, testCH, -1)
		return err
	}},
	"fetch message": {false, func(ctx context.Context, c *Client) error {
		_, err := c.FetchMessage(ctx, testCH, testIM)
		return err
	}},
	"list receipts": {false, func(ctx context.Context, c *Client) error {
		_, err := c.Receipts(ctx, testCH, testIM)
		return err
	}},
	"list conversations": {false, func(ctx context.Context, c *Client) error {
		_, err := c.ConversationsSince(ctx, time.Now())
		return err
	}},
	"set webhooks": {true, func(ctx context.Context, c *Client) error {
		return c.SetWebhooks(ctx, "https://example.com/webhooks", []string{chat.MessageAdded})
	}},
}

// leaks reports what an error must never tell: the number, the text, a URL's query.
func leaks(err error) bool {
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, private := range []string{"4155552671", "4155550100", secret, url.QueryEscape(secret), "Address=", "?"} {
			if strings.Contains(e.Error(), private) || strings.Contains(fmt.Sprintf("%+v", e), private) {
				return true
			}
		}
	}
	return false
}

// errorJSON is a refusal as the API words it, quoting what was sent.
func errorJSON(w http.ResponseWriter, status, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"code":%d,"message":%q,"more_info":"https://www.twilio.com/docs/errors/%d","status":%d}`, code, text, code, status)
}

// hijack takes the connection from the server.
func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	return conn
}

func TestOddAnswers(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	quoting := "Invalid address +14155552671 in " + secret
	// What reads and writes report of one answer. Only the fate of a write can
	// be unknown, except that an answer nobody can read tells nothing at all.
	type outcome struct {
		code, status  int
		write, read   bool // Unknown
		class         chat.ErrorClass
		retryAfter    time.Duration
		notForDeletes bool // it is what a delete answers with
		// (https://www.twilio.com/docs/conversations-classic/api/conversation-resource)
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		want    outcome
	}{
		"HTML 502":        {answer(502, "<html>Bad Gateway +14155552671</html>"), outcome{status: 502, write: true, class: chat.Transient}},
		"empty 503":       {answer(503, ""), outcome{status: 503, write: true, class: chat.Transient}},
		"500 with a code": {func(w http.ResponseWriter, _ *http.Request) { errorJSON(w, 500, 20500, quoting) }, outcome{code: 20500, status: 500, write: true, class: chat.Transient}},
		"code in quotes":  {answer(503, `{"code":"20503"}`), outcome{status: 503, write: true, class: chat.Transient}},
		"400 with a code": {func(w http.ResponseWriter, _ *http.Request) { errorJSON(w, 400, 50407, quoting) }, outcome{code: 50407, status: 400, class: chat.RecipientError}},
		"unknown code":    {func(w http.ResponseWriter, _ *http.Request) { errorJSON(w, 400, 59999, quoting) }, outcome{code: 59999, status: 400, class: chat.Bug}},
		"HTML 400":        {answer(400, "<html>"), outcome{status: 400, write: true, read: true, class: chat.Transient}},
		"HTML 404":        {answer(404, "<html>"), outcome{status: 404, write: true, read: true, class: chat.Transient}},
		"null error":      {answer(404, "null"), outcome{status: 404, write: true, read: true, class: chat.Transient}},
		"empty 401":       {answer(401, ""), outcome{status: 401, class: chat.OperatorError}},
		"401 with a code": {func(w http.ResponseWriter, _ *http.Request) { errorJSON(w, 401, 20003, "Authenticate") }, outcome{code: 20003, status: 401, class: chat.OperatorError}},
		"empty 429":       {answer(429, ""), outcome{status: 429, class: chat.Transient}},
		"429 in seconds": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			errorJSON(w, 429, 20429, "Too Many Requests")
		}, outcome{code: 20429, status: 429, class: chat.Transient, retryAfter: 7 * time.Second}},
		"null":           {answer(200, "null"), outcome{status: 200, write: true, read: true, class: chat.Transient}},
		"empty object":   {answer(201, "{}"), outcome{status: 201, write: true, read: true, class: chat.Transient}},
		"empty success":  {answer(200, ""), outcome{status: 200, write: true, read: true, class: chat.Transient}},
		"no content":     {answer(204, ""), outcome{status: 204, write: true, read: true, class: chat.Transient, notForDeletes: true}},
		"not JSON":       {answer(200, "<html>"+secret), outcome{status: 200, write: true, read: true, class: chat.Transient}},
		"another object": {answer(200, `{"sid":"../Services","state":"active","unique_name":"textme-1","meta":{"key":"users"}}`), outcome{status: 200, write: true, read: true, class: chat.Transient}},
		"redirect":       {answer(302, "", "Location", "/elsewhere?Address="), outcome{status: 302, write: true, read: true, class: chat.Transient}},
		"endless":        {func(w http.ResponseWriter, _ *http.Request) { pour(w, 200, maxAnswer+1) }, outcome{status: 200, write: true, read: true, class: chat.Transient}},
		"reset before an answer": {func(w http.ResponseWriter, _ *http.Request) {
			_ = hijack(w).Close()
		}, outcome{write: true, class: chat.Transient}},
		"not HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn := hijack(w)
			_, _ = io.WriteString(conn, "+14155552671 "+secret+"\r\n\r\n")
			_ = conn.Close()
		}, outcome{write: true, class: chat.Transient}},
		"reset within the answer": {func(w http.ResponseWriter, _ *http.Request) {
			conn := hijack(w)
			_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n{\"sid\":")
			_ = conn.Close()
		}, outcome{status: 201, write: true, read: true, class: chat.Transient}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(tt.handler)
			t.Cleanup(srv.Close)
			c := newClient(t, srv.URL)
			for op, call := range calls {
				c.capacity = newCapacity(time.Now) // each call for itself: no break after the others
				err := call.make(within(t), c)
				if op == "delete conversation" && tt.want.notForDeletes {
					if err != nil {
						t.Errorf("%s: %v", op, err)
					}
					continue
				}
				var te *chat.TwilioError
				if !errors.As(err, &te) {
					t.Errorf("%s: got %v, want a *chat.TwilioError", op, err)
					continue
				}
				want := chat.TwilioError{Op: op, Code: tt.want.code, Status: tt.want.status, RetryAfter: tt.want.retryAfter, Unknown: tt.want.read}
				if call.write {
					want.Unknown = tt.want.write
				}
				got := *te
				got.Err = nil
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: -want +got\n%s", op, diff)
				}
				if te.Class() != tt.want.class {
					t.Errorf("%s: class %s, want %s", op, te.Class(), tt.want.class)
				}
				if leaks(err) {
					t.Errorf("%s: %q tells too much", op, err)
				}
			}
		})
	}
}

// pour answers with a body of n bytes of JSON white space.
func pour(w http.ResponseWriter, status, n int) {
	w.WriteHeader(status)
	chunk := bytes.Repeat([]byte{' '}, 64<<10)
	for n > 0 {
		k, err := w.Write(chunk[:min(n, len(chunk))])
		if err != nil {
			return
		}
		n -= k
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"1.5":                           0,
		"999999999":                     maxRetryAfter,
		"99999999999999999999":          0,
		"soon":                          0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:59:00 GMT": 0,
		"Mon, 01 Mar 2027 12:00:00 GMT": maxRetryAfter,
	}
	for header, want := range tests {
		if got := parseRetryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestRetryAfterDateIsCarried(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		errorJSON(w, 429, 50074, "slow down")
	}))
	t.Cleanup(srv.Close)
	_, err := newClient(t, srv.URL).FetchConversation(within(t), testCH)
	var te *chat.TwilioError
	if !errors.As(err, &te) || te.RetryAfter < 59*time.Minute || te.RetryAfter > time.Hour {
		t.Errorf("got %+v, want a RetryAfter of about an hour", te)
	}
}

func TestHolderOfAPair(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code int
		text string
		want chat.ConversationSID
	}{
		"named":           {50416, "A binding for this participant and proxy address already exists in Conversation " + testCH, testCH},
		"named in quotes": {50416, "… in Conversation '" + testCH + "'.", testCH},
		"not named":       {50416, "Participant and proxy address pair is already in use", ""},
		"too long":        {50416, "… in Conversation " + testCH + "0", ""},
		"other code":      {50437, "Group Participant already exists in " + testCH, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { errorJSON(w, 409, tt.code, tt.text) }))
			t.Cleanup(srv.Close)
			_, err := newClient(t, srv.URL).AddParticipant(within(t), testCH, customer, sender)
			var te *chat.TwilioError
			if !errors.As(err, &te) || te.Code != tt.code || te.Holder != tt.want || te.Unknown || te.Class() != chat.Conflict {
				t.Errorf("got %+v, want holder %q", te, tt.want)
			}
		})
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	tests := map[string]func(http.ResponseWriter){
		"no answer": func(http.ResponseWriter) {},
		"half an answer": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, `{"sid":`)
			_ = http.NewResponseController(w).Flush()
		},
	}
	for name, begin := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the client left
				begin(w)
				<-r.Context().Done()
			}))
			t.Cleanup(srv.Close)
			c := newClient(t, srv.URL, func(cfg *Config) { cfg.Timeout = time.Second })
			ctx := within(t)
			var all sync.WaitGroup
			for op, call := range calls {
				all.Go(func() {
					err := call.make(ctx, c)
					var te *chat.TwilioError
					if !errors.As(err, &te) || !errors.Is(err, context.DeadlineExceeded) || te.Class() != chat.Transient {
						t.Errorf("%s: got %v, want a deadline", op, err)
					} else if call.write && !te.Unknown {
						t.Errorf("%s: its fate is known, want unknown", op)
					}
					if leaks(err) {
						t.Errorf("%s: %q tells too much", op, err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestCancelledCallReturnsAtOnce(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, len(calls))
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL)
	for op, call := range calls {
		ctx, cancel := context.WithCancel(within(t))
		done := make(chan error, 1)
		go func() { done <- call.make(ctx, c) }()
		<-arrived
		start := time.Now()
		cancel()
		err := <-done
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: it took %s to give up", op, took)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", op, err)
		}
	}
}

func TestRefusedConnectionIsKnownToChangeNothing(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(within(t), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	_ = l.Close()
	c := newClient(t, base)
	cancelled, cancel := context.WithCancel(within(t))
	cancel()
	for op, call := range calls {
		for _, ctx := range []context.Context{within(t), cancelled} {
			err := call.make(ctx, c)
			var te *chat.TwilioError
			if !errors.As(err, &te) || te.Unknown || te.Status != 0 || te.Class() != chat.Transient || leaks(err) {
				t.Errorf("%s: got %+v, want a call that was not made", op, te)
			}
		}
	}
}

// An error that never ends is read up to the bound and no further: the call is over at
// once, the connection given up, and what stands behind the bound is as good as not
// there. All that fits is read.
func TestEndlessErrors(t *testing.T) {
	t.Parallel()
	refusal := `{"code":20404,"message":"Not found","status":404}`
	for name, tt := range map[string]struct {
		status, size int // of what comes before the body stops and does not end
		code         int
		class        chat.ErrorClass
	}{
		"as long as the bound": {http.StatusNotFound, maxErrorAnswer, 20404, chat.Gone},
		"longer, 404":          {http.StatusNotFound, maxErrorAnswer + len(refusal), 0, chat.Transient},
		"longer, 502":          {http.StatusBadGateway, maxErrorAnswer + len(refusal), 0, chat.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan struct{}, 1)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				pour(w, tt.status, tt.size-len(refusal))
				_, _ = io.WriteString(w, refusal)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done() // until the client gives the connection up
				left <- struct{}{}
			}))
			t.Cleanup(srv.Close)
			c := newClient(t, srv.URL)
			ctx, start := within(t), time.Now()
			_, err := c.FetchConversation(ctx, testCH)
			if took := time.Since(start); took >= c.timeout {
				t.Errorf("it waited for more until its time was up, %v", took)
			}
			var te *chat.TwilioError
			if !errors.As(err, &te) || te.Status != tt.status || te.Code != tt.code || te.Class() != tt.class {
				t.Errorf("got %v, want an answer %d with code %d, %s", err, tt.status, tt.code, tt.class)
			}
			select {
			case <-left:
			case <-ctx.Done():
				t.Error("the connection is kept")
			}
		})
	}
}

// Row T7: the SDK neither reads nor closes the body of an error; each would keep
// a connection and its goroutines. STORM_ERRORS is how many there are; 50000 is
// the row's size.
func TestBigErrorsKeepNoConnections(t *testing.T) {
	const callers, mostOpen = 8, 2 * 32 // twice the pool of idle connections
	n := 1000
	if stated, err := strconv.Atoi(os.Getenv("STORM_ERRORS")); err == nil {
		n = stated
	}
	var asked atomic.Int64
	var mu sync.Mutex
	open, most := map[net.Conn]bool{}, 0
	changed := make(chan struct{}, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusBadGateway
		if asked.Add(1)%2 == 0 { // by which Twilio is seen to be alive
			status = http.StatusNotFound
		}
		pour(w, status, 64<<10)
	}))
	srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if open[c] = true; s == http.StateClosed || s == http.StateHijacked {
			delete(open, c)
		}
		most = max(most, len(open))
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL)
	fail := func(n int) {
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range n / callers {
					if _, err := c.FetchConversation(t.Context(), testCH); err == nil {
						t.Error("got no error")
					}
				}
			})
		}
		all.Wait()
	}
	fail(n / 10) // all that is kept for the next call is there
	goroutines, memory := runtime.NumGoroutine(), heapInUse()
	fail(n)
	if more := runtime.NumGoroutine() - goroutines; more > 5+2*callers { // an idle connection has two, and the server's one
		t.Errorf("%d more goroutines run", more)
	}
	if more := heapInUse() - memory; more > 20<<20 {
		t.Errorf("%d MiB more are in use", more>>20)
	}
	mu.Lock()
	peak := most
	mu.Unlock()
	if peak > mostOpen {
		t.Errorf("%d connections were open at once, want at most %d", peak, mostOpen)
	}
	t.Logf("%d errors, at most %d connections at once", asked.Load(), peak)
	c.Close()
	ctx := within(t)
	for {
		mu.Lock()
		n := len(open)
		mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%d connections are still open", n)
		}
	}
}

// heapInUse is what is left after a collection, in bytes.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestCredentialsStayAtTheAPI(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		t.Errorf("%s was called as %q", r.URL.Path, user)
	}))
	t.Cleanup(stranger.Close)
	tests := map[string]string{
		"other host":   stranger.URL + "/v1/Conversations/" + testCH + "/Messages?Page=1",
		"other scheme": "http://conversations.twilio.com/v1/Conversations",
		"credentials":  "https://user:pass@conversations.twilio.com/v1/Conversations",
		"host as user": "https://conversations.twilio.com@" + strings.TrimPrefix(stranger.URL, "http://") + "/",
		"relative":     "/v1/Conversations/" + testCH + "/Messages?Page=1",
		"unreadable":   "https://[::1",
	}
	for name, next := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				_, _ = fmt.Fprintf(w, `{"messages":[],"meta":{"key":"messages","next_page_url":%q}}`, next)
			}))
			t.Cleanup(srv.Close)
			_, err := newClient(t, srv.URL).MessagesAfter(within(t), testCH, -1)
			if err == nil || asked.Load() != 1 {
				t.Errorf("got %v after %d pages, want an error after the first", err, asked.Load())
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	stranger := &recorder{}
	elsewhere := httptest.NewServer(stranger)
	t.Cleanup(elsewhere.Close)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL)
	for op, call := range calls {
		if call.make(within(t), c) == nil {
			t.Errorf("%s: got no error", op)
		}
	}
	if len(stranger.requests) != 0 {
		t.Errorf("followed to %q", stranger.requests)
	}
}

func TestEndlessListEnds(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"messages":[],"meta":{"key":"messages","next_page_url":"https://conversations.twilio.com%s"}}`, r.URL.Path)
	}))
	t.Cleanup(srv.Close)
	if _, err := newClient(t, srv.URL).MessagesAfter(within(t), testCH, -1); err == nil {
		t.Error("got no error")
	}
}

func TestNothingMalformedReachesAPath(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was called", r.Method, r.URL)
	}))
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL)
	ctx := within(t)
	for _, id := range []string{"", "../Services", "a/b", "a?b", "a#b", "a%2Fb", "a b", "ä"} {
		sid := chat.ConversationSID(id)
		_, fetch := c.FetchConversation(ctx, id)
		_, update := c.UpdateConversationState(ctx, sid, "closed")
		_, add := c.AddParticipant(ctx, sid, customer, sender)
		_, list := c.Participants(ctx, sid)
		_, send := c.CreateMessage(ctx, sid, chat.Outgoing{})
		_, messages := c.MessagesAfter(ctx, sid, -1)
		_, receipts := c.Receipts(ctx, sid, testIM)
		_, ofMessage := c.Receipts(ctx, testCH, chat.MessageSID(id))
		_, message := c.FetchMessage(ctx, sid, testIM)
		_, byMessage := c.FetchMessage(ctx, testCH, chat.MessageSID(id))
		errs := []error{fetch, update, add, list, send, messages, receipts, ofMessage, message, byMessage, c.DeleteConversation(ctx, sid)}
		if id != "" {
			_, create := c.CreateConversation(ctx, id)
			errs = append(errs, create)
		}
		for _, err := range errs {
			var te *chat.TwilioError
			if !errors.As(err, &te) || te.Class() != chat.Bug || te.Unknown {
				t.Errorf("%q: got %v, want a refusal", id, err)
			}
		}
	}
	_, add := c.AddParticipant(ctx, testCH, customer, "")
	_, list := c.ConversationsOf(ctx, "", sender)
	if add == nil || list == nil {
		t.Error("an empty number is not refused")
	}
}

// recorder answers every call as Twilio would and remembers the requests.
type recorder struct {
	mu       sync.Mutex
	requests []string
	form     url.Values
	header   http.Header
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	rec.mu.Lock()
	rec.requests = append(rec.requests, r.Method+" "+r.URL.Path)
	rec.form, rec.header = r.PostForm, r.Header
	rec.mu.Unlock()
	root := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case root == "Messages" && r.Method == http.MethodPost:
		_, _ = fmt.Fprintf(w, `{"sid":%q,"conversation_sid":%q,"index":3,"attributes":%q}`, testIM, testCH, r.PostForm.Get("Attributes"))
	case root == "Participants" && r.Method == http.MethodPost:
		_, _ = fmt.Fprintf(w, `{"sid":%q,"conversation_sid":%q,"messaging_binding":{"type":"sms","address":%q,"proxy_address":%q}}`,
			testMB, testCH, r.PostForm.Get("MessagingBinding.Address"), r.PostForm.Get("MessagingBinding.ProxyAddress"))
	case root == string(testIM):
		_, _ = fmt.Fprintf(w, `{"sid":%q,"conversation_sid":%q,"index":3}`, testIM, testCH)
	case root == "Messages", root == "Participants":
		_, _ = fmt.Fprintf(w, `{"meta":{"key":%q}}`, strings.ToLower(root))
	case root == "ParticipantConversations", root == "Conversations" && r.Method == http.MethodGet:
		_, _ = io.WriteString(w, `{"meta":{"key":"conversations"}}`)
	case root == "Receipts":
		_, _ = io.WriteString(w, `{"meta":{"key":"delivery_receipts"}}`)
	case root == "Webhooks":
		_, _ = fmt.Fprintf(w, `{"post_webhook_url":%q}`, r.PostForm.Get("PostWebhookUrl"))
	default:
		state := r.PostForm.Get("State")
		if state == "" {
			state = "active"
		}
		_, _ = fmt.Fprintf(w, `{"sid":%q,"unique_name":"textme-1","state":%q}`, testCH, state)
	}
}

func TestBothFamiliesOfURLs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ service, root string }{
		"default service": {"", "/v1"},
		"named service":   {"IS" + hex32, "/v1/Services/IS" + hex32},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			srv := httptest.NewServer(rec)
			t.Cleanup(srv.Close)
			c := newClient(t, srv.URL, func(cfg *Config) { cfg.ServiceSID = tt.service })
			for op, call := range calls {
				if err := call.make(within(t), c); err != nil {
					t.Errorf("%s: %v", op, err)
				}
			}
			want := []string{
				"DELETE " + tt.root + "/Conversations/" + testCH,
				"GET " + tt.root + "/Conversations",
				"GET " + tt.root + "/Conversations/" + testCH,
				"GET " + tt.root + "/Conversations/" + testCH + "/Messages",
				"GET " + tt.root + "/Conversations/" + testCH + "/Messages/" + testIM,
				"GET " + tt.root + "/Conversations/" + testCH + "/Messages/" + testIM + "/Receipts",
				"GET " + tt.root + "/Conversations/" + testCH + "/Participants",
				"GET " + tt.root + "/ParticipantConversations",
				"POST " + tt.root + "/Conversations",
				"POST " + tt.root + "/Conversations/" + testCH,
				"POST " + tt.root + "/Conversations/" + testCH + "/Messages",
				"POST " + tt.root + "/Conversations/" + testCH + "/Participants",
				"POST /v1/Configuration/Webhooks",
			}
			slices.Sort(want)
			slices.Sort(rec.requests)
			if diff := cmp.Diff(want, rec.requests); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	const messaging = "MG" + hex32
	const webhook = "https://example.com/webhooks"
	id := uuid.MustParse("0198f0a0-0000-7000-8000-000000000001")
	tests := map[string]struct {
		make func(context.Context, *Client) error
		want url.Values
	}{
		"conversation": {func(ctx context.Context, c *Client) error {
			_, err := c.CreateConversation(ctx, "textme-1")
			return err
		}, url.Values{"UniqueName": {"textme-1"}, "MessagingServiceSid": {messaging}}},
		"participant": {func(ctx context.Context, c *Client) error {
			_, err := c.AddParticipant(ctx, testCH, customer, sender)
			return err
		}, url.Values{"MessagingBinding.Address": {string(customer)}, "MessagingBinding.ProxyAddress": {string(sender)}}},
		"message": {func(ctx context.Context, c *Client) error {
			_, err := c.CreateMessage(ctx, testCH, chat.Outgoing{ID: id, Author: "bot", Body: " a\n"})
			return err
		}, url.Values{"Author": {"bot"}, "Body": {" a\n"}, "Attributes": {`{"textme":"0198f0a0-0000-7000-8000-000000000001"}`}}},
		"webhooks": {func(ctx context.Context, c *Client) error {
			return c.SetWebhooks(ctx, webhook, []string{chat.MessageAdded, chat.DeliveryUpdated})
		}, url.Values{"Method": {"POST"}, "PostWebhookUrl": {webhook}, "Filters": {chat.MessageAdded, chat.DeliveryUpdated}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			srv := httptest.NewServer(rec)
			t.Cleanup(srv.Close)
			c := newClient(t, srv.URL, func(cfg *Config) {
				cfg.MessagingServiceSID = messaging
				cfg.APIKeySID, cfg.APIKeySecret = "SK"+hex32, "keysecret"
			})
			if err := tt.make(within(t), c); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, rec.form); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			user, password, _ := (&http.Request{Header: rec.header}).BasicAuth()
			if user != "SK"+hex32 || password != "keysecret" {
				t.Errorf("signed in as %q, want the API key", user)
			}
			if rec.header.Get("X-Twilio-Webhook-Enabled") != "" {
				t.Error("it asks for webhooks about itself")
			}
		})
	}
}

// A well-formed answer about something else is no answer.
func TestAnswersAboutSomethingElse(t *testing.T) {
	t.Parallel()
	const otherCH = "CH00000000000000000000000000000000"
	pair := func(conversation string, address, proxy chat.Phone) string {
		return fmt.Sprintf(`{"sid":%q,"conversation_sid":%q,"messaging_binding":{"type":"sms","address":%q,"proxy_address":%q}}`, testMB, conversation, address, proxy)
	}
	posted := func(conversation, attributes string) string {
		return fmt.Sprintf(`{"sid":%q,"conversation_sid":%q,"index":0,"attributes":%q}`, testIM, conversation, attributes)
	}
	tests := map[string]struct{ op, answer string }{
		"other customer":     {"add participant", pair(testCH, "+14155559999", sender)},
		"other sender":       {"add participant", pair(testCH, customer, "+14155559999")},
		"other conversation": {"add participant", pair(otherCH, customer, sender)},
		"no binding":         {"add participant", fmt.Sprintf(`{"sid":%q,"conversation_sid":%q}`, testMB, testCH)},
		"other unique name":  {"create conversation", fmt.Sprintf(`{"sid":%q,"state":"active","unique_name":"textme-2"}`, testCH)},
		"no state":           {"create conversation", fmt.Sprintf(`{"sid":%q,"unique_name":"textme-1"}`, testCH)},
		"still active":       {"update conversation", fmt.Sprintf(`{"sid":%q,"state":"active"}`, testCH)},
		"fetched another":    {"fetch conversation", fmt.Sprintf(`{"sid":%q,"state":"active"}`, otherCH)},
		"message elsewhere":  {"create message", posted(otherCH, "{}")},
		"not our message":    {"create message", posted(testCH, "{}")},
		"other webhook":      {"set webhooks", `{"post_webhook_url":"https://example.com/other"}`},
		"listed elsewhere":   {"list participants", `{"participants":[` + pair(otherCH, customer, sender) + `],"meta":{"key":"participants"}}`},
		"nobody listed":      {"list conversations of a number", fmt.Sprintf(`{"conversations":[{"conversation_sid":%q,"conversation_state":"active"}],"meta":{"key":"conversations"}}`, testCH)},
		"messages elsewhere": {"list messages", `{"messages":[` + posted(otherCH, "{}") + `],"meta":{"key":"messages"}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.answer) }))
			t.Cleanup(srv.Close)
			err := calls[tt.op].make(within(t), newClient(t, srv.URL))
			var te *chat.TwilioError
			if !errors.As(err, &te) || !te.Unknown || !errors.Is(err, errUnreadable) || leaks(err) {
				t.Errorf("got %v, want an unknown outcome", err)
			}
		})
	}
}

func TestLogsTellNoNumbersAndTexts(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		errorJSON(w, 400, 50407, "Invalid messaging binding address "+string(customer)+" "+secret)
	}))
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL, func(cfg *Config) {
		cfg.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, call := range calls {
		if call.make(within(t), c) == nil {
			t.Error("got no error")
		}
	}
	for _, private := range []string{"415555", secret, testToken} {
		if strings.Contains(log.String(), private) {
			t.Errorf("the log holds %q:\n%s", private, log.String())
		}
	}
	if got := strings.Count(log.String(), `"code":50407`); got != len(calls) {
		t.Errorf("%d lines in the log, want %d", got, len(calls))
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Config)
		want   string // part of the error; "" for none
	}{
		"token":             {func(*Config) {}, ""},
		"API key":           {func(c *Config) { c.AuthToken, c.APIKeySID, c.APIKeySecret = "", "SK"+hex32, "x" }, ""},
		"service":           {func(c *Config) { c.ServiceSID, c.MessagingServiceSID = "IS"+hex32, "MG"+hex32 }, ""},
		"base":              {func(c *Config) { c.BaseURL = "http://[::1]:8080" }, ""},
		"no account":        {func(c *Config) { c.AccountSID = "" }, "account SID"},
		"no token":          {func(c *Config) { c.AuthToken = "" }, "auth token"},
		"odd token":         {func(c *Config) { c.AuthToken = "a b" }, "auth token"},
		"key alone":         {func(c *Config) { c.APIKeySID = "SK" + hex32 }, "secret"},
		"key secret alone":  {func(c *Config) { c.APIKeySecret = "x" }, "API key SID"},
		"odd service":       {func(c *Config) { c.ServiceSID = "IS" }, "service SID"},
		"odd messaging":     {func(c *Config) { c.MessagingServiceSID = "IS" + hex32 }, "messaging service SID"},
		"base elsewhere":    {func(c *Config) { c.BaseURL = "https://example.com" }, "loopback"},
		"base looks local":  {func(c *Config) { c.BaseURL = "http://localhost.example.com" }, "loopback"},
		"base with path":    {func(c *Config) { c.BaseURL = "http://localhost/v1" }, "more than"},
		"base with user":    {func(c *Config) { c.BaseURL = "http://a@localhost" }, "more than"},
		"unreadable base":   {func(c *Config) { c.BaseURL = "http://[::1" }, "parsed"},
		"base and region":   {func(c *Config) { c.BaseURL, c.Region = "http://localhost", "ie1" }, "neither"},
		"base and edge":     {func(c *Config) { c.BaseURL, c.Edge = "http://localhost", "dublin" }, "neither"},
		"odd region":        {func(c *Config) { c.Region = "ie1.example" }, "region"},
		"two things at all": {func(c *Config) { c.AccountSID, c.ServiceSID = "", "x" }, "service SID"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{AccountSID: testAccount, AuthToken: testToken}
			tt.change(&cfg)
			_, err := New(cfg)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRegionalURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ edge, region, want string }{
		{"", "", "https://conversations.twilio.com"},
		{"", "ie1", "https://conversations.ie1.twilio.com"},
		{"dublin", "ie1", "https://conversations.dublin.ie1.twilio.com"},
		{"ashburn", "", "https://conversations.ashburn.us1.twilio.com"},
	}
	for _, tt := range tests {
		u, err := regionalURL(tt.edge, tt.region)
		if err != nil || u.String() != tt.want {
			t.Errorf("%q, %q: got %v, %v, want %s", tt.edge, tt.region, u, err, tt.want)
		}
	}
}

// The SDK's root package links every product of Twilio's into the binary.
func TestOnlyTheNeededPartOfTheSDKIsImported(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(within(t), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, path := range strings.Fields(string(out)) {
		if strings.HasPrefix(path, "github.com/twilio/") {
			got = append(got, strings.TrimPrefix(path, "github.com/twilio/twilio-go"))
		}
	}
	want := []string{"/client/form", "/client", "/client/metadata", "/rest/conversations/v1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
