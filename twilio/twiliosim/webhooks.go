package twiliosim

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Webhook is one webhook the simulator has posted, once it has been answered
// or given up. Method, Body and Header are as they went out, so that Replay can
// send the same again.
type Webhook struct {
	ID        string // I-Twilio-Idempotency-Token
	EventType string // empty for a classic inbound webhook
	Scope     string // account, service, conversation, or sms for a classic one
	URL       string // as configured
	Method    string // POST, or GET with Body in the query
	Params    url.Values
	Body      string    // Params encoded, in the order they were sent
	Signature string    // X-Twilio-Signature
	Status    int       // of the answer, 0 if there was none
	Err       string    // why there was none
	Queued    time.Time // when the event happened, by Options.Now
	Faults    []string  // what was played on it
}

// webhookLog is how many finished webhooks are kept for Webhooks; older ones go.
const webhookLog = 20_000

// webhookTimeout is how long Twilio waits for an answer to a webhook:
// https://www.twilio.com/docs/conversations-classic/conversations-webhooks
const webhookTimeout = 5 * time.Second

// delivery is a webhook on its way.
type delivery struct {
	key          string // deliveries of one key keep their order
	conversation string // CH SID; empty for a classic one
	delay        time.Duration
	early        bool          // before the answer of the call that caused it
	done         chan struct{} // closed when it has been answered or given up
	hook         Webhook
}

// courier posts webhooks with a fixed number of workers. Every key belongs to
// one worker, so the events of one conversation arrive in order.
type courier struct {
	s      *Server
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	wake   *sync.Cond
	queues [][]*delivery
	closed bool
	log    []Webhook
}

func newCourier(s *Server) *courier {
	ctx, cancel := context.WithCancel(context.Background())
	q := &courier{
		s: s, ctx: ctx, cancel: cancel,
		queues: make([][]*delivery, s.opts.WebhookWorkers),
		client: &http.Client{
			Timeout:       webhookTimeout,
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	q.wake = sync.NewCond(&q.mu)
	for i := range q.queues {
		q.done.Go(func() { q.work(i) })
	}
	return q
}

// stop ends the workers, cutting off what they have in hand.
func (q *courier) stop() {
	q.mu.Lock()
	q.closed = true
	q.wake.Broadcast()
	q.mu.Unlock()
	q.cancel()
	q.done.Wait()
	q.client.CloseIdleConnections()
}

func (q *courier) enqueue(hooks []*delivery) {
	if len(hooks) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range hooks {
		h := fnv.New32a()
		_, _ = h.Write([]byte(d.key)) // never fails
		i := uint64(h.Sum32()) % uint64(len(q.queues))
		q.queues[i] = append(q.queues[i], d)
	}
	q.wake.Broadcast()
}

func (q *courier) work(i int) {
	for {
		q.mu.Lock()
		for len(q.queues[i]) == 0 && !q.closed {
			q.wake.Wait()
		}
		if q.closed {
			q.mu.Unlock()
			return
		}
		d := q.queues[i][0]
		q.queues[i] = q.queues[i][1:]
		q.mu.Unlock()
		q.deliver(d)
	}
}

// deliver posts once: Twilio does not repeat Conversations webhooks unless the
// underlying service's retry count, default 0, is raised.
func (q *courier) deliver(d *delivery) {
	status, err := q.post(d)
	d.hook.Status = status
	if err != nil {
		d.hook.Err = err.Error()
	}
	q.s.opts.Logger.Debug("webhook delivered", "scope", d.hook.Scope, "event", d.hook.EventType, "status", status, "err", err)
	q.mu.Lock()
	q.log = append(q.log, d.hook)
	if len(q.log) > webhookLog {
		q.log = slices.Clone(q.log[len(q.log)-webhookLog:])
	}
	q.mu.Unlock()
	close(d.done)

	q.s.mu.Lock()
	q.s.pending--
	q.s.noteWebhook(d)
	q.s.broadcast()
	q.s.mu.Unlock()
}

func (q *courier) post(d *delivery) (status int, err error) {
	d.hook.Signature = q.sign(&d.hook)
	r, err := q.request(q.ctx, &d.hook, "")
	if err != nil {
		return 0, err
	}
	return q.send(r)
}

func (q *courier) send(r *http.Request) (status int, err error) {
	res, err := q.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	// The answer to a post-event means nothing; reading it keeps the connection.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, nil
}

// signed is what a webhook's signature is made over: the address and, for a
// POST, the parameters.
func (h *Webhook) signed() (address string, params url.Values) {
	address = signedURL(h.URL)
	if h.Method != http.MethodGet {
		return address, h.Params
	}
	glue := "?"
	if strings.Contains(address, "?") {
		glue = "&"
	}
	return address + glue + h.Body, nil
}

func (q *courier) sign(h *Webhook) string {
	address, params := h.signed()
	return sign(*q.s.token.Load(), address, params)
}

// request builds the request as captured ones look. With to it goes there
// instead, otherwise to where it was configured or Options.DeliverTo leads.
func (q *courier) request(ctx context.Context, h *Webhook, to string) (*http.Request, error) {
	address, params := h.signed()
	body := ""
	if params != nil {
		body = h.Body
	}
	r, err := http.NewRequestWithContext(ctx, h.Method, address, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("webhook to %s: %w", h.URL, err)
	}
	r.Header.Set("Accept", "*/*")
	r.Header.Set("User-Agent", "TwilioProxy/1.1")
	r.Header.Set("X-Twilio-Signature", h.Signature)
	r.Header.Set("I-Twilio-Idempotency-Token", h.ID)
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	host := to
	if host == "" {
		host = q.s.opts.DeliverTo
	}
	if host == "" {
		return r, nil
	}
	u, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("deliver to %s: %w", host, err)
	}
	r.Host = r.URL.Host // a proxy passes the public name on
	r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	if to != "" && h.Method != http.MethodGet {
		r.URL = u
	}
	return r, nil
}

// shuffle encodes params in a random order: Twilio promises none.
func (c *change) shuffle(params url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		for _, v := range params[name] {
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(v))
		}
	}
	c.s.ids.rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	return strings.Join(pairs, "&")
}

func cloneValues(v url.Values) url.Values {
	out := make(url.Values, len(v))
	for name, values := range v {
		out[name] = slices.Clone(values)
	}
	return out
}

// Webhooks returns the webhooks that have been answered or given up, in the
// order they finished; at most the newest 20,000.
func (s *Server) Webhooks() []Webhook {
	s.courier.mu.Lock()
	defer s.courier.mu.Unlock()
	out := slices.Clone(s.courier.log)
	for i := range out {
		out[i].Params = cloneValues(out[i].Params)
	}
	return out
}
