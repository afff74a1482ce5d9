package store_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
	"textme/store"
	"textme/store/storetest"
)

const (
	sender = chat.Phone("+15005550006")
	ann    = chat.Phone("+14155550142")
	bob    = chat.Phone("+14155550143")

	leaseTime = 25 * time.Second
)

// fixture is a store on a database of its own, with one source.
type fixture struct {
	*store.Store
	t      *testing.T
	db     *pgxpool.Pool
	source chat.Source

	mu       sync.Mutex
	jobs     []chat.Job
	hastened []chat.AdvanceJob
	events   map[string]chat.Event // what decode finds, by payload
	behind   time.Duration         // the queue is
	untried  bool                  // whether an adopt job is
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	keys, err := chat.NewKeyring(make([]byte, chat.MinSecret))
	must(t, err)
	f := &fixture{t: t, db: storetest.Pool(t), events: map[string]chat.Event{}}
	f.Store = store.New(f.db, keys, f, f.decode)
	f.source, err = f.CreateSource(t.Context(), chat.Source{
		Key: "default", Kind: chat.PageSource, Business: "Harbor Bikes", Sender: sender, Disclosure: "I agree.",
	})
	must(t, err)
	return f
}

// Enqueue implements store.Queue.
func (f *fixture) Enqueue(_ *pgx.Batch, jobs []chat.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs = append(f.jobs, jobs...)
}

// Hasten implements store.Queue.
func (f *fixture) Hasten(_ *pgx.Batch, job chat.AdvanceJob) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hastened = append(f.hastened, job)
}

// Behind implements store.Queue.
func (f *fixture) Behind(context.Context) (time.Duration, error) { return f.behind, nil }

// Untried implements store.Queue.
func (f *fixture) Untried(_ context.Context, kind string, by time.Time) (bool, error) {
	return kind == "adopt" && !by.IsZero() && f.untried, nil
}

// Announce implements store.Queue.
func (f *fixture) Announce() {}

func (f *fixture) decode(payload json.RawMessage) (chat.Event, error) {
	var fields map[string]string
	if err := json.Unmarshal(payload, &fields); err != nil {
		return chat.Event{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.events[fields["name"]], nil
}

// signup is a well-formed sign-up of phone, different from any other.
func (f *fixture) signup(phone chat.Phone) chat.Signup {
	return chat.Signup{
		Source: f.source, Phone: phone, PhoneTyped: string(phone), Name: "Ann", Consent: chat.Checkbox, VerifiedBy: chat.ByFormToken,
		DedupeKey: uuid.NewString(), Payload: []byte("phone=" + phone), At: time.Now().UTC(),
	}
}

// conversation records a sign-up and leases its conversation.
func (f *fixture) conversation(phone chat.Phone) (uuid.UUID, chat.Lease) {
	f.t.Helper()
	r, err := f.RecordSignup(f.t.Context(), f.signup(phone))
	must(f.t, err)
	return r.ConversationID, f.lease(r.ConversationID)
}

func (f *fixture) lease(conversation uuid.UUID) chat.Lease {
	f.t.Helper()
	lease, work, err := f.Lease(f.t.Context(), conversation, leaseTime)
	must(f.t, err)
	if !work {
		f.t.Fatal("there is no work to lease")
	}
	return lease
}

// activate has Twilio's answer to an add recorded.
func (f *fixture) activate(lease chat.Lease, ch chat.ConversationSID, mb chat.ParticipantSID) {
	f.t.Helper()
	active, err := f.Activate(f.t.Context(), lease, chat.Joining{SID: ch, Participant: mb, Since: time.Now()})
	must(f.t, err)
	if !active {
		f.t.Fatal("the conversation did not become active")
	}
}

// live makes the phone's conversation active at Twilio and gives the lease
// back.
func (f *fixture) live(phone chat.Phone, ch chat.ConversationSID, mb chat.ParticipantSID) uuid.UUID {
	f.t.Helper()
	ctx := f.t.Context()
	id, lease := f.conversation(phone)
	c, err := f.Load(ctx, lease)
	must(f.t, err)
	a, err := f.Admission(ctx, c)
	must(f.t, err)
	must(f.t, f.Decide(ctx, lease, []chat.Decision{{SignupID: a.Undecided[0].ID, Outcome: chat.Admitted}}, false))
	must(f.t, f.SaveSID(ctx, lease, chat.Found{SID: ch}))
	f.activate(lease, ch, mb)
	_, err = f.GiveBack(ctx, lease, 0, 0)
	must(f.t, err)
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// one asks the database for a single value.
func one[T any](f *fixture, q string, args ...any) (v T) {
	f.t.Helper()
	must(f.t, f.db.QueryRow(f.t.Context(), q, args...).Scan(&v))
	return v
}
