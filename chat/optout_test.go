package chat

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus reads one text per line.
func corpus(t testing.TB, name string) (texts []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			texts = append(texts, line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// The rules hear nine refusals of ten, also among those that they were not
// made with.
func TestWantsOutHearsRefusals(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]int{"refusals.txt": 200, "refusals-held-back.txt": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			texts := corpus(t, name)
			heard := 0
			for _, text := range texts {
				if WantsOut(text) {
					heard++
				} else {
					t.Logf("not heard: %s", text)
				}
			}
			if len(texts) < least || heard*10 < len(texts)*9 {
				t.Errorf("%d of %d refusals heard, want 90 %% of at least %d", heard, len(texts), least)
			}
		})
	}
}

func TestWantsOutLeavesOrdinaryTexts(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]int{"ordinary.txt": 500, "ordinary-held-back.txt": 250} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			texts := corpus(t, name)
			for _, text := range texts {
				if ReadKeyword(text, false) == Stop {
					t.Errorf("taken for a refusal: %s", text)
				}
			}
			if len(texts) < least {
				t.Errorf("%d ordinary texts, want %d", len(texts), least)
			}
		})
	}
}

// The words that the law names, and Twilio's, however they are written.
func TestReadKeywordHearsEveryStopWord(t *testing.T) {
	t.Parallel()
	law := []string{"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"}
	for _, word := range append(law, "stopall", "optout", "opt-out") {
		for _, text := range []string{
			word, strings.ToUpper(word), " " + word + "\n", word + ".", word + "!!", strings.ToUpper(word[:1]) + word[1:], `"` + word + `"`,
			"please " + word, word + " please", "Pls " + word + " thx", "ok, " + word,
		} {
			if got := ReadKeyword(text, false); got != Stop {
				t.Errorf("%q: got %q, want %q", text, got, Stop)
			}
		}
	}
}

func TestReadKeyword(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text     string
		optedOut bool
		want     Keyword
	}{
		{"START", false, Start},
		{"unstop", true, Start},
		{"Yes", false, NoKeyword},
		{"Yes!", true, Start},
		{"yes please stop", false, Stop},
		{"Reply STOP", false, Stop}, // as our own texts put it
		{"text stop", false, Stop},
		{"reply stop by at 5", false, NoKeyword},
		{"yes please stop by at 5", true, NoKeyword},
		{"help", false, Help},
		{"Info?", false, Help},
		{"help me stop these texts", false, Stop},
		{"", false, NoKeyword},
		{"...", false, NoKeyword},
		{"🛑", false, NoKeyword},
	}
	for _, tt := range tests {
		if got := ReadKeyword(tt.text, tt.optedOut); got != tt.want {
			t.Errorf("%q, opted out %t: got %q, want %q", tt.text, tt.optedOut, got, tt.want)
		}
	}
}

func TestWantsOutReadsAPart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ø ", maxPlain)
	if !WantsOut("Stop texting me. " + long) {
		t.Error("not heard at the start of a long text")
	}
	if WantsOut(long + " stop texting me") {
		t.Error("read beyond what a text can hold")
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{
		{"stop", "stop", 0},
		{"", "ab", 2},
		{"texing", "texting", 1},
		{"tetxing", "texting", 1},
		{"unsubcsribe", "unsubscribe", 1},
		{"unscubsribe", "unsubscribe", 2},
		{"messages", "massage", 2},
		{"a", "abcd", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%s, %s: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("%s, %s: got %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestSqueeze(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"stoppp": "stop", "pleeease": "please", "see": "see", "a": "a", "": "", "5000": "5000", "ñññ": "ñ", "mmmmaaaa": "ma"} {
		if got := squeeze(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzWantsOut holds that case, spaces around and an end mark change nothing.
func FuzzWantsOut(f *testing.F) {
	for _, text := range []string{"please stop texting me", "can I stop by at 5?", "Liked “Reply STOP to opt out”", "s t o p", "wrong #", "\xff\x00", "stopppp!!! 😂"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxPlain-8 {
			return
		}
		got := WantsOut(text)
		for _, same := range []string{" " + text, text + "\n", strings.ToLower(text)} {
			if WantsOut(same) != got {
				t.Errorf("%q: %t, but not %q", text, got, same)
			}
		}
	})
}

func BenchmarkWantsOut(b *testing.B) {
	for name, text := range map[string]string{
		"ordinary": "Hi! Can I stop by tomorrow at 5 to pick up the bike?",
		"longest":  strings.Repeat("please dont stop sending the ", maxPlain/29),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				WantsOut(text)
			}
		})
	}
}
