package twilio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	sdk "github.com/twilio/twilio-go/client"
)

// How much of an answer is read, in bytes. A page of 100 messages of 32 KB each
// is the largest there is; an error is a few lines of JSON, and more is a proxy's page.
const (
	maxAnswer      = 8 << 20
	maxErrorAnswer = 64 << 10
)

// maxRetryAfter bounds a Retry-After that cannot be meant: Twilio's are seconds,
// and a proxy's must not silence everybody for a day. Who is still not to call
// then is told so again.
const maxRetryAfter = time.Hour

// exchange is one HTTP request. It stands on both sides of the SDK: as its
// BaseClient it corrects the address, as its RoundTripper it carries the
// caller's context, bounds and closes the answer, and remembers what the SDK
// drops.
type exchange struct {
	*sdk.Client
	ctx    context.Context // of the call: the SDK has no way to pass one
	client *Client

	sent       atomic.Bool // a connection was there: the request may have left
	status     int         // 0 until there is an answer
	retryAfter time.Duration
}

func newExchange(ctx context.Context, c *Client) *exchange {
	x := &exchange{ctx: ctx, client: c}
	x.Client = &sdk.Client{Credentials: c.credentials, HTTPClient: &http.Client{Transport: x}}
	return x
}

// SendRequest implements the SDK's BaseClient.
func (x *exchange) SendRequest(method, rawURL string, data url.Values, headers map[string]any, body ...byte) (*http.Response, error) {
	u, err := x.client.address(rawURL)
	if err != nil {
		return nil, err
	}
	return x.Client.SendRequest(method, u, data, headers, body...)
}

var errElsewhere = errors.New("the next page is not at Twilio")

// address is where a request of the SDK really goes. Credentials go along, so
// an address taken from an answer must be that of the API. With a service, what
// exists once per service is found under it: the two trees are the same but for
// this root (https://www.twilio.com/docs/conversations-classic/api/service-resource).
func (c *Client) address(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errElsewhere
	}
	official := u.Scheme == "https" && slices.Contains([]string{apiHost, numbersHost, messagingHost}, u.Host)
	ours := u.Scheme == c.base.Scheme && u.Host == c.base.Host
	if !official && !ours || u.User != nil {
		return "", errElsewhere
	}
	product, _, _ := strings.Cut(u.Host, ".")
	u.Scheme, u.Host = c.base.Scheme, c.base.Host
	if rest, ok := strings.CutPrefix(u.Host, "conversations."); ok && official {
		u.Host = product + "." + rest
	}
	if rest, ok := strings.CutPrefix(u.Path, "/v1/"); ok && c.serviceSID != "" && perService(rest) {
		u.Path = "/v1/Services/" + c.serviceSID + "/" + rest
	}
	return u.String(), nil
}

func perService(path string) bool {
	root, _, _ := strings.Cut(path, "/")
	return root == "Conversations" || root == "ParticipantConversations"
}

var (
	errRedirect = errors.New("the answer is a redirect, which Twilio never gives")
	errTooLong  = errors.New("the answer is too long")
)

// RoundTrip implements http.RoundTripper. The whole answer is read here, where
// the time limit holds, so that the SDK can leave it unread and unclosed, as it
// does with errors.
func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { x.sent.Store(true) },
	})
	res, err := x.client.transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // nothing is left to say about a body that was read
	x.status = res.StatusCode
	x.retryAfter = parseRetryAfter(res.Header.Get("Retry-After"), time.Now())
	limit := int64(maxAnswer)
	if res.StatusCode >= http.StatusBadRequest {
		limit = maxErrorAnswer
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode < http.StatusOK, 300 <= res.StatusCode && res.StatusCode < 400:
		return nil, errRedirect
	case len(body) == maxAnswer:
		return nil, errTooLong
	case r.Method == http.MethodDelete && res.StatusCode < 300 && res.StatusCode != http.StatusNoContent:
		return nil, errUnreadable // the SDK would not mind
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// parseRetryAfter reads seconds or a date (RFC 9110, 10.2.3); 0 for anything else.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
