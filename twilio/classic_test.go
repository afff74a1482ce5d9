package twilio

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

func TestClassicMessage(t *testing.T) {
	t.Parallel()
	const sid = "SM" + hex32
	text := chat.ClassicText{SID: sid, From: customer, To: sender, Body: "Are you open? ☎"}
	change := func(f func(*chat.ClassicText)) chat.ClassicText {
		changed := text
		f(&changed)
		return changed
	}
	tests := map[string]struct {
		params  []string // beside those of a plain text; "" takes one out
		want    chat.ClassicText
		problem string
	}{
		"text":             {nil, text, ""},
		"stop by Twilio":   {[]string{"OptOutType", "STOP", "Body", "Arret"}, change(func(c *chat.ClassicText) { c.OptOut, c.Body = chat.Stop, "Arret" }), ""},
		"start by Twilio":  {[]string{"OptOutType", "START"}, change(func(c *chat.ClassicText) { c.OptOut = chat.Start }), ""},
		"help by Twilio":   {[]string{"OptOutType", "HELP"}, change(func(c *chat.ClassicText) { c.OptOut = chat.Help }), ""},
		"without a body":   {[]string{"Body", ""}, change(func(c *chat.ClassicText) { c.Body = "" }), ""},
		"new opt-out type": {[]string{"OptOutType", "PERHAPS", "Body", "STOP"}, change(func(c *chat.ClassicText) { c.Body = "STOP" }), ""},
		"WhatsApp":         {[]string{"From", "whatsapp:+14155552671"}, chat.ClassicText{}, "From is not a phone number"},
		"short code":       {[]string{"To", "12345"}, chat.ClassicText{}, "To is not a phone number"},
		"malformed SID":    {[]string{"MessageSid", "SM1"}, chat.ClassicText{}, "MessageSid is malformed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params := url.Values{
				"AccountSid": {testAccount}, "MessageSid": {sid}, "SmsMessageSid": {sid}, "SmsSid": {sid}, "SmsStatus": {"received"},
				"From": {string(customer)}, "To": {string(sender)}, "Body": {text.Body}, "NumMedia": {"0"},
			}
			for i := 0; i < len(tt.params); i += 2 {
				params.Set(tt.params[i], tt.params[i+1])
			}
			body := params.Encode()
			e, err := newWebhooks(t).Receive(capturedTarget, signedHeader(body), []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, e.Classic); diff != "" || e.Problem != tt.problem || e.Type != chat.ClassicMessage || e.SID != "" {
				t.Errorf("%s %q, problem %q: -want +got\n%s", e.Type, e.SID, e.Problem, diff)
			}
			if sound := e.Key == chat.EventKey(chat.ClassicMessage, sid); sound != (tt.problem == "") {
				t.Errorf("its key is the text's: %t", sound)
			}
			checkStorable(t, e)
			again, err := DecodePayload(e.Payload)
			if err != nil || again.Key != e.Key || again.Classic != e.Classic {
				t.Errorf("read back: %+v, %v", again, err)
			}
		})
	}
}
