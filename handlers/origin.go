package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"textme/chat"
)

// originOf is the web origin of u as browsers write it (RFC 6454, section 6.2),
// "" if u has none.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Hostname() == "" || strings.ContainsFunc(host, notInHost) || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	if port := u.Port(); u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		host = host[:len(host)-len(port)-1]
	}
	return u.Scheme + "://" + host
}

// notInHost finds what url.Parse lets pass in a host but a header's grammar
// would read as the end of it. International names are written in Punycode.
func notInHost(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-:[]", r)
}

// checkOrigin says how a post proves which page it came from. It returns
// errOrigin or errOriginNull for a page that may not post to the source, own
// being the origin of our pages. Browsers name the origin of every post, so
// one without comes from a program, and programs could name any.
func checkOrigin(r *http.Request, source chat.Source, own string) (chat.VerifiedBy, error) {
	origins := r.Header.Values("Origin")
	switch {
	case len(origins) == 0:
		return chat.ByNothing, nil
	case len(origins) > 1:
		return "", errOrigin
	case origins[0] == own, slices.Contains(source.Origins, origins[0]):
		return chat.ByOrigin, nil
	case r.Header.Get("Sec-Fetch-Site") == "same-origin":
		// A page of ours, by another name than the configured one, as
		// 127.0.0.1 instead of localhost. Pages cannot set this header.
		return chat.ByOrigin, nil
	case origins[0] == "null":
		return "", errOriginNull
	default:
		return "", errOrigin
	}
}

// allowOrigin lets scripts of the asking page read the answer. Credentials are
// never allowed: the doors for visitors have none.
func allowOrigin(c echo.Context) {
	if origin := c.Request().Header.Get("Origin"); origin != "" {
		c.Response().Header().Set("Access-Control-Allow-Origin", origin)
	}
}

// sameOrigin keeps other websites from posting in the name of signed-in staff.
type sameOrigin struct{ protection *http.CrossOriginProtection }

func newSameOrigin(public *url.URL) (*sameOrigin, error) {
	protection := http.NewCrossOriginProtection()
	// A proxy may rewrite Host, which older browsers' Origin is compared with.
	if err := protection.AddTrustedOrigin(originOf(public)); err != nil {
		return nil, err
	}
	return &sameOrigin{protection}, nil
}

// guard lets requests of our own pages, and of programs, through to next.
func (s *sameOrigin) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.protection.Check(c.Request()) != nil {
			return errCrossOrigin
		}
		return next(c)
	}
}
