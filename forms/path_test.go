package forms_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/forms"
)

func path(t testing.TB, text string) forms.Path {
	t.Helper()
	p, err := forms.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func jsonFields(t testing.TB, body string) forms.Fields {
	t.Helper()
	fields, err := forms.ParseBody("application/json", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestFieldsValue(t *testing.T) {
	t.Parallel()
	fields := jsonFields(t, `{
		"phone": "+14155552671",
		"number": 15550000000,
		"big": 12345678901234567890123,
		"exact": 1.50,
		"yes": true,
		"nothing": null,
		"empty": [],
		"one": ["a"],
		"two": ["a", "a"],
		"nulls": [null, "a", null],
		"deep": [["a"]],
		"list": [{"value": "first"}, {"value": "second"}],
		"1.3": "gravity",
		"data": {"phone": "inner", "Phone No. [1]": "label", "": "blank"},
		"both.ways": "flat", "both": {"ways": "nested"},
		"fields": [
			{"key": "q1", "label": "Name", "value": "Ada"},
			{"key": "q2", "label": "Phone", "value": "+1 415", "field": {"ref": "a]"}},
			{"key": "q3", "label": "Twice", "value": "x"},
			{"key": "q4", "label": "Twice", "value": "y"},
			{"key": "q5", "label": 7, "value": "by number"},
			"no object"
		]}`)
	tests := []struct {
		path string
		want string
		err  error
	}{
		{"", "", nil},
		{"phone", "+14155552671", nil},
		{"Phone", "", nil},
		{"number", "15550000000", nil},
		{"big", "12345678901234567890123", nil},
		{"exact", "1.50", nil},
		{"yes", "true", nil},
		{"nothing", "", nil},
		{"empty", "", nil},
		{"one", "a", nil},
		{"two", "", forms.ErrSeveralValues},
		{"two[1]", "a", nil},
		{"two[2]", "", nil},
		{"nulls", "a", nil},
		{"deep", "", forms.ErrNotText},
		{"deep[0]", "a", nil},
		{"deep[0][0]", "a", nil},
		{"list[1].value", "second", nil},
		{"list.value", "", nil},
		{"list[value]", "", nil},
		{"1.3", "gravity", nil},
		{`["1.3"]`, "gravity", nil},
		{"data", "", forms.ErrNotText},
		{"data.phone", "inner", nil},
		{"data[phone]", "inner", nil},
		{"data.phone.more", "", nil},
		{`data["Phone No. [1]"]`, "label", nil},
		{"both.ways", "", forms.ErrSeveralValues},
		{`both["ways"]`, "nested", nil},
		{"fields[label=Phone].value", "+1 415", nil},
		{`fields[label="Phone"].value`, "+1 415", nil},
		{`fields[field.ref="a]"].value`, "+1 415", nil},
		{"fields[label=Twice].value", "", forms.ErrSeveralValues},
		{"fields[label=phone].value", "", nil},
		{"fields[label=7].value", "by number", nil},
		{"fields[label=Phone]", "", forms.ErrNotText},
		{"phone[label=Phone]", "", nil},
		{"phone[0]", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			got, err := fields.Value(path(t, tt.path))
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Value = %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestFieldsValueOfForm(t *testing.T) {
	t.Parallel()
	fields, err := forms.ParseBody("application/x-www-form-urlencoded",
		[]byte("phone=%2B1+415&data.phone=dotted&data%5Bname%5D=Ada&items%5B0%5D=a&c=no&c=yes&c=1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"phone": "+1 415", "data.phone": "dotted", "data[name]": "Ada", "items[0]": "a", "c[1]": "yes", "c[2]": "1",
	} {
		if got, err := fields.Value(path(t, name)); got != want || err != nil {
			t.Errorf("Value(%s) = %q, %v, want %q", name, got, err, want)
		}
	}
	if got, err := fields.Value(path(t, "c")); !errors.Is(err, forms.ErrSeveralValues) {
		t.Errorf("Value(c) = %q, %v, want ErrSeveralValues", got, err)
	}
}

func TestFieldsValueOfArray(t *testing.T) {
	t.Parallel()
	got, err := jsonFields(t, `[{"phone":"1"}]`).Value(path(t, "[0].phone"))
	if got != "1" || err != nil {
		t.Errorf("Value = %q, %v, want 1", got, err)
	}
	got, err = forms.Fields{}.Value(path(t, "a.b"))
	if got != "" || err != nil {
		t.Errorf("zero Fields: Value = %q, %v, want nothing", got, err)
	}
}

func TestParsePathErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		".", ".a", "a.", "a..b", "a]", "a[", "a[]", "a[b", "a[b]c", "a[=b]", "a[b=c", `a["b]`, `a["b"c]`, `a[b="c]`, `a["b"c"]`, "a.[0]",
		strings.Repeat("a", 257),
	} {
		if p, err := forms.ParsePath(text); !errors.Is(err, forms.ErrPath) {
			t.Errorf("ParsePath(%q) = %v, %v, want ErrPath", text, p, err)
		}
	}
}

func TestMappingJSON(t *testing.T) {
	t.Parallel()
	mapping := forms.DefaultMapping()
	if err := json.Unmarshal([]byte(`{"phone":"data.phone","name":""}`), &mapping); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(mapping)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"phone":"data.phone","name":"","consent":"consent","page_url":"page_url","submission_id":"submission_id"}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("mapping (-want +got):\n%s", diff)
	}
	submission, errs := forms.Extract(jsonFields(t, `{"data":{"phone":"1"},"name":"unmapped","consent":true}`), mapping)
	if len(errs) > 0 {
		t.Fatalf("errors = %+v", errs)
	}
	if diff := cmp.Diff(forms.Submission{Phone: "1", Consent: "true", ConsentGiven: true}, submission); diff != "" {
		t.Errorf("submission (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"phone":"data..phone"}`), &mapping); !errors.Is(err, forms.ErrPath) {
		t.Errorf("err = %v, want ErrPath", err)
	}
	if got := mapping.Phone.String(); got != "data.phone" {
		t.Errorf("path after a failed read = %q, want it unchanged", got)
	}
}

// FuzzPath checks that a path that can be read means the same after a round
// trip, and leads nowhere it should not.
func FuzzPath(f *testing.F) {
	for _, text := range []string{"a", "a.b", "a[0]", `a["b.c"]`, "a[b=c].d", `a[b.c="d]"]`, "[0][x]"} {
		f.Add(text)
	}
	fields := jsonFields(f, `{"a":{"b":"1","b.c":"2"},"c":[{"d":"3"},["4"]]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := forms.ParsePath(text)
		if err != nil {
			return
		}
		if p.String() != text {
			t.Fatalf("String = %q, want %q", p, text)
		}
		value, err := fields.Value(p)
		if err == nil && value != "" && !strings.Contains("1234", value) { //nolint:gocritic // any part of it will do
			t.Fatalf("Value(%q) = %q", text, value)
		}
	})
}
