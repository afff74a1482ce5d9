package main

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // G505: Twilio's signatures are HMAC-SHA1
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const webhookPath = "/webhooks/twilio/conversations"

// pair is one parameter of a webhook. The lists below are in the order of
// signing, by name.
type pair struct{ name, value string }

// signed is a whole HTTP request with the parameters as Twilio posts them
// (https://www.twilio.com/docs/usage/security#validating-requests).
func signed(parameters []pair) []byte {
	mac := hmac.New(sha1.New, []byte(authToken))
	mac.Write([]byte(publicURL + webhookPath))
	var body strings.Builder
	for i, p := range parameters {
		mac.Write([]byte(p.name))
		mac.Write([]byte(p.value))
		if i > 0 {
			body.WriteByte('&')
		}
		body.WriteString(p.name + "=" + url.QueryEscape(p.value))
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: textme.example\r\nUser-Agent: TwilioProxy/1.1\r\n"+
		"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nI-Twilio-Idempotency-Token: %s\r\n"+
		"X-Twilio-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
		webhookPath, "5f2c4d8e-1c3a-4b7e-9d55-6a2f0b8c7e11",
		base64.StdEncoding.EncodeToString(mac.Sum(nil)), body.Len(), body.String())
}

const serviceSID = "ISbe5c4000000000000000000000000002"

func twilioDate(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// textAdded is onMessageAdded of a text that the stub has heard from a prepared
// conversation's customer.
func textAdded(twilio *stub, n int, body string) []byte {
	ch, mb, phone := sidOf("CH", n), sidOf("MB", n), phoneOf(n)
	im, index, at := twilio.hear(ch, phone, mb, body)
	return signed([]pair{
		{"AccountSid", accountSID},
		{"Attributes", "{}"},
		{"Author", phone},
		{"Body", body},
		{"ChatServiceSid", serviceSID},
		{"ConversationSid", ch},
		{"DateCreated", twilioDate(at)},
		{"EventType", "onMessageAdded"},
		{"Index", strconv.Itoa(index)},
		{"MessageSid", im},
		{"MessagingServiceSid", "MGbe5c4000000000000000000000000003"},
		{"ParticipantSid", mb},
		{"RetryCount", "0"},
		{"Source", "SMS"},
		{"WebhookType", "post"},
	})
}

// delivered is onDeliveryUpdated: a text reached a prepared conversation's
// customer. It is about a message that is not known, as receipts may be.
func delivered(n, serial int) []byte {
	ch, mb := sidOf("CH", n), sidOf("MB", n)
	now := twilioDate(time.Now())
	return signed([]pair{
		{"AccountSid", accountSID},
		{"ChannelMessageSid", fmt.Sprintf("SM%032x", serial)},
		{"ChatServiceSid", serviceSID},
		{"ConversationSid", ch},
		{"DateCreated", now},
		{"DateUpdated", now},
		{"DeliveryReceiptSid", fmt.Sprintf("DY%032x", serial)},
		{"ErrorCode", "0"},
		{"EventType", "onDeliveryUpdated"},
		{"MessageSid", fmt.Sprintf("IM%s%08x", strings.Repeat("e", 24), serial)},
		{"ParticipantSid", mb},
		{"RetryCount", "0"},
		{"Source", "SMS"},
		{"Status", "delivered"},
		{"WebhookType", "post"},
	})
}
