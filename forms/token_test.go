package forms_test

import (
	"net/http"
	"testing"

	"textme/forms"
)

func TestMatchToken(t *testing.T) {
	t.Parallel()
	primary, secondary := forms.HashToken("primary"), forms.HashToken("secondary")
	tests := []struct {
		name   string
		token  string
		hashes []forms.TokenHash
		want   bool
	}{
		{"right", "primary", []forms.TokenHash{primary}, true},
		{"first of two", "primary", []forms.TokenHash{primary, secondary}, true},
		{"second of two", "secondary", []forms.TokenHash{primary, secondary}, true},
		{"second not set", "primary", []forms.TokenHash{primary, {}}, true},
		{"wrong", "primarY", []forms.TokenHash{primary, secondary}, false},
		{"longer", "primary ", []forms.TokenHash{primary}, false},
		{"removed", "primary", []forms.TokenHash{secondary}, false},
		{"no hash", "primary", nil, false},
		{"hash not set", "primary", []forms.TokenHash{{}}, false},
		{"no token", "", []forms.TokenHash{primary}, false},
		{"no token, hash not set", "", []forms.TokenHash{{}}, false},
		{"the hash itself", string(primary[:]), []forms.TokenHash{primary}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := forms.MatchToken(tt.token, tt.hashes...); got != tt.want {
				t.Errorf("MatchToken = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestGenerateToken(t *testing.T) {
	t.Parallel()
	first, second := forms.GenerateToken(), forms.GenerateToken()
	if first == second {
		t.Error("two tokens are equal")
	}
	// Base32 letters carry five bits each.
	if bits := 5 * len(first); bits < 128 {
		t.Errorf("token of %d bits, want 128", bits)
	}
	if !forms.MatchToken(first, forms.HashToken(first)) || forms.MatchToken(first, forms.HashToken(second)) {
		t.Error("a token must match its own hash only")
	}
}

func TestRequestToken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header http.Header
		path   string
		want   string
	}{
		{"none", http.Header{}, "", ""},
		{"bearer", http.Header{"Authorization": {"Bearer abc"}}, "", "abc"},
		{"bearer in any case", http.Header{"Authorization": {"bearer  abc "}}, "", "abc"},
		{"own header", http.Header{"X-Webhook-Token": {"abc"}}, "", "abc"},
		{"path", http.Header{}, "abc", "abc"},
		{"path beside basic sign-in", http.Header{"Authorization": {"Basic YTpi"}}, "abc", "abc"},
		{"basic sign-in only", http.Header{"Authorization": {"Basic YTpi"}}, "", ""},
		{"bearer without token", http.Header{"Authorization": {"Bearer"}}, "", ""},
		{"header twice", http.Header{"X-Webhook-Token": {"abc", "abc"}}, "", ""},
		{"two headers", http.Header{"Authorization": {"Bearer abc"}, "X-Webhook-Token": {"abc"}}, "", ""},
		{"header and path", http.Header{"X-Webhook-Token": {"abc"}}, "def", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := forms.RequestToken(tt.header, tt.path); got != tt.want {
				t.Errorf("RequestToken = %q, want %q", got, tt.want)
			}
		})
	}
}
