package bot_test

import (
	"strings"
	"testing"

	"textme/bot"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		text  string
		count int
		wide  rune
	}{
		{"empty", "", 0, 0},
		{"one character", "a", 1, 0},
		{"160 septets", strings.Repeat("a", 160), 1, 0},
		{"161 septets", strings.Repeat("a", 161), 2, 0},
		{"306 septets", strings.Repeat("a", 306), 2, 0},
		{"307 septets", strings.Repeat("a", 307), 3, 0},
		{"national letters of the alphabet", "Çà va, señor? ÄÖÜß£¥ΔΩ", 1, 0},
		{"80 euro signs", strings.Repeat("€", 80), 1, 0},
		{"81 euro signs", strings.Repeat("€", 81), 2, 0},
		// 153 is odd: each full segment leaves one septet unused.
		{"152 euro signs", strings.Repeat("€", 152), 2, 0},
		{"153 euro signs", strings.Repeat("€", 153), 3, 0},
		{"newlines count", strings.Repeat("a\n", 80), 1, 0},
		{"a letter outside", "Smørrebrød with ł", 1, 'ł'},
		{"70 units", "ł" + strings.Repeat("a", 69), 1, 'ł'},
		{"71 units", "ł" + strings.Repeat("a", 70), 2, 'ł'},
		{"134 units", "ł" + strings.Repeat("a", 133), 2, 'ł'},
		{"135 units", "ł" + strings.Repeat("a", 134), 3, 'ł'},
		{"curly quote at the end", strings.Repeat("a", 160) + "’", 3, '’'},
		{"35 emoji", strings.Repeat("🚲", 35), 1, '🚲'},
		{"36 emoji", strings.Repeat("🚲", 36), 2, '🚲'},
		// 67 is odd: an emoji takes two units and is not split.
		{"66 emoji", strings.Repeat("🚲", 66), 2, '🚲'},
		{"67 emoji", strings.Repeat("🚲", 67), 3, '🚲'},
		{"tab", "a\tb", 1, '\t'},
		{"broken UTF-8", "a\xff", 1, '\uFFFD'},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			count, wide := bot.Segments(tt.text)
			if count != tt.count || wide != tt.wide {
				t.Errorf("Segments = %d, %q, want %d, %q", count, wide, tt.count, tt.wide)
			}
		})
	}
}
