package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"textme/chat"
)

// readiness says, soon, whether sign-ups and events can be recorded: the database
// is reachable and migrated.
type readiness interface {
	Ready(ctx context.Context) error
}

// probes answer load balancers and monitors. How old the queue is is a metric
// and not readiness: taking a slow server out of service makes nothing faster.
type probes struct{ store readiness }

// process says that the process runs.
func (p *probes) process(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// ready says that the database can record.
func (p *probes) ready(c echo.Context) error {
	if err := p.store.Ready(c.Request().Context()); err != nil {
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, err)
	}
	return c.String(http.StatusOK, "ready\n")
}
