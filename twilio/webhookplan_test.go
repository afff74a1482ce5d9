package twilio

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"textme/chat"
	"textme/twilio/twiliosim"
)

const planURL = "https://example.com/webhooks/twilio/conversations"

// account is a simulated one that writes down what is changed in it.
type account struct {
	t   *testing.T
	sim *twiliosim.Server
	url string
	c   *Client

	mu     sync.Mutex
	posts  []posted
	others map[string]string // answers of APIs that the simulator does not know, by path
}

type posted struct {
	Path string
	Form url.Values
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{t: t, others: map[string]string{}}
	sim, err := twiliosim.New(twiliosim.Options{AccountSID: testAccount, AuthToken: testToken, Senders: []string{string(sender)}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := a.others[r.URL.Path]; ok {
			_, _ = io.WriteString(w, answer)
			return
		}
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			a.mu.Lock()
			a.posts = append(a.posts, posted{r.URL.Path, r.PostForm})
			a.mu.Unlock()
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		srv.Close()
		if err := sim.Close(within(t)); err != nil {
			t.Error(err)
		}
	})
	a.sim, a.url, a.c = sim, srv.URL, newClient(t, srv.URL)
	return a
}

// set changes a setting the way another installation would, and returns its SID.
func (a *account) set(path string, pairs ...string) string {
	a.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(within(a.t), http.MethodPost, a.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	req.SetBasicAuth(testAccount, testToken)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	var answer struct{ SID string }
	if err := json.Unmarshal(body, &answer); err != nil || res.StatusCode >= http.StatusBadRequest {
		a.t.Fatalf("%s: %d %s", path, res.StatusCode, body)
	}
	a.did()
	return answer.SID
}

// did returns the changes since the last time it was asked.
func (a *account) did() []posted {
	a.mu.Lock()
	defer a.mu.Unlock()
	posts := a.posts
	a.posts = nil
	return posts
}

func (a *account) plan(s WebhookSetup) WebhookPlan {
	a.t.Helper()
	plan, err := a.c.PlanWebhooks(within(a.t), s)
	if err != nil {
		a.t.Fatal(err)
	}
	return plan
}

// forms are the calls that a plan announces.
func (p WebhookPlan) forms() (all []posted) {
	for _, c := range p.Changes {
		form := url.Values{}
		for _, f := range c.Fields {
			form[f.Name] = f.To
		}
		all = append(all, posted{c.Path, form})
	}
	return all
}

func planSetup() WebhookSetup {
	return WebhookSetup{URL: planURL, Filters: chat.EventTypes(), Senders: []chat.Phone{sender}}
}

// applied applies a plan and checks that exactly the announced was done.
func (a *account) applied(s WebhookSetup) {
	a.t.Helper()
	want := a.plan(s)
	if did := a.did(); len(did) != 0 {
		a.t.Fatalf("planning changed something: %+v", did)
	}
	got, err := a.c.ApplyWebhooks(within(a.t), s)
	if err != nil {
		a.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(SettingChange{})); diff != "" {
		a.t.Errorf("plan and applied plan: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(want.forms(), a.did()); diff != "" {
		a.t.Errorf("planned and done: -want +got\n%s", diff)
	}
	again, err := a.c.ApplyWebhooks(within(a.t), s)
	if did := a.did(); err != nil || len(again.Changes) != 0 || len(did) != 0 {
		a.t.Errorf("the second time it does %+v: %+v (%v)", again.Changes, did, err)
	}
}

func TestWebhooksOfAFreshAccount(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	s := planSetup()
	want := []SettingChange{
		{Path: webhooksPath, Fields: []FieldChange{
			{"Method", []string{"POST"}, []string{"POST"}},
			{"PostWebhookUrl", nil, []string{planURL}},
			{"Filters", nil, chat.EventTypes()},
		}},
		{Path: "/v1/Configuration/Addresses", Fields: []FieldChange{
			{"Type", nil, []string{"sms"}},
			{"Address", nil, []string{string(sender)}},
			{"AutoCreation.Enabled", nil, []string{"true"}},
			{"AutoCreation.Type", nil, []string{"default"}},
		}},
	}
	plan := a.plan(s)
	if diff := cmp.Diff(want, plan.Changes, cmpopts.IgnoreUnexported(SettingChange{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(plan.Conflicts)+len(plan.Warnings) != 0 {
		t.Errorf("conflicts %q, warnings %q", plan.Conflicts, plan.Warnings)
	}
	a.applied(s)
}

func TestWebhooksOfAService(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.c.serviceSID = a.sim.ServiceSID()
	a.applied(planSetup())
}

func TestWebhooksMerge(t *testing.T) {
	t.Parallel()
	const foreign = "https://crm.example.net/hook?key=sesame"
	tests := map[string]struct {
		set  func(*account)
		want []posted // what is sent; of a form only what is named
	}{
		"filters of others stay": {
			func(a *account) { a.set(webhooksPath, "Filters", "onUserAdded", "Filters", chat.MessageAdded) },
			[]posted{{webhooksPath, url.Values{"Filters": filtersAfter("onUserAdded", chat.MessageAdded)}}, {"/v1/Configuration/Addresses", nil}},
		},
		"a pre-event webhook stays": {
			func(a *account) {
				a.set(webhooksPath, "PreWebhookUrl", foreign, "Filters", "onMessageAdd", "Method", "POST")
			},
			[]posted{{webhooksPath, url.Values{"PreWebhookUrl": nil, "Filters": filtersAfter("onMessageAdd")}}, {"/v1/Configuration/Addresses", nil}},
		},
		"some of ours are there": {
			func(a *account) { a.set(webhooksPath, "PostWebhookUrl", planURL, "Filters", chat.MessageAdded) },
			[]posted{{webhooksPath, url.Values{"Filters": filtersAfter(chat.MessageAdded)}}, {"/v1/Configuration/Addresses", nil}},
		},
		"method is changed": {
			func(a *account) { a.set(webhooksPath, "PostWebhookUrl", planURL, "Method", "GET") },
			[]posted{{webhooksPath, url.Values{"Method": {"POST"}}}, {"/v1/Configuration/Addresses", nil}},
		},
		"autocreate is switched on": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "false")
			},
			[]posted{{webhooksPath, nil}, {"/v1/Configuration/Addresses/IG", url.Values{"AutoCreation.Enabled": {"true"}, "Address": nil}}},
		},
		"autocreate to our own webhook, switched off": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "false",
					"AutoCreation.Type", "webhook", "AutoCreation.WebhookUrl", planURL)
			},
			[]posted{{webhooksPath, nil}, {"/v1/Configuration/Addresses/IG", url.Values{"AutoCreation.Enabled": {"true"}, "AutoCreation.Type": {"default"}}}},
		},
		"autocreate to a webhook is enough": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "true",
					"AutoCreation.Type", "webhook", "AutoCreation.WebhookUrl", foreign)
			},
			[]posted{{webhooksPath, nil}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			tt.set(a)
			plan := a.plan(planSetup())
			got := plan.forms()
			if len(got) != len(tt.want) {
				t.Fatalf("%d changes, want %d: %+v", len(got), len(tt.want), got)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i].Path, want.Path) {
					t.Errorf("change %d is of %s, want %s", i, got[i].Path, want.Path)
				}
				for name, values := range want.Form {
					if diff := cmp.Diff(values, got[i].Form[name], cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("%s: -want +got\n%s", name, diff)
					}
				}
			}
			if len(plan.Conflicts) != 0 {
				t.Errorf("conflicts: %q", plan.Conflicts)
			}
			wantNothingSecret(t, plan)
			a.applied(planSetup())
		})
	}
}

