package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// form reads a form as the browser would send it untouched: method, action
// and the values of its inputs.
func form(n *html.Node) map[string]string {
	sent := map[string]string{}
	sent["method"], _ = attr(n, "method")
	sent["action"], _ = attr(n, "action")
	for _, input := range elements(n, "input") {
		name, _ := attr(input, "name")
		sent[name], _ = attr(input, "value")
	}
	return sent
}

func TestPhonesAreMaskedUntilRevealed(t *testing.T) {
	t.Parallel()
	hidden, shown := list(), list()
	hidden.Rows = hidden.Rows[1:2]
	shown.Rows = []ConversationRow{hidden.Rows[0]}
	shown.Rows[0].Phone.Revealed = true
	open := conversation()
	open.Phone.Revealed = true
	tests := map[string]struct {
		page     Page
		revealed bool
	}{
		"list":                   {hidden, false},
		"list, revealed":         {shown, true},
		"conversation":           {conversation(), false},
		"conversation, revealed": {open, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := render(t, tt.page)
			if got := strings.Contains(out, "555-0123"); got != tt.revealed {
				t.Errorf("grouped phone shown = %t, want %t", got, tt.revealed)
			}
			// Not in an attribute nor as a text's author either.
			if strings.Contains(out, "2015550123") {
				t.Error("the page holds the bare phone")
			}
			if got := strings.Contains(out, "/reveal"); got == tt.revealed {
				t.Errorf("reveal offered = %t, want %t", got, !tt.revealed)
			}
		})
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	signout := map[string]string{"method": "post", "action": SignoutPath, "csrf_token": "csrf-8f2a"}
	oneRow := list()
	oneRow.Rows = oneRow.Rows[1:2]
	tests := map[string]struct {
		page Page
		want []map[string]string
	}{
		"signin": {
			SigninPage{Username: "rosa", Next: "/admin/conversations?q=x"},
			[]map[string]string{{"method": "post", "action": SigninPath, "username": "rosa", "password": "", "next": "/admin/conversations?q=x"}},
		},
		"list": {oneRow, []map[string]string{
			signout,
			{"method": "get", "action": ConversationsPath, "q": "(201) 555"},
			{
				"method": "post", "action": RevealPath, "csrf_token": "csrf-8f2a",
				"id": "01975f3e-0001", "q": "(201) 555", "before": "here-b", "after": "here-a",
			},
		}},
		"conversation": {conversation(), []map[string]string{
			signout,
			{"method": "post", "action": ConversationPath("01975f3e-0001") + "/reveal", "csrf_token": "csrf-8f2a"},
		}},
		"error": {AdminErrorPage{Admin: admin()}, []map[string]string{signout}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []map[string]string
			for _, n := range elements(parseHTML(t, tt.page), "form") {
				got = append(got, form(n))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("forms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListRow(t *testing.T) {
	t.Parallel()
	page := list()
	page.Rows = page.Rows[3:4]
	root := parseHTML(t, page)
	var got []string
	for _, cell := range elements(root, "td") {
		got = append(got, text(cell))
	}
	want := []string{
		"Bartholomew Featherstonehaugh-Cholmondeley ••• ••• 0199 Reveal phone ending ••• ••• 0199",
		"+1 (201) 555-0100",
		"CH0a1b2c3d4e5f60718293a4b5c6d7e8f9 MB9f8e7d6c5b4a39281706f5e4d3c2b1a0",
		"failed 50407: Twilio does not accept this number as an address.",
		"1 day ago",
		"Open conversation with Bartholomew Featherstonehaugh-Cholmondeley",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	when := elements(root, "time")[0]
	if got, _ := attr(when, "datetime"); got != "2026-03-13T13:09:26Z" {
		t.Errorf("datetime = %q", got)
	}
	if got, _ := attr(when, "title"); got != "13 Mar 2026, 13:09 UTC" {
		t.Errorf("title = %q", got)
	}
}

func TestListEmptyStates(t *testing.T) {
	t.Parallel()
	empty := emptyPages()
	tests := map[string]struct {
		page     Page
		want     string
		wantLink string
	}{
		"none yet":      {empty["list-none"], "No conversations yet", "http://127.0.0.1:8080/s/default"},
		"no source":     {empty["list-no-source"], "Add a source first", ""},
		"nothing found": {empty["list-nothing-found"], "Nothing found for “+1 201 555 9999”", ConversationsPath},
		"past the end":  {empty["list-past-the-end"], "Nothing more here", ConversationsPath},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			main := elements(parseHTML(t, tt.page), "main")[0]
			if got := text(main); !strings.Contains(got, tt.want) {
				t.Errorf("page %q lacks %q", got, tt.want)
			}
			if len(elements(main, "table")) != 0 {
				t.Error("an empty list has a table")
			}
			var link string
			if links := elements(main, "a"); len(links) > 0 {
				link, _ = attr(links[0], "href")
			}
			if link != tt.wantLink {
				t.Errorf("first link = %q, want %q", link, tt.wantLink)
			}
		})
	}
}

func TestPagingKeepsTheSearch(t *testing.T) {
	t.Parallel()
	page := list()
	page.Query = "a&b=c +#d"
	page.Newer, page.Older = "n/1+2", "o&x=y"
	var got []string
	for _, n := range elements(parseHTML(t, page), "a") {
		if _, paging := attr(n, "rel"); paging {
			href, _ := attr(n, "href")
			got = append(got, href)
		}
	}
	want := []string{
		ConversationsPath + "?q=a%26b%3dc%20%2b%23d&after=n%2f1%2b2",
		ConversationsPath + "?q=a%26b%3dc%20%2b%23d&before=o%26x%3dy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paging links (-want +got):\n%s", diff)
	}
}

func TestAlertsStandOnEveryAdminPage(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]Page{
		"list":         list(),
		"conversation": conversation(),
		"error":        AdminErrorPage{admin(), failure()},
	} {
		if out := render(t, page); !strings.Contains(out, "is paused: Twilio says") {
			t.Errorf("%s shows no alert", name)
		}
	}
}

func TestTranscript(t *testing.T) {
	t.Parallel()
	page := conversation()
	page.Messages = []Message{
		{Author: "bot", Body: "Hello", At: now.Add(-24 * time.Hour), Purpose: "welcome", Status: "read"},
		{Inbound: true, Author: "+12015550123", Body: "STOP", Files: []File{{Label: "a.jpg", URL: "https://mcs.example/a"}, {Label: "b.pdf"}}, At: now},
		{Author: "rosa", Body: "Are you there?", At: now, Purpose: "agent", Status: "failed", ErrorCode: 21610, ErrorReason: "they opted out of this sender"},
	}
	var got []string
	for _, n := range elements(elements(parseHTML(t, page), "main")[0], "li") {
		if class, _ := attr(n, "class"); class == "day" || class == "message" {
			from, _ := attr(n, "data-from")
			got = append(got, strings.TrimSpace(from+" "+text(n)))
		}
	}
	want := []string{
		"Friday, 13 March 2026",
		"us Hello bot 15:09 UTC welcome read",
		"Saturday, 14 March 2026",
		"person STOPa.jpg, at Twilio, in a new tabb.pdf Zoë O'Brien 15:09 UTC",
		"us Are you there? rosa 15:09 UTC agent failed 21610 they opted out of this sender",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("transcript (-want +got):\n%s", diff)
	}
}

// A file is a link that takes nothing along, where its address is known.
func TestFilesAreLinked(t *testing.T) {
	t.Parallel()
	page := conversation()
	page.Messages = []Message{{Inbound: true, Files: []File{{Label: "a.jpg", URL: "https://mcs.example/a"}, {Label: "b.pdf"}}, At: now}}
	var got []string
	for _, n := range elements(parseHTML(t, page), "") {
		if class, _ := attr(n, "class"); class != "file" {
			continue
		}
		href, _ := attr(n, "href")
		target, _ := attr(n, "target")
		rel, _ := attr(n, "rel")
		got = append(got, strings.TrimSpace(strings.Join([]string{n.Data, href, target, rel}, " ")))
	}
	want := []string{"a https://mcs.example/a _blank noreferrer noopener", "span"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestOptOutIsMarked(t *testing.T) {
	t.Parallel()
	page := conversation()
	for _, optedOut := range []bool{true, false} {
		if !optedOut {
			page.OptedOutSince = time.Time{}
			page.Signups = nil
		}
		got := text(elements(parseHTML(t, page), "main")[0])
		if strings.Contains(got, "Nothing more is sent until they text START") != optedOut {
			t.Errorf("opted out %t: page says %q", optedOut, got)
		}
		if strings.Contains(got, "opted out") != optedOut {
			t.Errorf("opted out %t: badge is wrong in %q", optedOut, got)
		}
	}
}

func TestSignupsShowTheirOutcome(t *testing.T) {
	t.Parallel()
	var got []string
	for _, n := range elements(parseHTML(t, conversation()), "ol") {
		if class, _ := attr(n, "class"); class != "signups" {
			continue
		}
		for _, item := range elements(n, "li") {
			got = append(got, text(item))
		}
	}
	want := []string{
		"admitted 13 Mar 2026, 13:09 UTC harbour-dental, as “Zoë O'Brien”, disclosure 3",
		"joined 13 Mar 2026, 14:09 UTC default, disclosure 2 already in conversation",
		"opted out 14 Mar 2026, 15:08 UTC harbour-dental, as “Zoe”, disclosure 3 said STOP on 14 Mar",
		"undecided 14 Mar 2026, 15:09 UTC harbour-dental, as “Zoe”, disclosure 3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sign-ups (-want +got):\n%s", diff)
	}
}
