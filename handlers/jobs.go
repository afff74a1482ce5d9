package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/templates"
)

// jobs lets staff at the queue's own page, which is a program in the browser
// that calls an interface under the same path, and which brings a policy of
// its own. What it may read is open to staff as a whole; what it may change is
// declared call by call in the route table, and each change is written down
// before it is made.
type jobs struct {
	page  http.Handler
	store auditLog
}

// show passes a request to read something on.
func (j *jobs) show(c echo.Context) error {
	if strings.HasPrefix(c.Request().URL.Path, templates.JobsPath+"/assets/") {
		cacheFor(c, "private, max-age=31536000, immutable") // their names tell their content
	}
	j.page.ServeHTTP(c.Response(), c.Request())
	return nil
}

// changeJobs passes an act on jobs on.
func (j *jobs) changeJobs(action string) echo.HandlerFunc {
	return func(c echo.Context) error {
		raw, err := readBody(c, maxAdminForm)
		if err != nil {
			return err
		}
		var asked struct {
			IDs []string `json:"ids"`
		}
		if err := json.Unmarshal(raw, &asked); err != nil {
			return fmt.Errorf("%w: job ids: %w", errUnparseable, err)
		}
		if slices.ContainsFunc(asked.IDs, notNumber) {
			return fmt.Errorf("%w: job ids: not numbers", errUnparseable)
		}
		subject := "jobs " + strings.Join(asked.IDs, " ")
		c.Request().Body = io.NopCloser(bytes.NewReader(raw))
		return j.change(c, action, subject)
	}
}

var numberPattern = regexp.MustCompile(`^[0-9]{1,19}$`)

func notNumber(s string) bool { return !numberPattern.MatchString(s) }

var queuePattern = regexp.MustCompile(`^[a-z]{1,32}$`)

// changeQueue passes an act on a queue on.
func (j *jobs) changeQueue(action string) echo.HandlerFunc {
	return func(c echo.Context) error {
		name := c.Param("queue")
		if !queuePattern.MatchString(name) {
			return chat.ErrNotFound
		}
		return j.change(c, action, "queue "+name)
	}
}

func (j *jobs) change(c echo.Context, action, subject string) error {
	if err := j.store.Audit(c.Request().Context(), auditOf(c, action, subject)); err != nil {
		return err
	}
	return j.show(c)
}
