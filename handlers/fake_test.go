package handlers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
	"textme/forms"
)

// fakeStore keeps everything in memory. With err set, every call fails with it.
type fakeStore struct {
	mu      sync.Mutex
	err     error
	sources map[string]chat.Source

	signups     []chat.Signup
	recordErr   error
	recorded    map[string]chat.Recorded // by source key and dedupe key
	quarantined []string                 // reasons
	events      []chat.Event
	eventErr    error
	eventUntil  time.Time // how long the last call had
	result      chat.Result

	admins   map[string]chat.Admin
	sessions map[string]chat.Session
	touched  map[string]time.Time
	audits   []chat.AuditEntry
	auditErr error

	queries  []chat.MappingQuery
	page     chat.MappingPage
	dossiers map[uuid.UUID]chat.Dossier
}

var hashOnce = sync.OnceValues(func() (string, error) { return chat.HashPassword(canaryPassword) })

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newFakeStore(t *testing.T) *fakeStore {
	t.Helper()
	hash, err := hashOnce()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := forms.ParseSecret(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	token := forms.HashToken(canaryToken)
	text := "I agree to receive texts from Harbour Dental."
	sum := sha256.Sum256([]byte(text))
	base := chat.Source{
		Business: "Harbour Dental", Sender: "+12015550100",
		Disclosure: text, DisclosureVersion: 3, DisclosureSHA256: sum[:],
	}
	source := func(key string, kind chat.SourceKind, change func(*chat.Source)) chat.Source {
		s := base
		s.ID, s.Key, s.Kind = uuid.NewSHA1(uuid.Nil, []byte(key)), key, kind
		if change != nil {
			change(&s)
		}
		return s
	}
	f := &fakeStore{
		sources: map[string]chat.Source{}, recorded: map[string]chat.Recorded{},
		admins: map[string]chat.Admin{
			"rosa": {ID: uuid.New(), Username: "rosa", PasswordHash: hash},
			"gone": {ID: uuid.New(), Username: "gone", PasswordHash: hash, Disabled: true},
		},
		sessions: map[string]chat.Session{}, touched: map[string]time.Time{},
		dossiers: map[uuid.UUID]chat.Dossier{},
	}
	withSecret := func(s *chat.Source) { s.Secrets = [][]byte{secret} }
	withToken := func(s *chat.Source) { s.TokenHashes = [][]byte{token[:]} }
	for _, s := range []chat.Source{
		source("default", chat.PageSource, nil),
		source("form", chat.FormSource, func(s *chat.Source) { s.Origins = []string{"https://www.harbour.example"} }),
		source("themed", chat.PageSource, func(s *chat.Source) {
			s.Settings.Accent, s.Settings.ThanksURL = "#0b6b4f", "https://www.harbour.example/thanks?x=1"
		}),
		source("both", chat.FormSource, func(s *chat.Source) {
			withSecret(s)
			withToken(s)
		}),
		source("off", chat.PageSource, func(s *chat.Source) { s.Disabled = true }),
		source("signed", chat.WebhookSource, withSecret),
		source("tokened", chat.WebhookSource, withToken),
		source("vendor", chat.WebhookSource, func(s *chat.Source) {
			withToken(s)
			s.Settings.ConsentByUs = "vendor"
			s.Settings.Fields = map[string]string{"phone": "data.tel"}
		}),
		source("broken", chat.WebhookSource, func(s *chat.Source) {
			withToken(s)
			s.Settings.Fields = map[string]string{"phone": "a[["}
		}),
		source("hookoff", chat.WebhookSource, func(s *chat.Source) {
			withSecret(s)
			withToken(s)
			s.Disabled = true
		}),
	} {
		f.sources[s.Key] = s
	}
	return f
}

// fail makes every later call fail.
func (f *fakeStore) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeStore) SourceByKey(_ context.Context, key string) (chat.Source, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.sources[key]
	if f.err != nil || !ok {
		return chat.Source{}, orNotFound(f.err)
	}
	return s, nil
}

func (f *fakeStore) DefaultSource(ctx context.Context) (chat.Source, error) {
	return f.SourceByKey(ctx, "default")
}

func orNotFound(err error) error {
	if err == nil {
		return chat.ErrNotFound
	}
	return err
}

