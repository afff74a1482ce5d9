package twiliosim

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's signatures are HMAC-SHA1
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// sign is X-Twilio-Signature for a request to address, which is signed as it
// stands: call signedURL first. params is the form of a POST, nil for a GET.
// Names sort by byte value; of a repeated name the distinct values, sorted:
// https://www.twilio.com/docs/usage/security#validating-requests
func sign(token, address string, params url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		values := slices.Sorted(slices.Values(params[name]))
		for _, v := range slices.Compact(values) {
			mac.Write([]byte(name + v))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedURL takes the fragment and user:password@ off a configured URL and
// changes nothing else: no case, no port, no escape.
func signedURL(configured string) string {
	address, _, _ := strings.Cut(configured, "#")
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		authority = authority[i+1:]
	}
	return scheme + "://" + authority + tail
}
