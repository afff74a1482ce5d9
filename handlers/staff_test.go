package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
)

var conversation = uuid.MustParse("01975f3e-7c1a-7d5e-9b1f-3c2a4d5e6f70")

// withConversation puts one conversation into the store.
func withConversation(s *service) {
	m := chat.Mapping{
		ID: conversation, Phone: canaryPhone, Name: canaryName, Sender: "+12015550100",
		SID: "CH00000000000000000000000000000001", ParticipantSID: "MB00000000000000000000000000000001",
		State: chat.Active, LastActivity: start.Add(-time.Minute),
	}
	s.store.page = chat.MappingPage{Mappings: []chat.Mapping{m}}
	s.store.dossiers[conversation] = chat.Dossier{
		Mapping: m, UniqueName: "textme-" + conversation.String(), Source: "default", Handler: chat.BotHandler,
		Signups: []chat.SignupRecord{{Source: "default", At: start, Outcome: chat.Admitted, Reason: "first one"}},
		Messages: []chat.Message{
			{Purpose: chat.Welcome, Author: "textme", Body: "Hi from us", Status: chat.Delivered, At: start},
			{Incoming: true, Author: canaryPhone, Body: "<script>alert(1)</script>", Files: []chat.File{{SID: "ME1", Name: "<b>x-ray</b>.jpg", Type: "image/jpeg", Size: 81920}, {Name: "notes.pdf"}}, Status: chat.Received, At: start},
			{Author: "bot", Body: "sorry", Status: chat.Undelivered, ErrorCode: 30003, At: start},
			{Author: "bot", Body: "taken back", Status: chat.Sent, Removed: true, At: start},
			{Author: "bot", Body: "mended", Status: chat.Sent, Edited: true, At: start},
		},
		Changes: []chat.Change{{At: start, Type: chat.ParticipantRemoved}, {At: start, Type: chat.ConversationStateUpdated, StateTo: "inactive"}},
	}
}

func TestConversationListMasksPhones(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c *Config) { c.Banner = banner("Sending is paused.") })
	withConversation(s)
	jar, csrf := s.signIn(t)
	w := s.get("/admin/conversations", cookies(jar))
	wantPage(t, w.Body.String(), []string{
		canaryName, "••• ••• 0123", "CH00000000000000000000000000000001", "MB00000000000000000000000000000001",
		"active", "1 minute ago", "Sending is paused.",
	}, []string{canaryPhone, canaryTyped, "Newer", "Older"})

	w = s.post("/admin/conversations/reveal", url.Values{"csrf_token": {csrf}, "id": {conversation.String()}}, cookies(jar))
	wantStatus(t, w, http.StatusOK)
	wantPage(t, w.Body.String(), []string{"(201) 555-0123"}, nil)
	wantRevealAudited(t, s)
}

// Staff can have a failed conversation tried again, and only a failed one.
func TestTryAgain(t *testing.T) {
	t.Parallel()
	s := newService(t)
	withConversation(s)
	jar, csrf := s.signIn(t)
	path := "/admin/conversations/" + conversation.String()
	wantPage(t, s.get(path, cookies(jar)).Body.String(), nil, []string{"Try again"})
	for _, state := range []chat.State{chat.Failed, chat.Pending} { // the second time it does nothing
		if state == chat.Failed {
			d := s.store.dossiers[conversation]
			d.State, d.Reason = chat.Failed, "not a mobile number"
			s.store.dossiers[conversation] = d
			wantPage(t, s.get(path, cookies(jar)).Body.String(), []string{"Try again", "not a mobile number"}, nil)
		}
		w := s.post(path+"/try-again", url.Values{"csrf_token": {csrf}}, cookies(jar))
		wantStatus(t, w, http.StatusSeeOther)
		if got := w.Header().Get("Location"); got != path {
			t.Errorf("sent to %q, want %q", got, path)
		}
	}
	if got := s.store.dossiers[conversation].State; got != chat.Pending {
		t.Errorf("the conversation is %s, want pending", got)
	}
	acts := 0
	for _, entry := range s.store.audits {
		if entry.Action == actTryAgain && entry.Subject == conversation.String() && entry.Actor == "admin:rosa" {
			acts++
		}
	}
	if acts != 1 {
		t.Errorf("%d entries in the audit log, want 1", acts)
	}
}

