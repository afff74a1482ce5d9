package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The tutorial's job, given credentials and nothing else.
func TestTutorial(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	account := s.env
	s.env = map[string]string{
		"TWILIO_ACCOUNT_SID": account["TWILIO_ACCOUNT_SID"], "TWILIO_AUTH_TOKEN": account["TWILIO_AUTH_TOKEN"],
		"TWILIO_BASE_URL": account["TWILIO_BASE_URL"], "DATA_DIR": t.TempDir(), "TWILIO_SENDER": storySender,
	}
	ch := strings.TrimSpace(s.runs(exitOK, "", "conversations", "create"))
	if !regexp.MustCompile(`^CH[0-9a-f]{32}$`).MatchString(ch) {
		t.Fatalf("conversations create printed %q", ch)
	}
	var added map[string]any
	must(t, json.Unmarshal([]byte(s.runs(exitOK, "", "participants", "add", "--conversation", ch, "--phone", string(ann))), &added))
	var fields []string
	for field := range added {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	want := "account_sid attributes conversation_sid date_created date_updated identity last_read_message_index last_read_timestamp messaging_binding role_sid sid url"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("participants add printed the fields\n%s, want\n%s", got, want)
	}
	if list := s.runs(exitOK, "", "participants", "list", "--conversation", ch); !strings.Contains(list, added["sid"].(string)) {
		t.Errorf("participants list lacks the participant:\n%s", list)
	}
	again := s.runs(exitFailed, "", "participants", "add", "--conversation", ch, "--phone", string(ann))
	if !strings.Contains(again, "50437") || !strings.Contains(again, "already") {
		t.Errorf("adding twice says %q, want code, meaning and advice", again)
	}
	s.runs(exitUsage, "", "participants", "add", "--conversation", "CH1", "--phone", string(ann))
	s.runs(exitUsage, "", "participants", "add", "--conversation", ch, "--phone", "12345")
	if n := len(s.ours(ann)); n != 0 {
		t.Errorf("%d texts were sent", n)
	}
	s.runs(exitOK, "", "conversations", "close", ch)
	if shown := s.runs(exitOK, "", "conversations", "show", ch); !strings.Contains(shown, `"closed"`) {
		t.Errorf("conversations show says %s", shown)
	}
	s.env = account
}

// participants add with a database records the mapping and texts nobody; what
// the person then writes is answered.
func TestParticipantsAddRecords(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	ch := strings.TrimSpace(s.runs(exitOK, "", "conversations", "create"))
	s.runs(exitOK, "", "participants", "add", "--conversation", ch, "--phone", string(ann))
	s.hearsNothing(ann)
	if got := one[string](s, `SELECT conversation_sid FROM conversations`); got != ch {
		t.Errorf("the row has %q, want %q", got, ch)
	}
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
}

// One error names every bad or missing setting, and tells no secret.
func TestSettingsAreCheckedAtOnce(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"TWILIO_AUTH_TOKEN": "your_auth_token", "PUBLIC_URL": "http://textme.example", "SECRET_KEY": "canaryshort",
		"TRUSTED_PROXIES": "nonsense", "REGIONS": "usa", "QUIET_HOURS": "late", "TWILIO_SENDER": "12",
	}
	printed := new(output)
	w := world{getenv: func(name string) string { return env[name] }, in: strings.NewReader(""), out: io.Discard, err: printed}
	if code := run(t.Context(), []string{"serve"}, w); code != exitUsage {
		t.Errorf("serve ended with %d, want %d", code, exitUsage)
	}
	for _, name := range []string{
		"DATABASE_URL", "SECRET_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL",
		"TRUSTED_PROXIES", "REGIONS", "QUIET_HOURS", "TWILIO_SENDER",
	} {
		if !strings.Contains(printed.String(), name+":") && !strings.Contains(printed.String(), name+" is missing") {
			t.Errorf("the error does not name %s:\n%s", name, printed)
		}
	}
	if strings.Contains(printed.String(), "canary") {
		t.Error("the error tells the secret")
	}
}

// A server with another SECRET_KEY than the database's is refused.
func TestOtherSecretKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.env["SECRET_KEY"] = randomHex(32)
	if text := s.runs(exitFailed, "", "serve"); !strings.Contains(text, "SECRET_KEY is not the one") {
		t.Errorf("serve said %q", text)
	}
}

// Nothing of the simulator or of dev's sign-in is reachable from serve.
func TestServeHasNothingOfDev(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for _, path := range []string{"/phone", "/phone/+14155550142", "/v1/Conversations", "/assets/phone.css", "/dev"} {
		s.get(path, http.StatusNotFound)
	}
	if n := one[int](s, `SELECT count(*) FROM admins`); n != 0 {
		t.Errorf("serve made %d admins", n)
	}
}

// Row D5: replicas that start at once on an empty database apply each migration
// once, however they meet.
func TestReplicasStartAtOnce(t *testing.T) {
	t.Parallel()
	startAtOnce(t, 2)
}

// startAtOnce lets two replicas start on an empty database so many times.
func startAtOnce(t *testing.T, times int) {
	t.Helper()
	s := newStory(t)
	s.stop()
	migrations := one[int](s, `SELECT count(*) FROM goose_db_version WHERE version_id > 0`)
	for range times {
		for s.runs(exitOK, "", "migrate", "down") != "nothing is applied\n" {
			continue
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if code := run(t.Context(), []string{"migrate", "up"}, s.world("")); code != exitOK {
					t.Errorf("migrate up ended with %d", code)
				}
			})
		}
		wg.Wait()
		if got := one[int](s, `SELECT count(*) FROM goose_db_version WHERE version_id > 0`); got != migrations || t.Failed() {
			t.Fatalf("%d migrations were applied, want %d", got, migrations)
		}
	}
	if status := s.runs(exitOK, "", "migrate", "status"); strings.Contains(status, "pending") {
		t.Errorf("after two replicas:\n%s", status)
	}
	s.serve()
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
}

// What is closed by command is known at once: Twilio tells nobody of it.
func TestCloseByCommandIsRecorded(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.runs(exitOK, "", "conversations", "close", s.sidOf(ann))
	if got := one[string](s, `SELECT state || ' ' || failure_reason FROM conversations`); got != "closed closed at Twilio" {
		t.Errorf("the row is %q", got)
	}
	if one[bool](s, `SELECT EXISTS (SELECT FROM counters WHERE name LIKE 'webhooks_lost:%')`) {
		t.Error("a webhook counts as lost")
	}
}

func bodyOf(s *story, r *http.Response) string {
	s.t.Helper()
	body, err := io.ReadAll(r.Body)
	must(s.t, err)
	return string(body)
}
