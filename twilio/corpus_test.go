package twilio

import (
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"textme/chat"
)

// The corpus is what Twilio posts: a file for each type of event, with every
// name that its documents give to it
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks),
// and one for the classic webhook. A file is the body, with a line break before
// each "&".
const corpus = "testdata/webhooks"

// corpusBody reads one file of the corpus.
func corpusBody(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(corpus, name+".form"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\n", "")
}

// The parties of the corpus.
const (
	corpusCH    = chat.ConversationSID("CH5b1f0e6c8a4d4b0f9c3e7a2d1f6b8c90")
	corpusMB    = chat.ParticipantSID("MB9e2c7d41b3a54f6e8d0c1b2a3f4e5d67")
	corpusAgent = chat.ParticipantSID("MB1a6d3f852c9e4b7da0f1c2e3d4b5a697")
	corpusIM    = chat.MessageSID("IM3d8a1c6e7f204b95b8c9d0e1f2a3b4c5")
	corpusSM    = "SM6e5d4c3b2a1908f7e6d5c4b3a2918070"
)

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err) // a mistake of the test
	}
	return t.UTC()
}

// The keys are sums made outside of this program. They must stay what they are:
// by them a webhook is known that came a year ago.
func TestCorpus(t *testing.T) {
	t.Parallel()
	person := chat.RemoteParticipant{SID: corpusMB, Address: "+14155552671", ProxyAddress: "+14155550100"}
	said := chat.RemoteMessage{
		SID: corpusIM, Author: "+14155552671", Participant: corpusMB, At: utc("2025-09-17T22:23:11.350Z"),
		Body: "Hi! What are your hours? ☎️\nCan't find 'em + it's 100% urgent",
	}
	staff := chat.RemoteUser{SID: "US4c3b2a1908f7e6d5c4b3a29180706f5e", Identity: "agent-17", FriendlyName: "Zoë"}
	edited := said
	edited.Body, edited.UpdatedAt, edited.ByProgram = "[removed by staff]", utc("2025-09-17T23:00:00.001Z"), true
	tests := map[string]struct {
		want chat.Event
		key  string
	}{
		"onConversationAdded": {
			chat.Event{Type: chat.ConversationAdded, SID: corpusCH, At: utc("2025-09-17T22:23:10.904Z")},
			"9b6feaa1868da84786e39ada6e9144f59d44a9d504619807a11cc258764310d0",
		},
		"onConversationUpdated": {
			chat.Event{Type: chat.ConversationUpdated, SID: corpusCH, At: utc("2025-09-18T08:00:02.117Z")},
			"c2f98ebbddb083d87a67390b88bfc6c9815b8855d8f648f4224db6be8ad2f37b",
		},
		"onConversationRemoved": {
			chat.Event{Type: chat.ConversationRemoved, SID: corpusCH, At: utc("2025-09-19T12:30:45Z")},
			"2e9938a29bc8ea3e6b0ec2ff17acef6d71c490b5fe52d2c8fae2f10c0d79f2fa",
		},
		"onConversationStateUpdated": {
			chat.Event{Type: chat.ConversationStateUpdated, SID: corpusCH, StateTo: "closed", At: utc("2025-09-18T22:23:11.350Z")},
			"a472d82e867acebe45230057838a6ad41efc9c43d8430a78d9375af74e4b611c",
		},
		"onParticipantAdded": {
			chat.Event{Type: chat.ParticipantAdded, SID: corpusCH, Participant: person, At: utc("2025-09-17T22:23:11.120Z")},
			"93c921ab01c1cf149eff28de090ee15eb90e5050692e86109c486bb4f6f61305",
		},
		"onParticipantUpdated": {
			chat.Event{
				Type: chat.ParticipantUpdated, SID: corpusCH, At: utc("2025-09-17T22:27:41.618Z"),
				Participant: chat.RemoteParticipant{SID: corpusAgent},
			},
			"25348ab3bae3e4541d7acd4b8e775a79787c94c2649ff43eb4251a53b9d6c6ac",
		},
		"onParticipantRemoved": {
			chat.Event{Type: chat.ParticipantRemoved, SID: corpusCH, Participant: person, At: utc("2025-09-18T09:15:27.500Z")},
			"d73b5be3b96950e73fa5e3d70511bf5caaf861507f8541a8a37fad6db28e8148",
		},
		"onMessageAdded": {
			chat.Event{Type: chat.MessageAdded, SID: corpusCH, Message: said, At: said.At},
			"44005589a2757900df85cd851c2db4b3ef23a2e3f0cb96e92bc0b40670daa9aa",
		},
		"onMessageAdded-media": {
			chat.Event{Type: chat.MessageAdded, SID: corpusCH, At: utc("2025-09-17T22:28:03.042Z"), Message: chat.RemoteMessage{
				SID: "IM0f1e2d3c4b5a69788796a5b4c3d2e1f0", Index: 13, Author: "agent-17", Participant: corpusAgent, ByProgram: true,
				OurID: uuid.MustParse("0198f0a0-0000-7000-8000-0000000000aa"), At: utc("2025-09-17T22:28:03.042Z"),
				Media: json.RawMessage(`[{"Category":"media","ContentType":"application/pdf","Filename":"Plan \u0026 preise.pdf",` +
					`"Sid":"ME0123456789abcdef0123456789abcdef","Size":48211,"service_sid":"IS7c1e9a4d52f84b0f9d3e6a1b8c2d7f40"}]`),
			}},
			"455a28f67f5d88747bf83d2990b286c004eac8229364ab3a4d0c07348b4d783e",
		},
		"onMessageUpdated": {
			chat.Event{Type: chat.MessageUpdated, SID: corpusCH, Message: edited, At: edited.UpdatedAt},
			"420727da8f4c48bc53a4ec1f42d85a106b5e6b6809d41e22cef55a60fcff4aa5",
		},
		"onMessageRemoved": {
			chat.Event{Type: chat.MessageRemoved, SID: corpusCH, Message: edited, At: utc("2025-09-17T23:10:00.250Z")},
			"59a35c93dbcacf4bafb97db9db2df4001d2dc3817d630be39bc4f62b49c38763",
		},
		"onDeliveryUpdated": {
			chat.Event{Type: chat.DeliveryUpdated, SID: corpusCH, At: utc("2025-09-17T22:24:09.870Z"), Receipt: chat.Receipt{
				SID: "DY8f4b2a6d9c1e4073a5b6c7d8e9f0a1b2", Message: "IM77665544332211008f9e0d1c2b3a4958", Participant: corpusMB,
				Channel: corpusSM, Status: chat.Undelivered, ErrorCode: 30003, At: utc("2025-09-17T22:24:09.870Z"),
			}},
			"09248f79702d0b15dcc2753d84c2ea825fd9c90d18ecaa288cd168fc49b7163f",
		},
		"onUserAdded": {
			chat.Event{Type: chat.UserAdded, User: staff, At: utc("2025-09-17T22:25:00.003Z")},
			"2d1d347c7fcaa5327c0f7d6a0cbd32b6c51f4040ff93fc6bcec0361a1cc909ec",
		},
		"onUserUpdated": {
			chat.Event{Type: chat.UserUpdated, User: staff, At: utc("2025-09-17T22:31:00.777Z")},
			"7713395fa18c93021a7c8a41cb7e30dfa42c2937ea2406f679c765686fa3fc69",
		},
		"classic": {
			chat.Event{Type: chat.ClassicMessage, Classic: chat.ClassicText{
				SID: corpusSM, From: "+14155552671", To: "+14155550100", Body: "Arrêt ", OptOut: chat.Stop,
			}},
			"e0938ef2fc43513aeb750a8c5116b638b0d2ca349b848d30bde36359686f8f7d",
		},
		"classic-media": {
			chat.Event{Type: chat.ClassicMessage, Classic: chat.ClassicText{
				SID: "MM5d4c3b2a1908f7e6d5c4b3a29180706f", From: "+14155552671", To: "+14155550100",
			}},
			"c2e14eced96e40bf44480a3c8b363a5da12d8f12c66ab2c1c72bc1fb27137f86",
		},
	}
	files, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(files) != len(tests) {
		t.Errorf("the corpus has %d files, %d of them are known here (%v)", len(files), len(tests), err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := corpusBody(t, name)
			got, err := newWebhooks(t).Receive(capturedTarget, signedHeader(body), []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Via = chat.ViaWebhook
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(chat.Event{}, "Key", "Payload")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if key := hex.EncodeToString(got.Key[:]); key != tt.key {
				t.Errorf("key %s, want %s", key, tt.key)
			}
			checkStorable(t, got)
			checkPayload(t, got.Payload, body)
			again, err := DecodePayload(got.Payload)
			if diff := cmp.Diff(got, again, cmpopts.IgnoreFields(chat.Event{}, "Payload")); err != nil || diff != "" {
				t.Errorf("read back from the store: %v, -want +got\n%s", err, diff)
			}
		})
	}
	for _, eventType := range slices.Concat(chat.EventTypes(), []string{chat.UserAdded, chat.UserUpdated}) {
		if _, there := tests[eventType]; !there {
			t.Errorf("the corpus has no %s", eventType)
		}
	}
}

// checkPayload insists that every parameter of body is stored under its name.
func checkPayload(t *testing.T, payload json.RawMessage, body string) {
	t.Helper()
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for name := range form {
		want[name] = form.Get(name)
	}
	var got map[string]string
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("payload: -want +got\n%s", diff)
	}
}
