package twilio

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// candidates collects the changes of one URL that a proxy may be the reason
// for, likeliest first. Those that change nothing are left out.
type candidates struct {
	ours webhookURL
	all  []change
}

func (c *candidates) add(parts part, to webhookURL) {
	if ch := (change{parts, to}); c.ours.with(ch) != c.ours && !slices.Contains(c.all, ch) {
		c.all = append(c.all, ch)
	}
}

func (c *candidates) path(path string)   { c.add(pathPart, webhookURL{path: path}) }
func (c *candidates) query(query string) { c.add(queryPart, webhookURL{query: query}) }

// likely are the changes worth trying on every refusal. base is the path of
// the public URL, with which ours begins.
func likely(ours webhookURL, base string, header http.Header) []change {
	c := candidates{ours: ours}
	c.add(schemePart, webhookURL{scheme: flip(ours.scheme)})
	for _, origin := range forwardedOrigins(header) {
		c.add(originParts, origin)
	}
	c.add(portPart, webhookURL{})
	for _, target := range forwardedTargets(header) {
		c.add(targetParts, target)
		c.path(target.path)
	}
	for _, prefix := range forwardedPrefixes(header) {
		c.path(prefix + ours.path)
	}
	if rest := strings.TrimSuffix(ours.path, "/"); rest != ours.path {
		c.path(rest)
	} else {
		c.path(ours.path + "/")
	}
	c.path(base + "/" + strings.TrimPrefix(ours.path, base))
	c.path(strings.TrimPrefix(ours.path, base))
	c.query("")
	return c.all
}

// flip is the other scheme.
func flip(scheme string) string {
	if scheme == "https://" {
		return "http://"
	}
	return "https://"
}

// thorough adds what is worth trying when somebody waits for the answer.
// others are addresses that may be the one in Twilio's settings.
func thorough(ours webhookURL, base string, header http.Header, body []byte, others []webhookURL) []change {
	c := candidates{ours: ours, all: likely(ours, base, header)}
	c.add(userPart, webhookURL{})
	for _, u := range append(others, forwardedOrigins(header)...) {
		c.add(originParts, u)
		c.add(hostPart, u)
		c.add(portPart, u)
	}
	for _, u := range others {
		c.add(targetParts, u)
		c.path(u.path)
		c.query(u.query)
		c.path(strings.TrimSuffix(u.path, "/") + ours.path)
	}
	c.names()
	c.paths()
	c.queries(body)
	for _, port := range []string{ours.defaultPort(), ":80", ":443", ":8080", ":8443", ":3000", ":5000", ":8000", ":8888", ":9000"} {
		c.add(portPart, webhookURL{port: port})
	}
	return c.all
}

func (c *candidates) names() {
	host := c.ours.host
	c.add(hostPart, webhookURL{host: strings.ToLower(host)})
	c.add(hostPart, webhookURL{host: strings.TrimSuffix(host, ".")})
	if bare, found := strings.CutPrefix(host, "www."); found {
		c.add(hostPart, webhookURL{host: bare})
	} else {
		c.add(hostPart, webhookURL{host: "www." + host})
	}
}

func (c *candidates) paths() {
	path := c.ours.path
	c.path(singleSlashes(path))
	for i := range len(path) {
		if path[i] == '/' {
			c.path(path[:i] + "/" + path[i:])
		}
	}
	for rest := path; ; { // one leading segment after the other
		i := strings.IndexByte(strings.TrimPrefix(rest, "/"), '/')
		if i < 0 {
			break
		}
		rest = rest[i+1:]
		c.path(rest)
	}
	for _, other := range reescaped(path, url.PathUnescape) {
		c.path(other)
	}
}

// reescaped are other ways to write s: decoded, with the other case of hex
// digits, with the characters escaped that a proxy may have decoded.
func reescaped(s string, unescape func(string) (string, error)) []string {
	out := []string{
		lowerEscapes(s), upperEscapes(s), strings.ReplaceAll(s, "+", "%20"), strings.ReplaceAll(s, "%20", "+"),
		strings.ReplaceAll(s, " ", "%20"), strings.ReplaceAll(s, " ", "+"), strings.ReplaceAll(s, "+", "%2B"),
		strings.ReplaceAll(strings.ReplaceAll(s, "%2F", "/"), "%2f", "/"), strings.ReplaceAll(s, "/", "%2F"),
	}
	if decoded, err := unescape(s); err == nil {
		out = append(out, decoded, (&url.URL{Path: decoded}).EscapedPath())
	}
	// Which of the slashes was an escaped one?
	for i := 1; i < len(s); i++ {
		if s[i] == '/' {
			out = append(out, s[:i]+"%2F"+s[i+1:], s[:i]+"%2f"+s[i+1:])
		}
	}
	return out
}

var escapePattern = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

func lowerEscapes(s string) string { return escapePattern.ReplaceAllStringFunc(s, strings.ToLower) }
func upperEscapes(s string) string { return escapePattern.ReplaceAllStringFunc(s, strings.ToUpper) }

// maxReordered is the longest query whose every order is tried: 5! = 120.
const maxReordered = 5

func (c *candidates) queries(body []byte) {
	fields := c.ours.queryFields()
	for i := range fields {
		c.query(joinQuery(slices.Delete(slices.Clone(fields), i, i+1)))
	}
	if len(c.ours.query) > 0 {
		for _, other := range reescaped(c.ours.query[1:], url.QueryUnescape) {
			c.query("?" + other)
		}
	} else {
		c.query("?")
	}
	if len(fields) <= maxReordered {
		permute(fields, func(order []string) { c.query(joinQuery(order)) })
	}
	sum := sha256.Sum256(body)
	c.query(joinQuery(append(slices.Clone(fields), "bodySHA256="+hex.EncodeToString(sum[:]))))
}

// permute calls f with every order of s (Heap's algorithm).
func permute(s []string, f func([]string)) {
	s = slices.Clone(s)
	var turn func(int)
	turn = func(k int) {
		if k <= 1 {
			f(s)
			return
		}
		for i := range k {
			turn(k - 1)
			if k%2 == 0 {
				s[i], s[k-1] = s[k-1], s[i]
			} else {
				s[0], s[k-1] = s[k-1], s[0]
			}
		}
	}
	turn(len(s))
}
