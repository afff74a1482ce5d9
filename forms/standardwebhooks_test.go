package forms_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/forms"
)

// The published vector, from webhook_test.go of the Standard Webhooks library.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTimestamp = "1614265330"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorTime = time.Unix(1614265330, 0)

// request is what a test changes before it is verified.
type request struct {
	body    string
	header  http.Header
	secrets [][]byte
	now     time.Time
}

func vector(t testing.TB) request {
	t.Helper()
	return request{
		body:    vectorBody,
		header:  headers(vectorID, vectorTimestamp, vectorSignature),
		secrets: [][]byte{secret(t, vectorSecret)},
		now:     vectorTime,
	}
}

func headers(id, timestamp, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	h.Set("webhook-signature", signature)
	return h
}

func secret(t testing.TB, text string) []byte {
	t.Helper()
	key, err := forms.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a v1 signature independently of the code under test.
func sign(key []byte, id, timestamp, body string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "." + body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (r request) verify() forms.Verification {
	return forms.VerifyStandardWebhook([]byte(r.body), r.header, r.secrets, r.now)
}

func TestStandardWebhookVector(t *testing.T) {
	t.Parallel()
	want := forms.Verification{Verdict: forms.Good, ID: vectorID, SentAt: vectorTime.UTC()}
	if diff := cmp.Diff(want, vector(t).verify()); diff != "" {
		t.Errorf("verification (-want +got):\n%s", diff)
	}
}

func TestStandardWebhookAccepts(t *testing.T) {
	t.Parallel()
	other := []byte("another secret of more than 24 bytes")
	tests := []struct {
		name   string
		change func(*request)
	}{
		{"empty body", func(r *request) {
			r.body = ""
			r.header.Set("webhook-signature", sign(r.secrets[0], vectorID, vectorTimestamp, ""))
		}},
		{"body of any bytes", func(r *request) {
			r.body = "\x00\xff.1614265330.\r\n"
			r.header.Set("webhook-signature", sign(r.secrets[0], vectorID, vectorTimestamp, r.body))
		}},
		{"second secret", func(r *request) { r.secrets = [][]byte{other, r.secrets[0]} }},
		{"first of two secrets", func(r *request) { r.secrets = append(r.secrets, other) }},
		{"one of eight signatures", func(r *request) {
			wrong := sign(other, vectorID, vectorTimestamp, vectorBody)
			r.header.Set("webhook-signature", strings.Repeat(wrong+" ", 7)+vectorSignature)
		}},
		{"beside other versions", func(r *request) {
			r.header.Set("webhook-signature", "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== "+vectorSignature)
		}},
		{"timestamp with a zero before it, if signed like that", func(r *request) {
			r.header.Set("webhook-timestamp", "01614265330")
			r.header.Set("webhook-signature", sign(r.secrets[0], vectorID, "01614265330", vectorBody))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := vector(t)
			tt.change(&r)
			if got := r.verify(); got.Verdict != forms.Good {
				t.Errorf("verification = %+v, want good", got)
			}
		})
	}
}

func TestStandardWebhookTolerance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		now  time.Time
		want forms.Verdict
	}{
		{"299 s late", vectorTime.Add(299 * time.Second), forms.Good},
		{"300 s late", vectorTime.Add(300 * time.Second), forms.Good},
		{"301 s late", vectorTime.Add(301 * time.Second), forms.Stale},
		{"299 s early", vectorTime.Add(-299 * time.Second), forms.Good},
		{"300 s early", vectorTime.Add(-300 * time.Second), forms.Good},
		{"301 s early", vectorTime.Add(-301 * time.Second), forms.Stale},
		{"a year late", vectorTime.AddDate(1, 0, 0), forms.Stale},
		{"clock of zero", time.Time{}, forms.Stale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := vector(t)
			r.now = tt.now
			got := r.verify()
			if got.Verdict != tt.want {
				t.Fatalf("verification = %+v, want %v", got, tt.want)
			}
			if got.ID != vectorID || !got.SentAt.Equal(vectorTime) {
				t.Errorf("ID, SentAt = %q, %v, want those of the request", got.ID, got.SentAt)
			}
			if (got.Reason == "") != (tt.want == forms.Good) {
				t.Errorf("Reason = %q for %v", got.Reason, tt.want)
			}
			r.body += " "
			if got := r.verify(); got.Verdict != forms.Bad {
				t.Errorf("with a changed body: %v, want bad whatever the clock says", got.Verdict)
			}
		})
	}
	t.Run("a timestamp far beyond", func(t *testing.T) {
		t.Parallel()
		r := vector(t)
		r.header = headers(vectorID, "999999999999", sign(r.secrets[0], vectorID, "999999999999", vectorBody))
		if got := r.verify(); got.Verdict != forms.Stale {
			t.Errorf("verification = %+v, want stale", got)
		}
	})
}

