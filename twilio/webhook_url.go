package twilio

import (
	"net/url"
	"slices"
	"strings"
)

// webhookURL is an address in the parts that proxies change. Each part keeps
// its punctuation, so that joining them gives back every byte.
type webhookURL struct {
	scheme string // "https://"
	user   string // "user:pass@"
	host   string // "example.com", "[::1]"
	port   string // ":8443"
	path   string // "/webhooks"
	query  string // "?a=b"
}

// splitURL splits an absolute URL without its fragment, which nobody signs. It
// reports false for anything without scheme and host.
func splitURL(s string) (u webhookURL, ok bool) {
	s, _, _ = strings.Cut(s, "#")
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return u, false
	}
	u.scheme = scheme + "://"
	if i := strings.IndexByte(rest, '?'); i >= 0 {
		rest, u.query = rest[:i], rest[i:]
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, u.path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		u.user, rest = rest[:i+1], rest[i+1:]
	}
	u.host = rest
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		u.host, u.port = rest[:i], rest[i:]
	}
	return u, u.host != ""
}

func (u webhookURL) String() string {
	return u.scheme + u.user + u.host + u.port + u.path + u.query
}

// public is the URL for people: a query may hold a secret or, in a webhook by
// GET, what a customer wrote.
func (u webhookURL) public() string {
	if u.query != "" {
		u.query = "?…"
	}
	if u.user != "" {
		u.user = "…@"
	}
	return u.String()
}

// defaultPort is what the scheme means without a port.
func (u webhookURL) defaultPort() string {
	if u.scheme == "http://" {
		return ":80"
	}
	return ":443"
}

// part is a set of parts of a URL.
type part uint8

const (
	schemePart part = 1 << iota
	userPart
	hostPart
	portPart
	pathPart
	queryPart

	originParts = schemePart | hostPart | portPart
	targetParts = pathPart | queryPart
)

// change replaces some parts of a URL by those of another.
type change struct {
	parts part
	to    webhookURL
}

func (u webhookURL) with(c change) webhookURL {
	if c.parts&schemePart != 0 {
		u.scheme = c.to.scheme
	}
	if c.parts&userPart != 0 {
		u.user = c.to.user
	}
	if c.parts&hostPart != 0 {
		u.host = c.to.host
	}
	if c.parts&portPart != 0 {
		u.port = c.to.port
	}
	if c.parts&pathPart != 0 {
		u.path = c.to.path
	}
	if c.parts&queryPart != 0 {
		u.query = c.to.query
	}
	return u
}

// queryFields are the fields of a query as they stand.
func (u webhookURL) queryFields() []string {
	if len(u.query) < 2 {
		return nil
	}
	return strings.Split(u.query[1:], "&")
}

func joinQuery(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return "?" + strings.Join(fields, "&")
}

// singleSlashes makes one slash of several.
func singleSlashes(path string) string {
	return string(slices.CompactFunc([]byte(path), func(a, b byte) bool { return a == '/' && b == '/' }))
}

// plain is a part of a URL with its escapes read, to tell whether two differ
// in nothing else; s itself if they cannot be read.
func plain(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}
