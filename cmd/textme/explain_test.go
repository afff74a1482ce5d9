package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	explainToken   = "0f3c9b2a7d5e4810b6a1c2d3e4f50617"
	explainAccount = "AC0123456789abcdef0123456789abcdef"
	explainBody    = "AccountSid=" + explainAccount + "&Body=canary"
	explainTarget  = "/webhooks/twilio/conversations"
)

// explainSign signs explainBody.
func explainSign(token, address string) string { return signWebhook(token, address, explainBody) }

func TestExplainSignature(t *testing.T) {
	t.Parallel()
	const public = "https://example.com"
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(explainBody), 0o600); err != nil {
		t.Fatal(err)
	}
	good := explainSign(explainToken, public+explainTarget)
	tests := map[string]struct {
		args []string
		env  map[string]string
		code int
		want []string // parts of the output
	}{
		"valid": {
			args: []string{"--url", public + explainTarget, "--signature", good, "--twilio-account-sid", explainAccount},
			want: []string{"The signature is valid."},
		},
		"valid, path and public URL": {
			args: []string{"--url", explainTarget, "--signature", good},
			env:  map[string]string{"PUBLIC_URL": public + "/"},
			want: []string{"The signature is valid."},
		},
		"valid, address inside": {
			args: []string{"--url", "http://10.0.0.7:8080" + explainTarget, "--public-url", public, "--signature", good},
			want: []string{"The signature is valid."},
		},
		"valid, from a file": {
			args: []string{"--url", public + explainTarget, "--signature", good, "--body-file", file},
			want: []string{"The signature is valid."},
		},
		"valid by the secondary token": {
			args: []string{"--url", public + explainTarget, "--signature", explainSign("other", public+explainTarget)},
			env:  map[string]string{"TWILIO_AUTH_TOKEN_SECONDARY": "other"},
			want: []string{"The signature is valid.", "Note: other token: "},
		},
		"other scheme": {
			args: []string{"--url", "http://example.com" + explainTarget, "--signature", good},
			code: exitFailed,
			want: []string{"It would have matched: " + public + explainTarget, "scheme: Twilio signed https://, this service has http://", "PUBLIC_URL"},
		},
		"fragment": {
			args: []string{"--url", public + explainTarget + "#rc=2", "--signature", good},
			code: exitFailed,
			want: []string{"fragment in the URL"},
		},
		"host from a header": {
			args: []string{"--url", public + explainTarget, "--header", "Host: a.example", "--signature", explainSign(explainToken, "https://a.example"+explainTarget)},
			code: exitFailed,
			want: []string{"host: Twilio signed a.example, this service has example.com"},
		},
		"address in the settings": {
			args: []string{"--url", "http://10.0.0.7:8080" + explainTarget, "--public-url", "https://b.example", "--configured-url", "https://c.example/x,y/", "--signature", explainSign(explainToken, "https://c.example/x,y"+explainTarget)},
			code: exitFailed,
			want: []string{"host: Twilio signed c.example, this service has b.example", "path prefix dropped"},
		},
		"another account": {
			args: []string{"--url", public + explainTarget, "--signature", good, "--twilio-account-sid", "AC11111111111111111111111111111111"},
			code: exitFailed,
			want: []string{"The webhook is refused: AccountSid is not our account's.", "Note: AccountSid is not our account's: that account's own auth token signs its webhooks."},
		},
		"forged": {
			args: []string{"--url", public + explainTarget, "--signature", explainSign("nobody's", public+explainTarget)},
			code: exitFailed,
			want: []string{"Nothing matched in ", "another token signed it"},
		},
		"no token": {
			args: []string{"--url", public + explainTarget, "--signature", good},
			env:  map[string]string{"TWILIO_AUTH_TOKEN": ""},
			code: exitUsage,
			want: []string{"TWILIO_AUTH_TOKEN is missing"},
		},
		"no such file": {
			args: []string{"--url", public, "--signature", good, "--body-file", file + ".no"},
			code: exitUsage,
			want: []string{"--body-file"},
		},
		"header without colon": {
			args: []string{"--url", public, "--signature", good, "--header", "Host"},
			code: exitUsage,
			want: []string{"--header: want a name, a colon and a value"},
		},
		"no URL": {
			args: []string{"--url", "example.com/x", "--signature", good},
			code: exitUsage,
			want: []string{"do not make a URL"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out := explain(t, tt.env, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %q", want)
				}
			}
			if strings.Contains(out, explainToken) || strings.Contains(out, "canary") {
				t.Errorf("output shows a secret or a value")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

func TestExplainSignatureJSON(t *testing.T) {
	t.Parallel()
	const public = "https://example.com"
	_, out := explain(t, nil, "--json", "--url", public+explainTarget, "--signature", explainSign(explainToken, public+explainTarget+"/"))
	var got struct {
		Valid bool `json:"valid"`
		Match struct {
			URL         string `json:"url"`
			Differences []struct {
				Mistake string `json:"mistake"`
			} `json:"differences"`
		} `json:"would_have_matched"`
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Valid || got.Match.URL != public+explainTarget+"/" || len(got.Match.Differences) != 1 || got.Match.Differences[0].Mistake != "trailing slash dropped" {
		t.Errorf("%+v of %s", got, out)
	}
}

// explain runs the command on explainBody.
func explain(t *testing.T, env map[string]string, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = run(context.WithoutCancel(t.Context()), append([]string{"explain-signature"}, args...), world{
		getenv: func(name string) string {
			if value, set := env[name]; set || name != "TWILIO_AUTH_TOKEN" {
				return value
			}
			return explainToken
		},
		in: strings.NewReader(explainBody), out: &b, err: &b,
	})
	return code, b.String()
}
