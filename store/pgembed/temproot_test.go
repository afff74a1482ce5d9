package pgembed

import "testing"

func TestHasRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct {
		name, dir string
		bytes     uint64
		want      bool
	}{
		{"for a byte", dir, 1, true},
		{"for more than any disk holds", dir, 1 << 62, false},
		{"in a folder that is not there", dir + "/missing", 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := hasRoom(tt.dir, tt.bytes); got != tt.want {
				t.Errorf("hasRoom(%q, %d) = %v", tt.dir, tt.bytes, got)
			}
		})
	}
}
