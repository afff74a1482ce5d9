package twiliosim_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"
)

// must fails the test on an error and passes a result through.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Every call the simulator knows, made by the SDK, in both URL families.
func TestEveryCallThroughSDK(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	exerciseAccount(t, s)
	exerciseConversations(t, s)
	is := must[*conv.ConversationsV1Service](t)(s.api.CreateService((&conv.CreateServiceParams{}).SetFriendlyName("second")))
	exerciseServices(t, s, *is.Sid)
	exerciseServiceConversations(t, s, *is.Sid)
	if err := s.api.DeleteService(*is.Sid); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(everyCall(), slices.Sorted(maps.Keys(s.Calls()))); diff != "" {
		t.Errorf("calls made (-want +got):\n%s", diff)
	}
}

// everyCall is what the simulator knows, sorted, in the form of Calls.
func everyCall() []string {
	resource := []string{"GET", "POST", "DELETE"}
	want := map[string]bool{}
	add := func(path string, methods ...string) {
		for _, m := range methods {
			want[m+" /v1"+path] = true
		}
	}
	for _, family := range []string{"", "/Services/{ChatServiceSid}"} {
		const ch = "/Conversations/{ConversationSid}"
		add(family+"/Conversations", "GET", "POST")
		add(family+ch, resource...)
		add(family+"/ParticipantConversations", "GET")
		for _, child := range []string{"/Participants", "/Messages", "/Webhooks"} {
			add(family+ch+child, "GET", "POST")
			add(family+ch+child+"/{Sid}", resource...)
		}
		add(family+ch+"/Messages/{MessageSid}/Receipts", "GET")
		add(family+ch+"/Messages/{MessageSid}/Receipts/{Sid}", "GET")
		add(family+"/Configuration/Webhooks", "GET", "POST")
	}
	add("/Configuration", "GET", "POST")
	add("/Configuration/Addresses", "GET", "POST")
	add("/Configuration/Addresses/{Sid}", resource...)
	add("/Services", "GET", "POST")
	add("/Services/{ChatServiceSid}", "GET", "DELETE")
	return slices.Sorted(maps.Keys(want))
}

func exerciseAccount(t *testing.T, s *sim) {
	t.Helper()
	cfg := must[*conv.ConversationsV1Configuration](t)(s.api.UpdateConfiguration(
		(&conv.UpdateConfigurationParams{}).SetDefaultInactiveTimer("PT1H").SetDefaultClosedTimer("P1D")))
	fetched := must[*conv.ConversationsV1Configuration](t)(s.api.FetchConfiguration())
	if *fetched.DefaultInactiveTimer != "PT1H" || *fetched.DefaultClosedTimer != "P1D" || *fetched.DefaultChatServiceSid != s.ServiceSID() ||
		*fetched.DefaultMessagingServiceSid != messaging || *cfg.Url != *fetched.Url {
		t.Errorf("configuration %+v", *fetched)
	}
	must[*conv.ConversationsV1ConfigurationWebhook](t)(s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
		SetMethod("POST").SetTarget("webhook").SetFilters([]string{"onMessageAdd"}).SetPreWebhookUrl("https://a.example/pre").SetPostWebhookUrl("https://a.example/post")))
	must[*conv.ConversationsV1ConfigurationWebhook](t)(s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
		SetFilters([]string{"onMessageAdded", "onDeliveryUpdated"}).SetPreWebhookUrl("").SetPostWebhookUrl("https://a.example/new")))
	hook := must[*conv.ConversationsV1ConfigurationWebhook](t)(s.api.FetchConfigurationWebhook())
	if diff := cmp.Diff([]string{"onMessageAdded", "onDeliveryUpdated"}, *hook.Filters); diff != "" || hook.PreWebhookUrl != nil || *hook.PostWebhookUrl != "https://a.example/new" {
		t.Errorf("filters are replaced, URLs kept or cleared: %+v\n%s", *hook, diff)
	}
	must[*conv.ConversationsV1ConfigurationWebhook](t)(s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).SetPostWebhookUrl("")))

	a := must[*conv.ConversationsV1ConfigurationAddress](t)(s.api.CreateConfigurationAddress((&conv.CreateConfigurationAddressParams{}).
		SetType("sms").SetAddress(sender).SetFriendlyName("ours").SetAddressCountry("US").SetAutoCreationEnabled(true).SetAutoCreationType("default")))
	if _, err := s.api.CreateConfigurationAddress((&conv.CreateConfigurationAddressParams{}).SetType("sms").SetAddress(sender)); codeOf(err) != 20409 {
		t.Errorf("address configured twice: %v", err)
	}
	updated := must[*conv.ConversationsV1ConfigurationAddress](t)(s.api.UpdateConfigurationAddress(*a.Sid,
		(&conv.UpdateConfigurationAddressParams{}).SetAutoCreationEnabled(false).SetFriendlyName("still ours")))
	fetchedAddress := must[*conv.ConversationsV1ConfigurationAddress](t)(s.api.FetchConfigurationAddress(sender))
	want := any(map[string]any{"enabled": false, "type": "default", "conversation_service_sid": nil})
	if diff := cmp.Diff(want, *fetchedAddress.AutoCreation); diff != "" || *updated.FriendlyName != "still ours" || *fetchedAddress.AddressCountry != "US" {
		t.Errorf("address %+v\n%s", *fetchedAddress, diff)
	}
	for kind, n := range map[string]int{"sms": 1, "whatsapp": 0} {
		list := must[[]conv.ConversationsV1ConfigurationAddress](t)(s.api.ListConfigurationAddress((&conv.ListConfigurationAddressParams{}).SetType(kind)))
		if len(list) != n {
			t.Errorf("%d addresses of type %s, want %d", len(list), kind, n)
		}
	}
	if err := s.api.DeleteConfigurationAddress(*a.Sid); err != nil {
		t.Fatal(err)
	}
}

