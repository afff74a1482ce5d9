package pgembed

import (
	"os"
	"testing"
)

func TestDataDir(t *testing.T) {
	tests := []struct{ name, state, home, want string }{
		{"home", "", "/home/ann", "/home/ann/.local/state/textme"},
		{"state folder", "/state", "/home/ann", "/state/textme"},
		{"relative state folder counts as unset", "state", "/home/ann", "/home/ann/.local/state/textme"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", tt.state)
			t.Setenv("HOME", tt.home)
			want := tt.want
			if os.Geteuid() == 0 {
				want = "/var/lib/textme"
			}
			if got, err := DataDir(); got != want || err != nil {
				t.Errorf("DataDir() = %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestDataDirWithoutHome(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	dir, err := DataDir()
	if root := os.Geteuid() == 0; (err == nil) != root {
		t.Errorf("DataDir() = %q, %v; want an error unless root", dir, err)
	}
}
