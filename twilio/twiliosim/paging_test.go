package twiliosim_test

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"
)

type meta struct {
	Page, PageSize           int
	First, Previous, This, N *string
	Key                      string
}

// list fetches one page without the SDK and returns the bodies on it.
func (s *sim) list(target string) ([]string, meta) {
	s.t.Helper()
	w := do(s.t, s, "GET", target, "")
	if w.Code != 200 {
		s.t.Fatalf("GET %s: %d %s", target, w.Code, w.Body)
	}
	var page struct {
		Messages []struct{ Body string }
		Meta     struct {
			Page     int     `json:"page"`
			PageSize int     `json:"page_size"`
			First    *string `json:"first_page_url"`
			Previous *string `json:"previous_page_url"`
			URL      *string `json:"url"`
			Next     *string `json:"next_page_url"`
			Key      string  `json:"key"`
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
		s.t.Fatal(err)
	}
	got := []string{}
	for _, m := range page.Messages {
		got = append(got, m.Body)
	}
	m := page.Meta
	return got, meta{m.Page, m.PageSize, m.First, m.Previous, m.URL, m.Next, m.Key}
}

// path takes Twilio's host off a paging address.
func path(t *testing.T, address *string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(deref(address), "https://conversations.twilio.com")
	if !ok {
		t.Fatalf("paging address %q", deref(address))
	}
	return rest
}

func TestPaging(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("long")
	for i := range 7 {
		s.say(ch, strconv.Itoa(i))
	}
	base := "/v1/Conversations/" + ch + "/Messages?PageSize=3"
	for _, tt := range []struct {
		name, order string
		want        [][]string
	}{
		{"ascending", "", [][]string{{"0", "1", "2"}, {"3", "4", "5"}, {"6"}}},
		{"descending", "&Order=desc", [][]string{{"6", "5", "4"}, {"3", "2", "1"}, {"0"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, m := s.list(base + tt.order)
			if diff := cmp.Diff(tt.want[0], got); diff != "" {
				t.Errorf("page 0 (-want +got):\n%s", diff)
			}
			if m.Page != 0 || m.PageSize != 3 || m.Key != "messages" || m.Previous != nil {
				t.Errorf("meta %+v", m)
			}
			for n, want := range tt.want[1:] {
				if got, m = s.list(path(t, m.N)); !cmp.Equal(got, want) || m.Page != n+1 {
					t.Errorf("page %d: %v (number %d), want %v", n+1, got, m.Page, want)
				}
			}
			if m.N != nil {
				t.Errorf("last page leads on to %s", *m.N)
			}
			for n := len(tt.want) - 2; n >= 0; n-- {
				if got, m = s.list(path(t, m.Previous)); !cmp.Equal(got, tt.want[n]) {
					t.Errorf("back to page %d: %v, want %v", n, got, tt.want[n])
				}
			}
		})
	}
}

// What comes or goes between two pages is neither repeated nor skipped.
func TestPagingWhileChanging(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("busy")
	var sids []string
	for i := range 4 {
		sids = append(sids, s.say(ch, strconv.Itoa(i)))
	}
	_, m := s.list("/v1/Conversations/" + ch + "/Messages?PageSize=2")
	if err := s.api.DeleteConversationMessage(ch, sids[1], nil); err != nil {
		t.Fatal(err)
	}
	s.say(ch, "4")
	got, m := s.list(path(t, m.N))
	if diff := cmp.Diff([]string{"2", "3"}, got); diff != "" {
		t.Errorf("second page (-want +got):\n%s", diff)
	}
	if got, _ = s.list(path(t, m.N)); !cmp.Equal(got, []string{"4"}) {
		t.Errorf("third page %v", got)
	}
}

func TestPagingThroughSDK(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	for i := range 120 {
		s.conversation("c" + strconv.Itoa(i))
	}
	all, err := s.api.ListConversation((&conv.ListConversationParams{}).SetPageSize(50))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 120 || *all[0].UniqueName != "c0" || *all[119].UniqueName != "c119" {
		t.Errorf("listed %d", len(all))
	}
	if n := s.Calls()["GET /v1/Conversations"]; n != 3 {
		t.Errorf("%d calls, want 3 pages", n)
	}
	some, err := s.api.ListConversation((&conv.ListConversationParams{}).SetLimit(1000))
	if err != nil || len(some) != 120 {
		t.Errorf("with only a limit, which asks for pages of 1000: %d %v", len(some), err)
	}
}

func TestPagingParameters(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.conversation("one")
	for _, q := range []url.Values{
		{"PageSize": {"0"}}, {"PageSize": {"x"}}, {"Page": {"-1"}}, {"Page": {"1"}}, {"PageToken": {"1"}}, {"PageToken": {"PAx"}},
	} {
		if w := do(t, s, "GET", "/v1/Conversations?"+q.Encode(), ""); w.Code != 400 || !strings.Contains(w.Body.String(), "20001") {
			t.Errorf("%v: %d %s", q, w.Code, w.Body)
		}
	}
	for kind, most := range map[string]int{"Conversations": 100, "Services": 100, "Configuration/Addresses": 50} {
		w := do(t, s, "GET", "/v1/"+kind+"?PageSize=1000", "")
		if !strings.Contains(w.Body.String(), `"page_size":`+strconv.Itoa(most)+`,`) {
			t.Errorf("%s: %s, want page_size %d", kind, w.Body, most)
		}
	}
}