// filtersAfter are all of ours, behind those that were there.
func filtersAfter(present ...string) []string {
	all := present
	for _, f := range chat.EventTypes() {
		if f != chat.MessageAdded || len(present) == 0 || present[len(present)-1] != f {
			all = append(all, f)
		}
	}
	return all
}

func wantNothingSecret(t *testing.T, p WebhookPlan) {
	t.Helper()
	for _, s := range append(append(p.Conflicts, p.Warnings...), p.Unchecked...) {
		if strings.Contains(s, "sesame") || strings.Contains(s, testToken) {
			t.Errorf("%q shows a secret", s)
		}
	}
}

var servicePart = regexp.MustCompile(`IS[0-9a-f]{32}`)

func TestWebhooksKeepOffForeignSettings(t *testing.T) {
	t.Parallel()
	const foreign = "https://joe:sesame@crm.example.net/hook?key=sesame"
	tests := map[string]struct {
		set  func(*account)
		want string
	}{
		"post-event address": {
			func(a *account) { a.set(webhooksPath, "PostWebhookUrl", foreign) },
			"events are posted to https://…@crm.example.net/hook?…",
		},
		"method of a pre-event webhook": {
			func(a *account) { a.set(webhooksPath, "PreWebhookUrl", foreign, "Method", "GET") },
			"events are sent by GET, to the pre-event webhook as well; ours need POST",
		},
		"Studio flow": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "true",
					"AutoCreation.Type", "studio", "AutoCreation.StudioFlowSid", "FW"+hex32)
			},
			"texts to " + string(sender) + " outside of conversations go to studio",
		},
		"another service": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "true", "AutoCreation.Type", "default")
				a.c.serviceSID = a.sim.ServiceSID()
			},
			"texts to " + string(sender) + " outside of conversations start one in another service, ",
		},
		"another service than the account's default": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "true",
					"AutoCreation.Type", "default", "AutoCreation.ConversationServiceSid", a.set("/v1/Services", "FriendlyName", "theirs"))
			},
			"texts to " + string(sender) + " outside of conversations start one in another service, theirs",
		},
		"another service than the account's default, switched off": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "false",
					"AutoCreation.Type", "default", "AutoCreation.ConversationServiceSid", a.set("/v1/Services", "FriendlyName", "theirs"))
			},
			"texts to " + string(sender) + " outside of conversations would start one in another service, theirs, if autocreate were on",
		},
		"Studio flow, switched off": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "false",
					"AutoCreation.Type", "studio", "AutoCreation.StudioFlowSid", "FW"+hex32)
			},
			"texts to " + string(sender) + " outside of conversations would go to studio if autocreate were on",
		},
		"webhook, switched off": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "false",
					"AutoCreation.Type", "webhook", "AutoCreation.WebhookUrl", foreign)
			},
			"texts to " + string(sender) + " outside of conversations would be posted to https://…@crm.example.net/hook?… if autocreate were on",
		},
		"another service, switched off": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "false",
					"AutoCreation.Type", "default", "AutoCreation.ConversationServiceSid", a.sim.ServiceSID())
				a.c.serviceSID = a.set("/v1/Services", "FriendlyName", "ours")
			},
			"texts to " + string(sender) + " outside of conversations would start one in another service, the default, if autocreate were on",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			tt.set(a)
			s := planSetup()
			plan, err := a.c.ApplyWebhooks(within(t), s)
			if !errors.Is(err, ErrForeignSettings) {
				t.Errorf("got %v, want %v", err, ErrForeignSettings)
			}
			if did := a.did(); len(did) != 0 {
				t.Errorf("changed all the same: %+v", did)
			}
			for i := range plan.Conflicts {
				plan.Conflicts[i] = servicePart.ReplaceAllString(strings.ReplaceAll(plan.Conflicts[i], a.sim.ServiceSID(), "the default"), "theirs")
			}
			if diff := cmp.Diff([]string{tt.want}, plan.Conflicts); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			wantNothingSecret(t, plan)
			s.Replace = true
			a.applied(s)
		})
	}
}