func (f *fakeStore) RecordSignup(_ context.Context, s chat.Signup) (chat.Recorded, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmp.Or(f.err, f.recordErr); err != nil {
		return chat.Recorded{}, err
	}
	key := s.Source.Key + "\x00" + s.DedupeKey
	if r, ok := f.recorded[key]; ok && s.DedupeKey != "" {
		r.Duplicate = true
		return r, nil
	}
	r := chat.Recorded{SignupID: uuid.New(), ConversationID: uuid.New()}
	f.recorded[key] = r
	f.signups = append(f.signups, s)
	return r, nil
}

func (f *fakeStore) Quarantine(_ context.Context, _ uuid.UUID, reason string, _ []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.quarantined = append(f.quarantined, reason)
	}
	return f.err
}

func (f *fakeStore) ApplyEvents(ctx context.Context, events []chat.Event) ([]chat.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.eventUntil, _ = ctx.Deadline()
	if err := cmp.Or(f.err, f.eventErr); err != nil {
		return nil, err
	}
	f.events = append(f.events, events...)
	return []chat.Result{f.result}, nil
}

func (f *fakeStore) Mappings(_ context.Context, q chat.MappingQuery) (chat.MappingPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries = append(f.queries, q)
	return f.page, f.err
}

func (f *fakeStore) Dossier(_ context.Context, id uuid.UUID) (chat.Dossier, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.dossiers[id]
	if f.err != nil || !ok {
		return chat.Dossier{}, orNotFound(f.err)
	}
	return d, nil
}

func (f *fakeStore) RevealPhone(_ context.Context, id uuid.UUID, entry chat.AuditEntry) (chat.Phone, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.dossiers[id]
	if f.err != nil || !ok {
		return "", orNotFound(f.err)
	}
	f.audits = append(f.audits, entry)
	return d.Phone, nil
}

func (f *fakeStore) TryAgain(_ context.Context, id uuid.UUID, entry chat.AuditEntry) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.dossiers[id]
	if f.err != nil || !ok {
		return false, orNotFound(f.err)
	}
	if d.State != chat.Failed {
		return false, nil
	}
	d.State = chat.Pending
	f.dossiers[id] = d
	f.audits = append(f.audits, entry)
	return true, nil
}

func (f *fakeStore) AdminByUsername(_ context.Context, username string) (chat.Admin, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.ContainsRune(username, 0) {
		return chat.Admin{}, errNUL
	}
	a, ok := f.admins[username]
	if f.err != nil || !ok {
		return chat.Admin{}, orNotFound(f.err)
	}
	return a, nil
}

func (f *fakeStore) StartSession(_ context.Context, s chat.Session) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.sessions[string(s.TokenHash)] = s
	f.touched[string(s.TokenHash)] = s.CreatedAt
	return nil
}

func (f *fakeStore) SessionByToken(_ context.Context, hash []byte, now time.Time) (chat.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := string(hash)
	s, ok := f.sessions[key]
	if f.err != nil || !ok || f.admins[s.Admin.Username].Disabled ||
		!now.Before(s.ExpiresAt) || now.Sub(f.touched[key]) >= chat.SessionIdle {
		return chat.Session{}, orNotFound(f.err)
	}
	f.touched[key] = now
	return s, nil
}

func (f *fakeStore) EndSession(_ context.Context, hash []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, string(hash))
	return f.err
}

func (f *fakeStore) Audit(_ context.Context, entry chat.AuditEntry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.audits = append(f.audits, entry)
	return cmp.Or(f.err, f.auditErr)
}

func (f *fakeStore) Ready(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// errNUL is what Postgres says to a text with a NUL in it.
var errNUL = &nulError{}

type nulError struct{}

func (*nulError) Error() string { return "invalid byte sequence for encoding UTF8: 0x00" }

// fakeWebhooks finds a webhook genuine when its body starts with "genuine".
type fakeWebhooks struct {
	mu    sync.Mutex
	uris  []string
	hosts []string
}

func (f *fakeWebhooks) Receive(requestURI string, header http.Header, body []byte) (chat.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uris = append(f.uris, requestURI)
	f.hosts = append(f.hosts, header.Get("Host"))
	if !bytes.HasPrefix(body, []byte("genuine")) {
		return chat.Event{}, chat.ErrForged
	}
	return chat.Event{Type: chat.MessageAdded, SID: "CH00000000000000000000000000000001", Payload: body}, nil
}
