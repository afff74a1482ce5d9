package handlers

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
)

// requestID is what this request is called in the log and on error pages.
func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// requestLog gives every request an ID of ours, answers its error, and writes
// one line about it. The line names the route, never the path: paths hold
// tokens, and queries hold phones.
func requestLog(log *slog.Logger) echo.MiddlewareFunc {
	const idBytes = 8
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			c.Response().Header().Set(echo.HeaderXRequestID, hex.EncodeToString(chat.RandomBytes(idBytes)))
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			status := c.Response().Status
			attrs := []slog.Attr{
				slog.String("method", knownMethod(c.Request().Method)),
				slog.String("route", c.Path()),
				slog.Int("status", status),
				slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000),
				slog.String("request_id", requestID(c)),
			}
			level := slog.LevelInfo
			if status >= http.StatusInternalServerError {
				level = slog.LevelError
			}
			if err != nil && level == slog.LevelError {
				attrs = append(attrs, slog.Any("err", err))
			}
			log.LogAttrs(c.Request().Context(), level, "request", attrs...)
			return nil
		}
	}
}

// observed tells observe of every request. It comes before requestLog, which
// answers what went wrong.
func observed(observe func(method, route string, status int, took time.Duration)) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			err := next(c)
			observe(knownMethod(c.Request().Method), c.Path(), c.Response().Status, time.Since(start))
			return err
		}
	}
}

// knownMethod keeps made-up methods, which can be any word, out of the log and
// the metrics.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return method
	}
	return "other"
}

// recoverPanic turns a panic into an internal error. The stack is logged with
// it; of a value that is not a runtime error only the type is, since it may
// hold what somebody typed.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch v := recover().(type) {
			case nil:
			case runtime.Error:
				err = fmt.Errorf("%w: %w\n%s", errPanic, v, debug.Stack())
			default:
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares identity too
					panic(v)
				}
				err = fmt.Errorf("%w: %T\n%s", errPanic, v, debug.Stack())
			}
		}()
		return next(c)
	}
}

// deadline bounds a request, so that a database that hangs becomes an answer
// before the server's own write timeout cuts the connection.
func deadline(after time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			defer within(c, after)() // its failure is still to be answered
			return next(c)
		}
	}
}

// within bounds the rest of a request until the function it returns is called.
func within(c echo.Context, d time.Duration) (done func()) {
	r := c.Request()
	ctx, cancel := context.WithTimeout(r.Context(), d)
	c.SetRequest(r.WithContext(ctx))
	return func() {
		cancel()
		c.SetRequest(r)
	}
}

// declaredMethods refuses OPTIONS where the route table has none; Echo would
// answer it everywhere.
func declaredMethods(routes []route) echo.MiddlewareFunc {
	var preflights []string
	for _, r := range routes {
		if r.Method == http.MethodOptions {
			preflights = append(preflights, r.Path)
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			allow, _ := c.Get(echo.ContextKeyHeaderAllow).(string)
			if allow == "" || slices.Contains(preflights, c.Path()) {
				return next(c)
			}
			c.Response().Header().Set(echo.HeaderAllow, strings.TrimPrefix(allow, "OPTIONS, "))
			return echo.ErrMethodNotAllowed
		}
	}
}

// plainBodies refuses compressed bodies: what they unpack to has no bound.
func plainBodies(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if _, set := c.Request().Header["Content-Encoding"]; set {
			return errEncodedBody
		}
		return next(c)
	}
}

// warnOfForwarded says once that a proxy seems to stand in front although none
// is trusted: everybody then shares that proxy's address.
func warnOfForwarded(log *slog.Logger, trusted []netip.Prefix) echo.MiddlewareFunc {
	var once sync.Once
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if len(trusted) == 0 && c.Request().Header.Get(echo.HeaderXForwardedFor) != "" {
				once.Do(func() {
					log.LogAttrs(c.Request().Context(), slog.LevelWarn,
						"forwarded header ignored: set TRUSTED_PROXIES if a proxy of yours sends it")
				})
			}
			return next(c)
		}
	}
}