func TestWebhooksWarn(t *testing.T) {
	t.Parallel()
	numbers := "/2010-04-01/Accounts/" + testAccount + "/IncomingPhoneNumbers.json"
	number := func(rest string) string {
		return `{"incoming_phone_numbers":[{"phone_number":"+19995550000","sms_url":"https://x.example"},{"phone_number":"` + string(sender) + `",` + rest + `}]}`
	}
	const bridges, services = "/v2/ControlPlane/Configurations", "/v1/Services"
	// service has the Messaging Service of the sender and one of another number.
	service := func(a *account, ours string) {
		other := "MG" + strings.Repeat("0", 32)
		a.others[services] = `{"services":[{"sid":"MG` + hex32 + `",` + ours + `},
			{"sid":"` + other + `","inbound_request_url":"https://x.example","use_inbound_webhook_on_number":false}],"meta":{"key":"services"}}`
		a.others[services+"/"+other+"/PhoneNumbers"] = `{"phone_numbers":[{"phone_number":"+19995550000"}],"meta":{"key":"phone_numbers"}}`
		a.others[services+"/MG"+hex32+"/PhoneNumbers"] = `{"phone_numbers":[{"phone_number":"+19995550001"},{"phone_number":"` + string(sender) + `"}],"meta":{"key":"phone_numbers"}}`
	}
	tests := map[string]struct {
		set           func(*account)
		want          []string // parts of the warnings, in order
		wantUnchecked int
	}{
		"nothing": {func(a *account) {
			a.others[numbers], a.others[bridges] = number(`"sms_url":""`), `{"configurations":[]}`
			service(a, `"inbound_request_url":null`)
		}, nil, 0},
		"Messaging Service posts elsewhere": {func(a *account) {
			service(a, `"inbound_request_url":"https://crm.example.net/sms?sesame","use_inbound_webhook_on_number":false`)
		}, []string{"texts to " + string(sender) + " are also posted to https://crm.example.net/sms?… by the Messaging Service MG" + hex32 + ", which hears"}, 2},
		"Messaging Service posts to us": {func(a *account) {
			service(a, `"inbound_request_url":"https://example.com/webhooks/twilio/messages","use_inbound_webhook_on_number":false`)
		}, nil, 2},
		"Messaging Service leaves it to the number": {func(a *account) {
			service(a, `"inbound_request_url":"https://crm.example.net/sms","use_inbound_webhook_on_number":true`)
		}, nil, 2},
		"Messaging Service of a later page": {func(a *account) {
			service(a, `"inbound_request_url":"https://crm.example.net/sms","use_inbound_webhook_on_number":false`)
			a.others["/v1/More"], a.others[services] = a.others[services], `{"services":[],"meta":{"key":"services","next_page_url":"https://messaging.twilio.com/v1/More"}}`
		}, []string{"by the Messaging Service MG" + hex32}, 2},
		"numbers of a Messaging Service refused": {func(a *account) {
			service(a, `"inbound_request_url":"https://crm.example.net/sms","use_inbound_webhook_on_number":false`)
			delete(a.others, services+"/MG"+hex32+"/PhoneNumbers")
		}, nil, 3},
		"our own classic webhook": {func(a *account) {
			a.others[numbers] = number(`"sms_url":"https://example.com/webhooks/twilio/messages"`)
		}, nil, 2},
		"foreign classic webhook": {func(a *account) {
			a.others[numbers] = number(`"sms_url":"https://demo.twilio.com/welcome/sms/reply?sesame"`)
		}, []string{"texts to " + string(sender) + " are also posted to https://demo.twilio.com/welcome/sms/reply?…, which hears"}, 2},
		"classic webhook of another application on our host": {func(a *account) {
			a.others[numbers] = number(`"sms_url":"https://example.com/crm/messages"`)
		}, []string{"texts to " + string(sender) + " are also posted to https://example.com/crm/messages, which hears"}, 2},
		"classic webhook of another textme on our host": {func(a *account) {
			a.others[numbers] = number(`"sms_url":"https://example.com:8443/webhooks/twilio/messages"`)
		}, []string{"texts to " + string(sender) + " are also posted to https://example.com:8443/webhooks/twilio/messages, which hears"}, 2},
		"our own classic webhook, with its port": {func(a *account) {
			a.others[numbers] = number(`"sms_url":"https://example.com:443/webhooks/twilio/messages"`)
		}, nil, 2},
		"classic application": {func(a *account) {
			a.others[numbers] = number(`"sms_url":"","sms_application_sid":"AP` + hex32 + `"`)
		}, []string{"go to the application AP" + hex32}, 2},
		"number of nobody": {func(a *account) { a.others[numbers] = `{"incoming_phone_numbers":[]}` }, nil, 3},
		"odd answer":       {func(a *account) { a.others[numbers] = `[]` }, nil, 3},
		"bridge to our service": {func(a *account) {
			a.others[bridges] = `{"configurations":[{"id":"conv_configuration_1","conversationsV1Bridge":{"serviceId":"` + a.sim.ServiceSID() + `"}},{"id":"2"}]}`
		}, []string{"configuration conv_configuration_1 bridges to our service"}, 2},
		"bridge to another service": {func(a *account) {
			a.others[bridges] = `{"configurations":[{"id":"conv_configuration_1","conversationsV1Bridge":{"serviceId":"IS` + hex32 + `"}}]}`
		}, nil, 2},
		"timers": {
			func(a *account) {
				a.set("/v1/Configuration", "DefaultInactiveTimer", "PT1H", "DefaultClosedTimer", "P1D")
			},
			[]string{"close by themselves after P1D", "become inactive by themselves after PT1H"},
			3,
		},
		"pre-event webhook": {
			func(a *account) { a.set(webhooksPath, "PreWebhookUrl", "https://crm.example.net/hook?sesame") },
			[]string{"a pre-event webhook is set, https://crm.example.net/hook?…: it decides"},
			3,
		},
		"Flex": {func(a *account) { a.set(webhooksPath, "Target", "flex") }, []string{"set to go to Flex"}, 3},
		"service posts to us": {
			func(a *account) {
				a.set("/v1/Services/"+a.sim.ServiceSID()+"/Configuration/Webhooks", "PostWebhookUrl", "https://EXAMPLE.com/old", "Filters", chat.DeliveryUpdated, "Filters", "onUserAdded")
			},
			[]string{"so that these events come twice: onDeliveryUpdated"},
			3,
		},
		"service posts elsewhere": {
			func(a *account) {
				a.set("/v1/Services/"+a.sim.ServiceSID()+"/Configuration/Webhooks", "PostWebhookUrl", "https://crm.example.net", "Filters", chat.DeliveryUpdated,
					"PreWebhookUrl", "https://crm.example.net/pre")
			},
			[]string{"has a pre-event webhook, https://crm.example.net/pre"},
			3,
		},
		"autocreate tells others": {
			func(a *account) {
				a.set("/v1/Configuration/Addresses", "Type", "sms", "Address", string(sender), "AutoCreation.Enabled", "true",
					"AutoCreation.Type", "webhook", "AutoCreation.WebhookUrl", "https://crm.example.net/?sesame")
			},
			[]string{"outside of conversations are also posted to https://crm.example.net/?…"},
			3,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			tt.set(a)
			plan := a.plan(planSetup())
			if len(plan.Warnings) != len(tt.want) {
				t.Fatalf("warnings %q, want %q", plan.Warnings, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(plan.Warnings[i], want) {
					t.Errorf("warning %q, want %q in it", plan.Warnings[i], want)
				}
			}
			if len(plan.Unchecked) != tt.wantUnchecked {
				t.Errorf("unchecked %q, want %d", plan.Unchecked, tt.wantUnchecked)
			}
			wantNothingSecret(t, plan)
		})
	}
}

