package handlers

import (
	"net/url"

	"github.com/labstack/echo/v4"
)

// securityHeaders are set before anything else runs, so that errors have them
// too. Nothing may be stored by a cache unless its handler says otherwise.
//
// The referrer policy is same-origin and not no-referrer, which would make
// browsers send our own forms with "Origin: null".
func securityHeaders(public *url.URL) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set("Content-Security-Policy", contentPolicy(""))
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cache-Control", "no-store")
			if public.Scheme == "https" {
				h.Set("Strict-Transport-Security", "max-age=31536000") // one year, as ASVS 5.0, 3.4.1 asks
			}
			return next(c)
		}
	}
}

// contentPolicy allows our stylesheet, our images and our forms. thanks is one
// more origin that a form may be redirected to: browsers hold the redirect
// after a post against form-action as well.
func contentPolicy(thanks string) string {
	policy := "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	if thanks != "" {
		policy += " " + thanks
	}
	return policy
}

// cacheFor lets browsers and caches keep the answer.
func cacheFor(c echo.Context, directives string) {
	c.Response().Header().Set("Cache-Control", directives)
}
