package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/forms"
)

// quarantine keeps submissions that were proven to be the source's but cannot
// be acted on, so that somebody can look at them.
type quarantine interface {
	Quarantine(ctx context.Context, sourceID uuid.UUID, reason string, submission []byte) error
}

// hookStore is what the hooks need of the store.
type hookStore interface {
	signupStore
	quarantine
}

// hooks is the door for servers: form vendors, automations, a website's own
// back end. They prove themselves over the raw bytes before anything is read.
type hooks struct {
	sources sourceStore
	store   hookStore
	decoy   chat.Source // verified against where there is no source
	max     int64
	now     func() time.Time
	log     *slog.Logger
}

func newHooks(cfg Config) (*hooks, error) {
	secret, err := forms.ParseSecret(forms.GenerateSecret())
	if err != nil {
		return nil, err
	}
	hash := forms.HashToken(forms.GenerateToken())
	return &hooks{
		sources: cfg.Forms, store: cfg.Forms, max: cfg.MaxHook, now: cfg.Now, log: cfg.Logger,
		decoy: chat.Source{Secrets: [][]byte{secret}, TokenHashes: [][]byte{hash[:]}},
	}, nil
}

// receive takes one submission. An unknown source, a disabled one, one of
// another kind, and a wrong proof are all the same 404. After a valid proof
// nothing is lost: what cannot be understood is quarantined and answered 202,
// since sending it again would not mend it.
func (h *hooks) receive(c echo.Context) error {
	raw, err := readBody(c, h.max)
	if err != nil {
		return err
	}
	defer within(c, recordWithin)()
	ctx, r := c.Request().Context(), c.Request()
	s, missing := enabledSource(ctx, h.sources, c.Param("source"))
	if missing != nil && !errors.Is(missing, chat.ErrNotFound) {
		return missing
	}
	if missing == nil && s.Kind != chat.WebhookSource {
		missing = chat.ErrNotFound
	}
	if missing != nil {
		s = h.decoy
	}
	e, err := h.verify(r, s, raw, c.Param("token"))
	if err := errors.Join(missing, err); err != nil {
		return err
	}
	if e.fields, err = forms.ParseBody(r.Header.Get(echo.HeaderContentType), raw); err != nil {
		// The errors of forms say where and what, and quote nothing.
		return h.setAside(c, s, raw, []fieldError{{Message: err.Error()}})
	}
	if err := e.read(); err != nil {
		h.log.LogAttrs(ctx, slog.LevelError, "source misconfigured", slog.String("source", s.Key), slog.Any("err", err))
		return h.setAside(c, s, raw, []fieldError{{Message: "The field paths set for this source cannot be read."}})
	}
	if len(e.errs) > 0 {
		return h.setAside(c, s, raw, e.errs)
	}
	if e.dedupeKey == "" && e.typed.SubmissionID != "" {
		e.dedupeKey = "hook:" + e.typed.SubmissionID
	}
	// Address and user agent are the vendor's, not the person's: left out.
	recorded, err := h.store.RecordSignup(ctx, e.fact(raw, h.now().UTC()))
	if err != nil {
		return err
	}
	logRecorded(ctx, h.log, s, recorded)
	return c.JSON(http.StatusAccepted, statusAccepted)
}

// verify checks signature and token, always both, so that the time it takes
// does not tell which one the source has.
func (h *hooks) verify(r *http.Request, s chat.Source, raw []byte, pathToken string) (entry, error) {
	e := entry{source: s}
	v := forms.VerifyStandardWebhook(raw, r.Header, s.Secrets, h.now())
	token := forms.MatchToken(forms.RequestToken(r.Header, pathToken), tokenHashes(s)...)
	switch {
	case v.Verdict == forms.Good:
		e.verifiedBy, e.dedupeKey = chat.BySignature, "hook:"+v.ID
	case token:
		e.verifiedBy = chat.ByToken
	case v.Verdict == forms.Stale:
		return entry{}, errStale
	default:
		return entry{}, chat.ErrNotFound
	}
	return e, nil
}

func tokenHashes(s chat.Source) []forms.TokenHash {
	var hashes []forms.TokenHash
	for _, stored := range s.TokenHashes {
		var hash forms.TokenHash // zero, which matches nothing, for a damaged one
		if len(stored) == len(hash) {
			copy(hash[:], stored)
		}
		hashes = append(hashes, hash)
	}
	return hashes
}

// setAside quarantines the submission and says why. The reason names fields
// and never what was in them.
func (h *hooks) setAside(c echo.Context, s chat.Source, raw []byte, errs []fieldError) error {
	ctx := c.Request().Context()
	var reasons []string
	for _, e := range errs {
		reasons = append(reasons, strings.TrimPrefix(e.Field+": "+e.Message, ": "))
	}
	reason := strings.Join(reasons, "; ")
	if err := h.store.Quarantine(ctx, s.ID, reason, raw); err != nil {
		return err
	}
	h.log.LogAttrs(ctx, slog.LevelWarn, "submission quarantined", slog.String("source", s.Key), slog.String("reason", reason))
	return c.JSON(http.StatusAccepted, errorList{Status: "quarantined", Errors: errs})
}
