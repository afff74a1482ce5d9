package forms_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"textme/forms"
)

// TestParseBodyCorpus bounds what hostile bodies cost: 100 ms and 4 MiB each.
// It is not parallel because the allocation counter belongs to the process.
func TestParseBodyCorpus(t *testing.T) {
	const full = forms.MaxBodyBytes
	fill := func(unit string) string { return strings.Repeat(unit, full/len(unit)) }
	var keys, pairs, nested strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `"%x":0,`, i)
		fmt.Fprintf(&pairs, "%x&", i)
		fmt.Fprintf(&nested, `{"%x":`, i)
	}
	var utf16le []byte
	for _, unit := range utf16.Encode([]rune("\uFEFF" + strings.Repeat(`{"phone":"1"}`, 8000))) {
		utf16le = append(utf16le, byte(unit), byte(unit>>8))
	}
	const multipartType = "multipart/form-data; boundary=x"
	part := "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
	tests := []struct {
		name, contentType, body string
		accepted                bool
	}{
		{"depth 10,000, lists", typeJSON, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), false},
		{"depth 10,000, objects", typeJSON, strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), false},
		{"as deep as fits", typeJSON, fill("["), false},
		{"100,000 keys, cut to size", typeJSON, "{" + keys.String()[:full-100], false},
		{"100,000 nested keys, cut to size", typeJSON, nested.String()[:full], false},
		{"100,000 pairs, cut to size", typeForm, pairs.String()[:full], false},
		{"100,000 elements", typeJSON, "[" + strings.Repeat("0,", 100_000) + "0]", false},
		{"empty objects", typeJSON, "[" + strings.Repeat("{},", 80_000) + "{}]", false},
		{"1,000 empty objects", typeJSON, "[" + strings.Repeat("{},", 999) + "{}]", true},
		{"one long string", typeJSON, `["` + strings.Repeat("a", full-4) + `"]`, true},
		{"one long string of escapes", typeJSON, `["` + strings.Repeat(`\u0000`, 43_000) + `"]`, true},
		{"one long string of lone surrogates", typeJSON, `["` + strings.Repeat(`\ud800`, 43_000) + `"]`, true},
		{"one long string of broken UTF-8", typeJSON, `["` + strings.Repeat("\xff", full-4) + `"]`, true},
		{"one long number", typeJSON, "[" + strings.Repeat("1", full-2) + "]", true},
		{"one long key", typeJSON, `{"` + strings.Repeat("a", full-6) + `":0}`, true},
		{"white space", typeJSON, fill(" "), false},
		{"NUL", typeJSON, fill("\x00"), false},
		{"UTF-16", typeJSON, string(utf16le), false},
		{"byte order marks", typeJSON, fill("\uFEFF"), false},
		{"one long form value", typeForm, "a=" + strings.Repeat("%00", 87_000), true},
		{"one long form name", typeForm, strings.Repeat("%ff", 87_000), true},
		{"NULs in a form", typeForm, fill("\x00"), true},
		{"multipart of many parts", multipartType, strings.Repeat(part, 4000) + "--x--\r\n", false},
		{"multipart of boundaries", multipartType, strings.Repeat("--x\r\n", 50_000) + "--x--\r\n", false},
		{"multipart of almost-boundaries", multipartType, part + strings.Repeat("\r\n--y", 50_000) + "\r\n--x--\r\n", true},
		{"multipart with many headers", multipartType, "--x\r\n" + strings.Repeat("A: b\r\n", 40_000) + "\r\n1\r\n--x--\r\n", false},
		{"multipart with a long header", multipartType, "--x\r\nA: " + strings.Repeat("b", 250_000) + "\r\n\r\n1\r\n--x--\r\n", false},
		{"multipart with a long file", multipartType, "--x\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n" +
			strings.Repeat("\r\n", 130_000) + "\r\n--x--\r\n", true},
		{"content type with many parameters", typeJSON + strings.Repeat(";a=b", 50_000), "{}", true},
		{"content type with a long boundary", "multipart/form-data; boundary=" + strings.Repeat("x", full), part, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := []byte(tt.body)
			// The best of three: the machine may be busy with something else.
			took, allocated := time.Hour, uint64(1<<40)
			for range 3 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := time.Now()
				_, err := forms.ParseBody(tt.contentType, body)
				took = min(took, time.Since(start))
				runtime.ReadMemStats(&after)
				allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
				if accepted := err == nil; accepted != tt.accepted {
					t.Fatalf("err = %v, want accepted = %v", err, tt.accepted)
				}
			}
			if took > 100*time.Millisecond*slowed || allocated > 4<<20 {
				t.Errorf("took %v and %d KiB, want at most %v and 4096 KiB", took, allocated>>10, 100*time.Millisecond*slowed)
			}
			t.Logf("%v, %d KiB", took, allocated>>10)
		})
	}
}
