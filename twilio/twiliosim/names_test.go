package twiliosim_test

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// checkNames insists that Twilio has every name of a webhook, too, in those of
// the same type. What Twilio posts stands in files beside the decoder's tests;
// names that a test has a fault make up begin with ShinyNew.
func checkNames(t *testing.T, form url.Values) {
	eventType := form.Get("EventType")
	files, err := filepath.Glob("../testdata/webhooks/" + cmp.Or(eventType, "classic") + "*.form")
	if err != nil || len(files) == 0 {
		t.Errorf("Twilio has no webhook %q (%v)", eventType, err)
	}
	known := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		for field := range strings.SplitSeq(string(text), "&") {
			name, _, _ := strings.Cut(field, "=")
			known[name] = true
		}
	}
	for name := range form {
		if !known[name] && !strings.HasPrefix(name, "ShinyNew") && !ofFiles.MatchString(name) {
			t.Errorf("%s has a name that Twilio's has not: %s", eventType, name)
		}
	}
}

// ofFiles are the classic webhook's names of files, of which it has any number
// (https://www.twilio.com/docs/messaging/guides/webhook-request#media-related-parameters).
var ofFiles = regexp.MustCompile(`^Media(?:Url|ContentType)\d$`)
