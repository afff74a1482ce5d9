package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
)

// Webhooks reads what Twilio posts. requestURI is path and query as received;
// scheme and host are the configured ones and never the request's. It returns
// chat.ErrForged, wrapped with a reason that may be logged, for anything that
// Twilio did not sign for this account. Host is among the headers: like what
// proxies add, it may serve to explain a refusal, never to accept.
type Webhooks interface {
	Receive(requestURI string, header http.Header, body []byte) (chat.Event, error)
}

// eventStore applies events: the answer has one result for each, in order, and
// once it returns without an error they are committed. Applying an event again
// changes nothing.
type eventStore interface {
	ApplyEvents(ctx context.Context, events []chat.Event) ([]chat.Result, error)
}

// twilioHooks takes Twilio's webhooks, of Conversations and of classic
// messaging alike.
type twilioHooks struct {
	webhooks Webhooks
	events   eventStore
	max      int64
	now      func() time.Time
	log      *slog.Logger
	echoes   echoes
}

// eventDeadline leaves room to answer within three seconds, and all the more within
// the five that Twilio waits
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks).
const eventDeadline = 2500 * time.Millisecond

// receive commits one event and only then answers 204.
func (t *twilioHooks) receive(c echo.Context) error {
	r := c.Request()
	ctx, cancel := context.WithTimeout(r.Context(), eventDeadline)
	defer cancel()
	body, err := readBody(c, t.max)
	if err != nil {
		return err
	}
	r.Header.Set("Host", r.Host) // net/http keeps it apart
	event, err := t.webhooks.Receive(r.RequestURI, r.Header, body)
	if err != nil {
		t.log.LogAttrs(ctx, slog.LevelWarn, "webhook refused", slog.String("route", c.Path()), slog.Any("err", err))
		return err
	}
	results, err := t.events.ApplyEvents(ctx, []chat.Event{event})
	if err != nil {
		return fmt.Errorf("%w: apply event %s: %w", chat.ErrUnavailable, event.Type, err)
	}
	for _, result := range results {
		t.tell(ctx, event, result)
	}
	return c.NoContent(http.StatusNoContent)
}

// tell logs what staff should know of an event.
func (t *twilioHooks) tell(ctx context.Context, event chat.Event, result chat.Result) {
	chat.LogPaused(ctx, t.log, result)
	switch {
	case result.Error != "":
		t.log.LogAttrs(ctx, slog.LevelWarn, "event stored but not applied",
			slog.String("type", event.Type),
			slog.String("conversation_sid", string(event.SID)),
			slog.String("problem", result.Error))
	case result.Applied == chat.EventEcho && t.echoes.worthTelling(event.Classic.To, t.now()):
		t.log.LogAttrs(ctx, slog.LevelWarn, "the classic webhook of a sender brings what its conversations bring as well; it may go",
			slog.String("message_sid", event.Classic.SID))
	}
}