func TestConversationPage(t *testing.T) {
	t.Parallel()
	s := newService(t)
	withConversation(s)
	jar, csrf := s.signIn(t)
	path := "/admin/conversations/" + conversation.String()
	w := s.get(path, cookies(jar))
	wantStatus(t, w, http.StatusOK)
	wantPage(t, w.Body.String(), []string{
		canaryName, "••• ••• 0123", "Hi from us", "&lt;script&gt;", "&lt;b&gt;x-ray&lt;/b&gt;.jpg (image/jpeg, 82 kB)", "participant removed", "conversation inactive",
		"30003", chat.ExplainCode(30003).Meaning, "removed", "edited", "admitted", "first one", "textme-" + conversation.String(),
	}, []string{canaryPhone, "555-0123", "<script"})

	w = s.post(path+"/reveal", url.Values{"csrf_token": {csrf}}, cookies(jar))
	wantStatus(t, w, http.StatusOK)
	wantPage(t, w.Body.String(), []string{"(201) 555-0123"}, nil)
	wantRevealAudited(t, s)

	for _, id := range []string{uuid.NewString(), "x", strings.ToUpper(conversation.String()), "urn:uuid:" + conversation.String()} {
		wantStatus(t, s.get("/admin/conversations/"+id, cookies(jar)), http.StatusNotFound)
		wantStatus(t, s.post("/admin/conversations/"+id+"/reveal", url.Values{"csrf_token": {csrf}}, cookies(jar)), http.StatusNotFound)
	}
}

// Staff get a link to a file that has an address, and the page loads nothing of it.
func TestFilesAreLinkedAtTwilio(t *testing.T) {
	t.Parallel()
	const address = "https://mcs.example/Media/"
	s := newService(t, func(c *Config) {
		c.FileURL = func(f chat.File) string {
			if f.SID == "" {
				return ""
			}
			return address + f.SID
		}
	})
	withConversation(s)
	jar, _ := s.signIn(t)
	w := s.get("/admin/conversations/"+conversation.String(), cookies(jar))
	wantPage(t, w.Body.String(), []string{`href="` + address + `ME1" target="_blank" rel="noreferrer noopener"`, `<span class="file">notes.pdf</span>`}, []string{`src="https`})
	if got := w.Header().Get("Content-Security-Policy"); got != contentPolicy("") {
		t.Errorf("the page's policy is %q", got)
	}
}

func wantRevealAudited(t *testing.T, s *service) {
	t.Helper()
	got := s.store.audits[len(s.store.audits)-1]
	if got.Action != actReveal || got.Actor != "admin:rosa" || got.Subject != conversation.String() || got.IP.String() != "203.0.113.7" {
		t.Errorf("audited %+v", got)
	}
}

func wantPage(t *testing.T, page string, parts, absent []string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			t.Errorf("page lacks %q:\n%s", part, page)
		}
	}
	for _, part := range absent {
		if strings.Contains(page, part) {
			t.Errorf("page holds %q:\n%s", part, page)
		}
	}
}