func exerciseConversations(t *testing.T, s *sim) {
	t.Helper()
	ch := s.conversation("every-call")
	must[*conv.ConversationsV1Conversation](t)(s.api.UpdateConversation("every-call", (&conv.UpdateConversationParams{}).SetFriendlyName("by name")))
	c := must[*conv.ConversationsV1Conversation](t)(s.api.FetchConversation(ch))
	timers := (*c.Timers).(map[string]any)
	if *c.FriendlyName != "by name" || timers["date_inactive"] != "2026-03-01T13:00:00Z" || timers["date_closed"] != "2026-03-02T12:00:00Z" {
		t.Errorf("conversation %s with timers %v, want the account's", *c.FriendlyName, timers)
	}
	for state, n := range map[string]int{"active": 1, "closed": 0} {
		list := must[[]conv.ConversationsV1Conversation](t)(s.api.ListConversation((&conv.ListConversationParams{}).
			SetState(state).SetStartDate("2026-03-01").SetEndDate("2026-03-01")))
		if len(list) != n {
			t.Errorf("%d %s conversations, want %d", len(list), state, n)
		}
	}

	mb := s.join(ch, phone, sender)
	must[*conv.ConversationsV1ConversationParticipant](t)(s.api.UpdateConversationParticipant(ch, mb,
		(&conv.UpdateConversationParticipantParams{}).SetAttributes(`{"vip":true}`).SetLastReadMessageIndex(0)))
	p := must[*conv.ConversationsV1ConversationParticipant](t)(s.api.FetchConversationParticipant(ch, mb))
	if *p.Attributes != `{"vip":true}` || deref(p.LastReadMessageIndex) != 0 {
		t.Errorf("participant %+v", *p)
	}
	for proxy, code := range map[string]int{"null": 50440, sender2: 50441} {
		_, err := s.api.UpdateConversationParticipant(ch, mb, (&conv.UpdateConversationParticipantParams{}).SetMessagingBindingProxyAddress(proxy))
		if codeOf(err) != code {
			t.Errorf("proxy address to %s: %v, want %d", proxy, err, code)
		}
	}
	if list := must[[]conv.ConversationsV1ConversationParticipant](t)(s.api.ListConversationParticipant(ch, nil)); len(list) != 1 {
		t.Errorf("%d participants, want 1", len(list))
	}
	seats := must[[]conv.ConversationsV1ParticipantConversation](t)(s.api.ListParticipantConversation((&conv.ListParticipantConversationParams{}).SetAddress(phone)))
	if len(seats) != 1 || *seats[0].ConversationSid != ch || *seats[0].ParticipantSid != mb || *seats[0].ConversationUniqueName != "every-call" {
		t.Errorf("participant conversations %+v", seats)
	}
	if _, err := s.api.ListParticipantConversation((&conv.ListParticipantConversationParams{}).SetAddress(phone).SetIdentity("x")); codeOf(err) != 50451 {
		t.Errorf("both address and identity: %v, want 50451", err)
	}

	im := s.sayAndSettle(ch, "first")
	must[*conv.ConversationsV1ConversationMessage](t)(s.api.UpdateConversationMessage(ch, im, (&conv.UpdateConversationMessageParams{}).SetBody("changed")))
	m := must[*conv.ConversationsV1ConversationMessage](t)(s.api.FetchConversationMessage(ch, im))
	if *m.Body != "changed" || *m.Author != "system" {
		t.Errorf("message %+v", *m)
	}
	s.say(ch, "second")
	list := must[[]conv.ConversationsV1ConversationMessage](t)(s.api.ListConversationMessage(ch, (&conv.ListConversationMessageParams{}).SetOrder("desc")))
	if len(list) != 2 || list[0].Index != 1 || list[1].Index != 0 {
		t.Errorf("messages %+v", list)
	}
	receipts := must[[]conv.ConversationsV1ConversationMessageReceipt](t)(s.api.ListConversationMessageReceipt(ch, im, nil))
	r := must[*conv.ConversationsV1ConversationMessageReceipt](t)(s.api.FetchConversationMessageReceipt(ch, im, *receipts[0].Sid))
	if *r.Status != "delivered" || *r.ParticipantSid != mb || !strings.HasPrefix(*r.ChannelMessageSid, "SM") {
		t.Errorf("receipt %+v", *r)
	}

	wh := must[*conv.ConversationsV1ConversationScopedWebhook](t)(s.api.CreateConversationScopedWebhook(ch, (&conv.CreateConversationScopedWebhookParams{}).
		SetTarget("webhook").SetConfigurationUrl("https://a.example/1").SetConfigurationMethod("get").SetConfigurationFilters([]string{"onMessageAdded"})))
	must[*conv.ConversationsV1ConversationScopedWebhook](t)(s.api.UpdateConversationScopedWebhook(ch, *wh.Sid,
		(&conv.UpdateConversationScopedWebhookParams{}).SetConfigurationUrl("https://a.example/2")))
	fetched := must[*conv.ConversationsV1ConversationScopedWebhook](t)(s.api.FetchConversationScopedWebhook(ch, *wh.Sid))
	want := any(map[string]any{"url": "https://a.example/2", "method": "GET", "filters": []any{"onMessageAdded"}})
	if diff := cmp.Diff(want, *fetched.Configuration); diff != "" {
		t.Errorf("scoped webhook (-want +got):\n%s", diff)
	}
	for range 4 {
		must[*conv.ConversationsV1ConversationScopedWebhook](t)(s.api.CreateConversationScopedWebhook(ch,
			(&conv.CreateConversationScopedWebhookParams{}).SetTarget("trigger").SetConfigurationUrl("https://a.example/t").SetConfigurationTriggers([]string{"word"})))
	}
	if list := must[[]conv.ConversationsV1ConversationScopedWebhook](t)(s.api.ListConversationScopedWebhook(ch, nil)); len(list) != 5 {
		t.Errorf("%d scoped webhooks, want 5", len(list))
	}
	for _, err := range []error{
		s.api.DeleteConversationScopedWebhook(ch, *wh.Sid),
		s.api.DeleteConversationMessage(ch, im, nil),
		s.api.DeleteConversationParticipant(ch, mb, nil),
		s.api.DeleteConversation(ch, nil),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := s.api.FetchConversation(ch); codeOf(err) != 20404 || statusOf(err) != 404 {
		t.Errorf("deleted conversation: %v, want 404", err)
	}
}

func exerciseServices(t *testing.T, s *sim, is string) {
	t.Helper()
	v := must[*conv.ConversationsV1Service](t)(s.api.FetchService(is))
	if *v.FriendlyName != "second" {
		t.Errorf("service %+v", *v)
	}
	if list := must[[]conv.ConversationsV1Service](t)(s.api.ListService(nil)); len(list) != 2 {
		t.Errorf("%d services, want the default and ours", len(list))
	}
	if err := s.api.DeleteService(s.ServiceSID()); codeOf(err) != 20409 {
		t.Errorf("delete the default service: %v, want 20409", err)
	}
	empty := must[*conv.ConversationsV1ServiceWebhookConfiguration](t)(s.api.FetchServiceWebhookConfiguration(is))
	if empty.PostWebhookUrl != nil || empty.Filters != nil || empty.Method != nil {
		t.Errorf("unset service webhook %+v", *empty)
	}
	hook := must[*conv.ConversationsV1ServiceWebhookConfiguration](t)(s.api.UpdateServiceWebhookConfiguration(is,
		(&conv.UpdateServiceWebhookConfigurationParams{}).SetFilters([]string{"onMessageAdded"}).SetPostWebhookUrl("https://a.example/s").SetMethod("POST")))
	if *hook.PostWebhookUrl != "https://a.example/s" || *hook.Method != "POST" {
		t.Errorf("service webhook %+v", *hook)
	}
	if _, err := s.api.UpdateServiceWebhookConfiguration(is,
		(&conv.UpdateServiceWebhookConfigurationParams{}).SetPostWebhookUrl("")); err != nil {
		t.Error(err)
	}
}

func exerciseServiceConversations(t *testing.T, s *sim, is string) {
	t.Helper()
	c := must[*conv.ConversationsV1ServiceConversation](t)(s.api.CreateServiceConversation(is, (&conv.CreateServiceConversationParams{}).SetUniqueName("every-call")))
	ch := *c.Sid
	if *c.ChatServiceSid != is || !strings.HasPrefix(*c.Url, "https://conversations.twilio.com/v1/Services/"+is+"/Conversations/") {
		t.Errorf("service conversation %s at %s", *c.ChatServiceSid, *c.Url)
	}
	if _, err := s.api.FetchConversation(ch); codeOf(err) != 20404 {
		t.Errorf("short path to another service's conversation: %v, want 20404", err)
	}
	s.conversation("every-call") // names are per service
	must[*conv.ConversationsV1ServiceConversation](t)(s.api.UpdateServiceConversation(is, ch, (&conv.UpdateServiceConversationParams{}).SetFriendlyName("x")))
	must[*conv.ConversationsV1ServiceConversation](t)(s.api.FetchServiceConversation(is, "every-call"))
	if list := must[[]conv.ConversationsV1ServiceConversation](t)(s.api.ListServiceConversation(is, nil)); len(list) != 1 {
		t.Errorf("%d service conversations, want 1", len(list))
	}

	p := must[*conv.ConversationsV1ServiceConversationParticipant](t)(s.api.CreateServiceConversationParticipant(is, ch,
		(&conv.CreateServiceConversationParticipantParams{}).SetMessagingBindingAddress(phone2).SetMessagingBindingProxyAddress(sender)))
	must[*conv.ConversationsV1ServiceConversationParticipant](t)(s.api.UpdateServiceConversationParticipant(is, ch, *p.Sid,
		(&conv.UpdateServiceConversationParticipantParams{}).SetAttributes("{}")))
	p = must[*conv.ConversationsV1ServiceConversationParticipant](t)(s.api.FetchServiceConversationParticipant(is, ch, *p.Sid))
	if *p.ChatServiceSid != is {
		t.Errorf("participant of service %s", *p.ChatServiceSid)
	}
	must[[]conv.ConversationsV1ServiceConversationParticipant](t)(s.api.ListServiceConversationParticipant(is, ch, nil))
	seats := must[[]conv.ConversationsV1ServiceParticipantConversation](t)(s.api.ListServiceParticipantConversation(is,
		(&conv.ListServiceParticipantConversationParams{}).SetAddress(phone2)))
	if len(seats) != 1 || *seats[0].ConversationSid != ch {
		t.Errorf("service participant conversations %+v", seats)
	}

	m := must[*conv.ConversationsV1ServiceConversationMessage](t)(s.api.CreateServiceConversationMessage(is, ch,
		(&conv.CreateServiceConversationMessageParams{}).SetBody("hi")))
	s.settle()
	must[*conv.ConversationsV1ServiceConversationMessage](t)(s.api.UpdateServiceConversationMessage(is, ch, *m.Sid,
		(&conv.UpdateServiceConversationMessageParams{}).SetAttributes(`{"k":"v"}`)))
	m = must[*conv.ConversationsV1ServiceConversationMessage](t)(s.api.FetchServiceConversationMessage(is, ch, *m.Sid))
	if *m.ChatServiceSid != is || *m.Body != "hi" || *m.Attributes != `{"k":"v"}` {
		t.Errorf("service message %+v", *m)
	}
	must[[]conv.ConversationsV1ServiceConversationMessage](t)(s.api.ListServiceConversationMessage(is, ch, nil))
	receipts := must[[]conv.ConversationsV1ServiceConversationMessageReceipt](t)(s.api.ListServiceConversationMessageReceipt(is, ch, *m.Sid, nil))
	r := must[*conv.ConversationsV1ServiceConversationMessageReceipt](t)(s.api.FetchServiceConversationMessageReceipt(is, ch, *m.Sid, *receipts[0].Sid))
	if *r.ChatServiceSid != is || *r.Status != "delivered" {
		t.Errorf("service receipt %+v", *r)
	}

	wh := must[*conv.ConversationsV1ServiceConversationScopedWebhook](t)(s.api.CreateServiceConversationScopedWebhook(is, ch,
		(&conv.CreateServiceConversationScopedWebhookParams{}).SetTarget("studio").SetConfigurationFlowSid("FW1")))
	must[*conv.ConversationsV1ServiceConversationScopedWebhook](t)(s.api.UpdateServiceConversationScopedWebhook(is, ch, *wh.Sid,
		(&conv.UpdateServiceConversationScopedWebhookParams{}).SetConfigurationFlowSid("FW2")))
	must[*conv.ConversationsV1ServiceConversationScopedWebhook](t)(s.api.FetchServiceConversationScopedWebhook(is, ch, *wh.Sid))
	must[[]conv.ConversationsV1ServiceConversationScopedWebhook](t)(s.api.ListServiceConversationScopedWebhook(is, ch, nil))
	for _, err := range []error{
		s.api.DeleteServiceConversationScopedWebhook(is, ch, *wh.Sid),
		s.api.DeleteServiceConversationMessage(is, ch, *m.Sid, nil),
		s.api.DeleteServiceConversationParticipant(is, ch, *p.Sid, nil),
		s.api.DeleteServiceConversation(is, ch, nil),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// The bodies have exactly the fields of the published models.
func TestShapes(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("shapes")
	mb := s.join(ch, phone, sender)
	im := s.sayAndSettle(ch, "x")
	dy := s.Receipts(im)[0].SID
	wh := must[*conv.ConversationsV1ConversationScopedWebhook](t)(s.api.CreateConversationScopedWebhook(ch,
		(&conv.CreateConversationScopedWebhookParams{}).SetTarget("studio").SetConfigurationFlowSid("FW1")))
	a := must[*conv.ConversationsV1ConfigurationAddress](t)(s.api.CreateConfigurationAddress(
		(&conv.CreateConfigurationAddressParams{}).SetType("sms").SetAddress(sender)))
	is := "/v1/Services/" + s.ServiceSID()
	tests := []struct {
		path  string
		in    string // array of a list, whose first item is meant
		model any
	}{
		{"/v1/Conversations/" + ch, "", conv.ConversationsV1Conversation{}},
		{is + "/Conversations/" + ch, "", conv.ConversationsV1ServiceConversation{}},
		{"/v1/Conversations/" + ch + "/Participants/" + mb, "", conv.ConversationsV1ConversationParticipant{}},
		{is + "/Conversations/" + ch + "/Participants/" + mb, "", conv.ConversationsV1ServiceConversationParticipant{}},
		{"/v1/Conversations/" + ch + "/Messages/" + im, "", conv.ConversationsV1ConversationMessage{}},
		{is + "/Conversations/" + ch + "/Messages/" + im, "", conv.ConversationsV1ServiceConversationMessage{}},
		{"/v1/Conversations/" + ch + "/Messages/" + im + "/Receipts/" + dy, "", conv.ConversationsV1ConversationMessageReceipt{}},
		{is + "/Conversations/" + ch + "/Messages/" + im + "/Receipts/" + dy, "", conv.ConversationsV1ServiceConversationMessageReceipt{}},
		{"/v1/Conversations/" + ch + "/Webhooks/" + *wh.Sid, "", conv.ConversationsV1ConversationScopedWebhook{}},
		{is + "/Conversations/" + ch + "/Webhooks/" + *wh.Sid, "", conv.ConversationsV1ServiceConversationScopedWebhook{}},
		{"/v1/ParticipantConversations?Address=%2B15558675310", "conversations", conv.ConversationsV1ParticipantConversation{}},
		{is + "/ParticipantConversations?Address=%2B15558675310", "conversations", conv.ConversationsV1ServiceParticipantConversation{}},
		{"/v1/Configuration", "", conv.ConversationsV1Configuration{}},
		{"/v1/Configuration/Webhooks", "", conv.ConversationsV1ConfigurationWebhook{}},
		{is + "/Configuration/Webhooks", "", conv.ConversationsV1ServiceWebhookConfiguration{}},
		{"/v1/Configuration/Addresses/" + *a.Sid, "", conv.ConversationsV1ConfigurationAddress{}},
		{is, "", conv.ConversationsV1Service{}},
	}
	for _, tt := range tests {
		model := reflect.TypeOf(tt.model)
		t.Run(model.Name(), func(t *testing.T) {
			t.Parallel()
			w := do(t, s, http.MethodGet, tt.path, "")
			if w.Code != http.StatusOK {
				t.Fatalf("GET %s: %d %s", tt.path, w.Code, w.Body)
			}
			body := w.Body.Bytes()
			if tt.in != "" {
				var list map[string]json.RawMessage
				var items []json.RawMessage
				if err := json.Unmarshal(body, &list); err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(list[tt.in], &items); err != nil || len(items) == 0 {
					t.Fatalf("list %s: %v", tt.in, err)
				}
				body = items[0]
			}
			var got map[string]any
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			var want []string
			for i := range model.NumField() {
				want = append(want, strings.TrimSuffix(model.Field(i).Tag.Get("json"), ",omitempty"))
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("fields (-model +body):\n%s", diff)
			}
		})
	}
}

func TestScopedWebhookRules(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch, full := s.conversation("rules"), s.conversation("full")
	create := func(ch string, p *conv.CreateConversationScopedWebhookParams) error {
		_, err := s.api.CreateConversationScopedWebhook(ch, p)
		return err
	}
	params := func() *conv.CreateConversationScopedWebhookParams {
		return (&conv.CreateConversationScopedWebhookParams{}).SetTarget("webhook").SetConfigurationUrl("https://a.example/")
	}
	for range 5 {
		if err := create(full, params()); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		err  error
		code int
	}{
		{"sixth", create(full, params()), 50361},
		{"no target", create(ch, &conv.CreateConversationScopedWebhookParams{}), 20001},
		{"no URL", create(ch, (&conv.CreateConversationScopedWebhookParams{}).SetTarget("webhook")), 20001},
		{"relative URL", create(ch, params().SetConfigurationUrl("/hook")), 20001},
		{"long URL", create(ch, params().SetConfigurationUrl("https://a.example/"+strings.Repeat("x", 2048))), 50372},
		{"unknown event", create(ch, params().SetConfigurationFilters([]string{"onMessageSent"})), 50365},
		{"unknown method", create(ch, params().SetConfigurationMethod("put")), 20001},
		{"replay from nowhere", create(ch, params().SetConfigurationReplayAfter(-1)), 20001},
	}
	for _, tt := range tests {
		if codeOf(tt.err) != tt.code {
			t.Errorf("%s: got %v, want code %d", tt.name, tt.err, tt.code)
		}
	}
}

// A scoped webhook created with ReplayAfter hears of the messages so far.
func TestScopedWebhookReplay(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := newRecorder(t)
	ch := s.conversation("replay")
	for _, body := range []string{"0", "1", "2"} {
		s.say(ch, body)
	}
	must[*conv.ConversationsV1ConversationScopedWebhook](t)(s.api.CreateConversationScopedWebhook(ch, (&conv.CreateConversationScopedWebhookParams{}).
		SetTarget("webhook").SetConfigurationUrl(rec.URL).SetConfigurationFilters([]string{"onMessageAdded"}).SetConfigurationReplayAfter(1)))
	s.settle()
	var got []string
	for _, e := range rec.events() {
		got = append(got, e.Get("Body"))
	}
	if diff := cmp.Diff([]string{"1", "2"}, got); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
}
