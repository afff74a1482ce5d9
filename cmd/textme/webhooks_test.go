package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
	"textme/twilio"
	"textme/twilio/twiliosim"
)

const webhooksPublic = "https://texts.example.com"

// webhooksAccount is a simulated account and the environment to use it.
func webhooksAccount(t *testing.T) (*twiliosim.Server, map[string]string) {
	t.Helper()
	account, token := "AC"+randomHex(16), randomHex(16)
	sim, err := twiliosim.New(twiliosim.Options{AccountSID: account, AuthToken: token, Senders: []string{"+15005550006", "+15005550007"}})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	t.Cleanup(func() {
		api.Close()
		if err := sim.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return sim, map[string]string{
		"TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token, "TWILIO_BASE_URL": api.URL,
		"PUBLIC_URL": webhooksPublic + "/", "TWILIO_SENDER": "+15005550006", "DATA_DIR": t.TempDir(),
	}
}

func webhooks(t *testing.T, env map[string]string, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = run(t.Context(), append([]string{"webhooks"}, args...), world{
		getenv: func(name string) string { return env[name] }, in: strings.NewReader(""), out: &b, err: &b,
	})
	return code, b.String()
}

func TestWebhooksPlanThenApply(t *testing.T) {
	t.Parallel()
	sim, env := webhooksAccount(t)
	args := []string{"--sender", "+15005550007", "--sender", "+15005550006"}
	code, planned := webhooks(t, env, append([]string{"plan"}, args...)...)
	for _, want := range []string{
		"/v1/Configuration/Webhooks\n", "  + PostWebhookUrl " + webhooksPublic + "/webhooks/twilio/conversations\n", "  + Filters onMessageAdded\n",
		"  + Address +15005550006\n", "  + Address +15005550007\n", "Could not be checked: inbound SMS webhook of +15005550006: ",
		"Could not be checked: inbound webhooks of Messaging Services: ",
	} {
		if !strings.Contains(planned, want) {
			t.Errorf("the plan lacks %q", want)
		}
	}
	if n := sim.Calls()["POST /v1/Configuration/Webhooks"]; code != exitOK || n != 0 {
		t.Errorf("plan ended with %d and changed something %d times:\n%s", code, n, planned)
	}
	code, applied := webhooks(t, env, append([]string{"apply"}, args...)...)
	if want := strings.Replace(planned, "Could not", "Changed.\nCould not", 1); code != exitOK || applied != want {
		t.Errorf("apply ended with %d: -want +got\n%s", code, cmp.Diff(want, applied))
	}
	if n := sim.Calls()["POST /v1/Configuration/Addresses"]; n != 2 {
		t.Errorf("%d addresses made, want 2", n)
	}
	for _, command := range []string{"plan", "apply"} {
		if code, out := webhooks(t, env, append([]string{command}, args...)...); code != exitOK || !strings.HasPrefix(out, "Nothing to change.\n") {
			t.Errorf("%s afterwards: %d\n%s", command, code, out)
		}
	}
}

func TestWebhooksPlanAsJSON(t *testing.T) {
	t.Parallel()
	_, env := webhooksAccount(t)
	delete(env, "TWILIO_SENDER")
	code, out := webhooks(t, env, "plan", "--json")
	var plan map[string][]any
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if code != exitOK || len(plan["changes"]) != 1 || len(plan["warnings"]) != 1 || plan["conflicts"] == nil {
		t.Errorf("%d: want a change and a warning that no sender is known\n%s", code, out)
	}
}

func TestWebhooksOfOthers(t *testing.T) {
	t.Parallel()
	_, env := webhooksAccount(t)
	client, err := twilioSettings{
		TwilioAccountSID: env["TWILIO_ACCOUNT_SID"], TwilioAuthToken: env["TWILIO_AUTH_TOKEN"], TwilioBaseURL: env["TWILIO_BASE_URL"],
	}.client(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.SetWebhooks(t.Context(), "https://crm.example.net/hook?key=sesame", []string{"onUserAdded"}); err != nil {
		t.Fatal(err)
	}
	code, out := webhooks(t, env, "apply")
	if code != exitFailed || !strings.Contains(out, "In the way: events are posted to https://crm.example.net/hook?…") || !strings.Contains(out, "--replace") {
		t.Errorf("%d, want a refusal:\n%s", code, out)
	}
	code, out = webhooks(t, env, "apply", "--replace")
	if code != exitOK || !strings.Contains(out, "  - PostWebhookUrl https://crm.example.net/hook?…\n") || !strings.Contains(out, "    Filters onUserAdded\n") {
		t.Errorf("%d, want it replaced:\n%s", code, out)
	}
	setup := twilio.WebhookSetup{URL: webhooksPublic + conversationsWebhook, Filters: chat.EventTypes(), Senders: []chat.Phone{"+15005550006"}}
	if plan, err := client.PlanWebhooks(t.Context(), setup); err != nil || len(plan.Changes)+len(plan.Conflicts) != 0 {
		t.Errorf("left to do: %+v, %v", plan, err)
	}
}

func TestWebhooksUsage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"no public URL":  {map[string]string{"PUBLIC_URL": ""}, nil, "PUBLIC_URL is missing"},
		"bad public URL": {map[string]string{"PUBLIC_URL": "http://example.com"}, nil, "PUBLIC_URL: it must be https"},
		"bad sender":     {nil, []string{"--sender", "12"}, "--sender: "},
		"no account":     {map[string]string{"TWILIO_ACCOUNT_SID": ""}, nil, "no `textme dev` is running"},
		"no key":         {map[string]string{"DATABASE_URL": "postgres://127.0.0.1:1/x"}, nil, "SECRET_KEY is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, env := webhooksAccount(t)
			for name, value := range tt.env {
				env[name] = value
			}
			code, out := webhooks(t, env, append([]string{"plan"}, tt.args...)...)
			if code != exitUsage || !strings.Contains(out, tt.want) {
				t.Errorf("%d, want %d and %q:\n%s", code, exitUsage, tt.want, out)
			}
		})
	}
}

// A running service has its senders in the database.
func TestWebhooksKnowTheSourcesSenders(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	delete(s.env, "TWILIO_SENDER")
	code, out := webhooks(t, s.env, "plan")
	if code != exitOK || !strings.HasPrefix(out, "Nothing to change.\n") || strings.Contains(out, "no sender is known") || !strings.Contains(out, storySender) {
		t.Errorf("%d: the story has set up what its source's sender needs:\n%s", code, out)
	}
}