func TestConversationSearch(t *testing.T) {
	t.Parallel()
	const sid = "CH00000000000000000000000000000001"
	first := chat.MappingQuery{Limit: pageSize}
	phone, bySID := first, first
	phone.Phone, bySID.SID = canaryPhone, sid
	tests := map[string]struct {
		q    string
		want *chat.MappingQuery // nil: the store is not asked
	}{
		"nothing":        {"", &first},
		"blanks":         {"  ", &first},
		"national":       {"(201) 555-0123", &phone},
		"international":  {"+1 201.555.0123", &phone},
		"full-width":     {"２０１５５５０１２３", &phone},
		"sid":            {" " + sid + " ", &bySID},
		"half a sid":     {sid[:20], nil},
		"wildcard":       {"%", nil},
		"quote":          {"' OR 1=1 --", nil},
		"NUL":            {"\x00", nil},
		"ten kilobytes":  {strings.Repeat("9", 10_000), nil},
		"invalid UTF-8":  {"\xff\xfe", nil},
		"message's sid":  {"IM00000000000000000000000000000001", nil},
		"someone's name": {canaryName, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			jar, _ := s.signIn(t)
			s.store.queries = nil
			w := s.get("/admin/conversations?q="+url.QueryEscape(tt.q), cookies(jar))
			wantStatus(t, w, http.StatusOK)
			var got *chat.MappingQuery
			if len(s.store.queries) > 0 {
				got = &s.store.queries[0]
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("asked the store (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConversationPaging(t *testing.T) {
	t.Parallel()
	s := newService(t)
	newest := chat.Mapping{ID: uuid.New(), LastActivity: start, State: chat.Active}
	oldest := chat.Mapping{ID: uuid.New(), LastActivity: start.Add(-time.Hour).Add(3 * time.Microsecond), State: chat.Active}
	s.store.page = chat.MappingPage{Mappings: []chat.Mapping{newest, oldest}, Newer: true, Older: true}
	jar, _ := s.signIn(t)
	page := s.get("/admin/conversations", cookies(jar)).Body.String()
	wantPage(t, page, []string{"after=" + cursorAt(newest), "before=" + cursorAt(oldest)}, nil)

	s.store.queries = nil
	s.get("/admin/conversations?before="+cursorAt(oldest), cookies(jar))
	s.get("/admin/conversations?after="+cursorAt(newest), cookies(jar))
	want := []chat.MappingQuery{
		{After: chat.Cursor{At: oldest.LastActivity, ID: oldest.ID}, Limit: pageSize},
		{Before: chat.Cursor{At: newest.LastActivity, ID: newest.ID}, Limit: pageSize},
	}
	if diff := cmp.Diff(want, s.store.queries); diff != "" {
		t.Errorf("asked the store (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"x", "!!", strings.Repeat("A", 31), strings.Repeat("A", 4000)} {
		wantStatus(t, s.get("/admin/conversations?before="+bad, cookies(jar)), http.StatusBadRequest)
		wantStatus(t, s.get("/admin/conversations?after="+bad, cookies(jar)), http.StatusBadRequest)
	}
}

func TestCursorsOfAnyTimeRoundTrip(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, start, start.Add(time.Microsecond), time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC)} {
		m := chat.Mapping{ID: conversation, LastActivity: at}
		got, err := readCursor(cursorAt(m))
		if err != nil || !got.At.Equal(at) || got.ID != m.ID {
			t.Errorf("%s came back as %v, %v", at, got, err)
		}
	}
}

func TestEmptyListNamesAPageToTry(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, _ := s.signIn(t)
	const link = "https://text.example/s/default"
	wantPage(t, s.get("/admin/conversations", cookies(jar)).Body.String(), []string{link}, nil)
	wantPage(t, s.get("/admin/conversations?q=%2B12015550123", cookies(jar)).Body.String(), nil, []string{link})
	delete(s.store.sources, "default")
	wantPage(t, s.get("/admin/conversations", cookies(jar)).Body.String(), []string{"No conversations yet"}, []string{link})
}

func TestStaffSeeErrorsInTheirOwnFrame(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, _ := s.signIn(t)
	w := s.get("/admin/conversations/x", cookies(jar))
	wantStatus(t, w, http.StatusNotFound)
	wantPage(t, w.Body.String(), []string{"There is nothing here", "Sign out"}, nil)
}