// A setting that cannot be read is no reason to change it blindly.
func TestWebhooksFailWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, path := range []string{webhooksPath, "/v1/Configuration/Addresses"} {
		for _, answer := range []string{`{}`, `null`, `[]`, ``} {
			a := newAccount(t)
			a.others[path] = answer
			if plan, err := a.c.ApplyWebhooks(within(t), planSetup()); err == nil || len(a.did()) != 0 {
				t.Errorf("%s answered %q: applied %+v", path, answer, plan)
			}
		}
	}
}

func TestNumbersHostFollowsTheRegion(t *testing.T) {
	t.Parallel()
	const asked = "https://api.twilio.com/2010-04-01/x.json?PhoneNumber=%2B1"
	tests := map[string]struct {
		cfg  Config
		want string
	}{
		"default":   {Config{}, asked},
		"edge":      {Config{Edge: "dublin", Region: "ie1"}, strings.Replace(asked, "api.", "api.dublin.ie1.", 1)},
		"simulator": {Config{BaseURL: "http://127.0.0.1:9"}, "http://127.0.0.1:9/2010-04-01/x.json?PhoneNumber=%2B1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.AccountSID, tt.cfg.AuthToken = testAccount, testToken
			c, err := New(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.address(asked); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
			messaging := strings.NewReplacer("api.", "messaging.", "2010-04-01", "v1").Replace
			if got, err := c.address(messaging(asked)); err != nil || got != messaging(tt.want) {
				t.Errorf("got %s, %v; want %s", got, err, messaging(tt.want))
			}
			if got, err := c.address("http://api.twilio.com/"); err == nil {
				t.Errorf("credentials would go to %s", got)
			}
		})
	}
}
