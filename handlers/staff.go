package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/templates"
)

// conversationStore is what staff may read, and have tried again. RevealPhone
// and TryAgain write the audit entry in the same transaction: no number is shown
// without it.
type conversationStore interface {
	Mappings(ctx context.Context, q chat.MappingQuery) (chat.MappingPage, error)
	Dossier(ctx context.Context, conversationID uuid.UUID) (chat.Dossier, error)
	RevealPhone(ctx context.Context, conversationID uuid.UUID, entry chat.AuditEntry) (chat.Phone, error)
	TryAgain(ctx context.Context, conversationID uuid.UUID, entry chat.AuditEntry) (tried bool, err error)
}

// staff are the pages for signed-in staff: who is mapped to which conversation
// and participant, and what was said.
type staff struct {
	store   conversationStore
	sources sourceStore
	view    *view
	public  *url.URL
	fileURL func(chat.File) string
}

// pageSize is how many conversations one page lists.
const pageSize = 50

// home leads to the list.
func (s *staff) home(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, templates.ConversationsPath)
}

// listQuery is what a list was asked for, as it stands in the URL. Before
// leads to older conversations, After to newer ones.
type listQuery struct{ q, before, after string }

// list shows one page of conversations.
func (s *staff) list(c echo.Context) error {
	page, err := s.page(c, listQuery{c.QueryParam("q"), c.QueryParam("before"), c.QueryParam("after")})
	if err != nil {
		return err
	}
	return s.view.html(c, http.StatusOK, page)
}

// revealInList shows the same page again with one phone in full.
func (s *staff) revealInList(c echo.Context) error {
	var (
		asked listQuery
		id    string
	)
	for _, field := range []struct {
		name string
		into *string
	}{{"id", &id}, {"q", &asked.q}, {"before", &asked.before}, {"after", &asked.after}} {
		var err error
		if *field.into, err = value(formOf(c), field.name); err != nil {
			return fmt.Errorf("%w: %s: %w", errUnparseable, field.name, err)
		}
	}
	phone, err := s.revealPhone(c, id)
	if err != nil {
		return err
	}
	page, err := s.page(c, asked)
	if err != nil {
		return err
	}
	for i := range page.Rows {
		if page.Rows[i].ID == id {
			page.Rows[i].Phone = phone
		}
	}
	return s.view.html(c, http.StatusOK, page)
}

// conversation shows one conversation.
func (s *staff) conversation(c echo.Context) error {
	page, err := s.dossier(c)
	if err != nil {
		return err
	}
	return s.view.html(c, http.StatusOK, page)
}

// reveal shows it again with the phone in full.
func (s *staff) reveal(c echo.Context) error {
	phone, err := s.revealPhone(c, c.Param("id"))
	if err != nil {
		return err
	}
	page, err := s.dossier(c)
	if err != nil {
		return err
	}
	page.Phone = phone
	return s.view.html(c, http.StatusOK, page)
}

// tryAgain has a failed conversation tried again. One that has not failed, or
// not any more, is only shown.
func (s *staff) tryAgain(c echo.Context) error {
	id, err := conversationID(c.Param("id"))
	if err != nil {
		return err
	}
	if _, err := s.store.TryAgain(c.Request().Context(), id, auditOf(c, actTryAgain, id.String())); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, templates.ConversationPath(id.String()))
}

// auditOf is the entry for what signed-in staff do.
func auditOf(c echo.Context, action, subject string) chat.AuditEntry {
	current, _ := sessionOf(c)
	return chat.AuditEntry{Actor: actorOf(current.Admin), Action: action, Subject: subject, IP: clientIP(c)}
}

func (s *staff) revealPhone(c echo.Context, id string) (templates.Phone, error) {
	conversationID, err := conversationID(id)
	if err != nil {
		return templates.Phone{}, err
	}
	phone, err := s.store.RevealPhone(c.Request().Context(), conversationID, auditOf(c, actReveal, conversationID.String()))
	return templates.Phone{E164: string(phone), Revealed: true}, err
}

// conversationID reads the one spelling of an ID that our pages use.
func conversationID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s {
		return uuid.Nil, chat.ErrNotFound
	}
	return id, nil
}

// page reads one page of the list.
func (s *staff) page(c echo.Context, asked listQuery) (templates.ConversationsPage, error) {
	ctx := c.Request().Context()
	current, _ := sessionOf(c)
	page := templates.ConversationsPage{
		Admin: s.view.admin(c, current), Query: asked.q, Before: asked.before, After: asked.after,
	}
	// The URL speaks of time, the query of places down the list.
	below, errBefore := readCursor(asked.before)
	above, errAfter := readCursor(asked.after)
	if err := errors.Join(errBefore, errAfter); err != nil {
		return page, err
	}
	q := chat.MappingQuery{After: below, Before: above, Limit: pageSize}
	known, err := s.search(ctx, strings.TrimSpace(asked.q), &q)
	if err != nil || !known {
		return page, err
	}
	found, err := s.store.Mappings(ctx, q)
	if err != nil {
		return page, err
	}
	for _, m := range found.Mappings {
		page.Rows = append(page.Rows, rowOf(m))
	}
	if n := len(found.Mappings); n > 0 {
		if found.Newer {
			page.Newer = cursorAt(found.Mappings[0])
		}
		if found.Older {
			page.Older = cursorAt(found.Mappings[n-1])
		}
	} else if asked == (listQuery{}) {
		page.SignupURL, err = s.signupURL(ctx)
	}
	return page, err
}

// search turns what was typed into a query. Only a number or a SID gets as far
// as the store; anything else is known to be nowhere.
func (s *staff) search(ctx context.Context, typed string, q *chat.MappingQuery) (known bool, err error) {
	switch {
	case typed == "":
		return true, nil
	case chat.ConversationSID(typed).Valid(), chat.ParticipantSID(typed).Valid():
		q.SID = typed
		return true, nil
	}
	region := ""
	switch source, err := s.sources.DefaultSource(ctx); {
	case err == nil:
		region = source.Region()
	case !errors.Is(err, chat.ErrNotFound):
		return false, err
	}
	q.Phone, err = chat.ParsePhone(typed, region)
	return err == nil, nil
}

// signupURL is a page to try while there are no conversations, "" if there is
// no source either.
func (s *staff) signupURL(ctx context.Context) (string, error) {
	source, err := visitorSource(ctx, s.sources, "")
	if errors.Is(err, chat.ErrNotFound) {
		return "", nil
	}
	return s.public.JoinPath(publicSource(source).SignupPath()).String(), err
}

func rowOf(m chat.Mapping) templates.ConversationRow {
	return templates.ConversationRow{
		ID:              m.ID.String(),
		Phone:           templates.Phone{E164: string(m.Phone)},
		Name:            m.Name,
		Sender:          string(m.Sender),
		ConversationSID: string(m.SID),
		ParticipantSID:  string(m.ParticipantSID),
		State:           string(m.State),
		Reason:          m.Reason,
		LastActivity:    m.LastActivity,
	}
}

func (s *staff) dossier(c echo.Context) (templates.ConversationPage, error) {
	id, err := conversationID(c.Param("id"))
	if err != nil {
		return templates.ConversationPage{}, err
	}
	d, err := s.store.Dossier(c.Request().Context(), id)
	if err != nil {
		return templates.ConversationPage{}, err
	}
	current, _ := sessionOf(c)
	page := conversationPage(d, s.fileURL)
	page.Admin = s.view.admin(c, current)
	return page, nil
}