func TestStandardWebhookTampering(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*request) {
		return func(r *request) { r.header.Set(name, value) }
	}
	encoded := strings.TrimPrefix(vectorSignature, "v1,")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*request)
	}{
		{"body changed", func(r *request) { r.body = `{"test": 2432232315}` }},
		{"body longer", func(r *request) { r.body += "\n" }},
		{"body shorter", func(r *request) { r.body = r.body[:len(r.body)-1] }},
		{"id changed", set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJel")},
		{"id missing", func(r *request) { r.header.Del("webhook-id") }},
		{"id empty", set("webhook-id", "")},
		{"id twice", func(r *request) { r.header.Add("webhook-id", vectorID) }},
		{"id too long, signed", func(r *request) {
			id := strings.Repeat("a", 257)
			r.header = headers(id, vectorTimestamp, sign(r.secrets[0], id, vectorTimestamp, vectorBody))
		}},
		{"id with a dot, signed", func(r *request) {
			r.header = headers("msg.1", vectorTimestamp, sign(r.secrets[0], "msg.1", vectorTimestamp, vectorBody))
		}},
		{"id with a space, signed", func(r *request) {
			r.header = headers("msg 1", vectorTimestamp, sign(r.secrets[0], "msg 1", vectorTimestamp, vectorBody))
		}},
		{"border between timestamp and body moved", func(r *request) {
			r.header = headers(vectorID, "1614265", sign(r.secrets[0], vectorID, "1614265.330", vectorBody))
			r.body = "330" + vectorBody
		}},
		{"timestamp changed", set("webhook-timestamp", "1614265331")},
		{"timestamp missing", func(r *request) { r.header.Del("webhook-timestamp") }},
		{"timestamp twice", func(r *request) { r.header.Add("webhook-timestamp", vectorTimestamp) }},
		{"timestamp with a sign", set("webhook-timestamp", "+1614265330")},
		{"timestamp with a zero before it", set("webhook-timestamp", "01614265330")},
		{"timestamp with a space", set("webhook-timestamp", " 1614265330")},
		{"timestamp negative, signed", func(r *request) {
			r.header = headers(vectorID, "-1", sign(r.secrets[0], vectorID, "-1", vectorBody))
		}},
		{"timestamp of 13 digits, signed", func(r *request) {
			r.header = headers(vectorID, "0001614265330", sign(r.secrets[0], vectorID, "0001614265330", vectorBody))
		}},
		{"timestamp empty, signed", func(r *request) {
			r.header = headers(vectorID, "", sign(r.secrets[0], vectorID, "", vectorBody))
		}},
		{"signature changed", set("webhook-signature", "v1,h"+encoded[1:])},
		{"signature missing", func(r *request) { r.header.Del("webhook-signature") }},
		{"signature empty", set("webhook-signature", "")},
		{"signature twice", func(r *request) { r.header.Add("webhook-signature", vectorSignature) }},
		{"signature shorter", set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(raw[:31]))},
		{"signature longer", set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(append(raw[:32:32], 0)))},
		{"signature of no bytes", set("webhook-signature", "v1,")},
		{"signature in hex", set("webhook-signature", "v1,"+hex.EncodeToString(raw))},
		{"signature without padding", set("webhook-signature", strings.TrimRight(vectorSignature, "="))},
		{"signature with odd last bits", set("webhook-signature", "v1,"+encoded[:42]+"F=")},
		{"signature with a line break", set("webhook-signature", "v1,"+encoded[:10]+"\n"+encoded[10:])},
		{"signature without version", set("webhook-signature", encoded)},
		{"signature of another version", set("webhook-signature", "v1a,"+encoded)},
		{"signature in capitals", set("webhook-signature", "V1,"+encoded)},
		{"good signature beside a broken one", set("webhook-signature", vectorSignature+" v1,!")},
		{"good signature beside a short one", set("webhook-signature", vectorSignature+" v1,aGk=")},
		{"nine signatures", set("webhook-signature", strings.Repeat(vectorSignature+" ", 8)+vectorSignature)},
		{"signature header too long", set("webhook-signature", vectorSignature+" v2,"+strings.Repeat("a", 1024))},
		{"other secret", func(r *request) { r.secrets = [][]byte{secret(t, forms.GenerateSecret())} }},
		{"no secret", func(r *request) { r.secrets = nil }},
		{"three secrets", func(r *request) { r.secrets = append(r.secrets, r.secrets[0], r.secrets[0]) }},
		{"empty secret, signed", func(r *request) {
			r.secrets = [][]byte{{}}
			r.header.Set("webhook-signature", sign(nil, vectorID, vectorTimestamp, vectorBody))
		}},
		{"weak secret, signed", func(r *request) {
			r.secrets = [][]byte{make([]byte, 32)}
			r.header.Set("webhook-signature", sign(r.secrets[0], vectorID, vectorTimestamp, vectorBody))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := vector(t)
			tt.change(&r)
			got := r.verify()
			if got.Reason == "" {
				t.Error("no reason")
			}
			got.Reason = ""
			if diff := cmp.Diff(forms.Verification{Verdict: forms.Bad}, got); diff != "" {
				t.Errorf("verification (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStandardWebhookBits flips every bit of what is signed and of the MAC.
func TestStandardWebhookBits(t *testing.T) {
	t.Parallel()
	flipped := func(s string, bit int) string {
		b := []byte(s)
		b[bit/8] ^= 1 << (bit % 8)
		return string(b)
	}
	for _, part := range []string{"body", "webhook-id", "webhook-timestamp", "webhook-signature"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			length := len(vector(t).header.Get(part))
			if part == "body" {
				length = len(vectorBody)
			}
			for bit := range 8 * length {
				r := vector(t)
				if part == "body" {
					r.body = flipped(r.body, bit)
				} else {
					r.header.Set(part, flipped(r.header.Get(part), bit))
				}
				if got := r.verify(); got.Verdict != forms.Bad {
					t.Fatalf("bit %d of %s flipped: %v, want bad", bit, part, got.Verdict)
				}
			}
		})
	}
}

func TestVerdictString(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[forms.Verdict]string{forms.Bad: "bad", forms.Stale: "stale", forms.Good: "good", 7: "bad"} {
		if got := verdict.String(); got != want {
			t.Errorf("Verdict(%d) = %q, want %q", verdict, got, want)
		}
	}
}

// FuzzStandardWebhook compares with the scheme spelled out by hand: whatever is
// accepted must carry a signature that sign makes.
func FuzzStandardWebhook(f *testing.F) {
	f.Add(vectorBody, vectorID, vectorTimestamp, vectorSignature, int64(0))
	f.Add(vectorBody, vectorID, vectorTimestamp, vectorSignature, int64(301))
	f.Add("", "a", "0", "v1,"+strings.Repeat("A", 43)+"= v1a,x", int64(-1614265330))
	f.Add("x", "msg.1", "+1", "v1", int64(5))
	key := secret(f, vectorSecret)
	f.Fuzz(func(t *testing.T, body, id, timestamp, signature string, late int64) {
		now := vectorTime.Add(time.Duration(late%1e9) * time.Second)
		signed := sign(key, id, timestamp, body)
		for _, r := range []request{
			{body, headers(id, timestamp, signature), [][]byte{key}, now},
			{body, headers(id, timestamp, signed), [][]byte{key}, now},
		} {
			got := r.verify()
			carried := r.header.Get("webhook-signature")
			if got.Verdict == forms.Bad {
				continue
			}
			if !strings.Contains(carried, signed) {
				t.Fatalf("accepted %q as %v, right would be %q", carried, got.Verdict, signed)
			}
			if inTime := now.Sub(got.SentAt).Abs() <= 5*time.Minute; inTime != (got.Verdict == forms.Good) {
				t.Fatalf("verdict %v for a request sent at %v, now %v", got.Verdict, got.SentAt, now)
			}
			if got.ID != id || strings.Contains(id, ".") {
				t.Fatalf("ID = %q of %q", got.ID, id)
			}
		}
	})
}
