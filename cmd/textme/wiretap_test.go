package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"textme/twilio/twiliosim"
)

// A wiretap is in the way of every webhook. It keeps what it sees, for posting
// it again, and how it was answered.
type wiretap struct {
	t  *testing.T
	to *url.URL

	mu       sync.Mutex
	webhooks []tapped
}

// tapped is one webhook and its answer.
type tapped struct {
	answer
	target string
	header http.Header
	body   []byte
}

// answer is how a request was answered: status 0, not at all. by is the address of the
// replica that did, where there are several.
type answer struct {
	begun  time.Time
	by     string
	status int
	took   time.Duration
}

// answeredBy is a header in which a balancer says to whom it went.
const answeredBy = "Answered-By"

// tap puts a wiretap between the simulator of opts and its webhooks' address.
func tap(t *testing.T, opts *twiliosim.Options) *wiretap {
	t.Helper()
	to, err := url.Parse(opts.DeliverTo)
	must(t, err)
	w := &wiretap{t: t, to: to}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	opts.DeliverTo = server.URL
	return w
}

// ServeHTTP implements http.Handler.
func (w *wiretap) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	seen := tapped{target: r.RequestURI, header: r.Header.Clone(), body: body, answer: answer{begun: time.Now()}}
	proxy := httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(w.to) },
		ModifyResponse: func(res *http.Response) error {
			seen.status, seen.by = res.StatusCode, res.Header.Get(answeredBy)
			return nil
		},
	}
	proxy.ServeHTTP(rw, r)
	seen.took = time.Since(seen.begun)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.webhooks = append(w.webhooks, seen)
}

// seen returns what the wiretap has seen so far.
func (w *wiretap) seen() []tapped {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.webhooks)
}

// posts posts a captured webhook again and returns the answer.
func (s *story) posts(w tapped) *http.Response {
	s.t.Helper()
	req := s.request(http.MethodPost, w.target, bytes.NewReader(w.body))
	req.Header = w.header.Clone()
	return s.do(req)
}
