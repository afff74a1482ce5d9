package twilio

import (
	"testing"

	sdk "github.com/twilio/twilio-go/client"
)

// known is a difference between our verifier and another that is understood:
// where the trait is, ours may say one thing and the other the contrary.
type known struct {
	trait trait
	ours  bool
	why   string
}

// knownGo are those to twilio-go's RequestValidator, which is
// client/request_validator.go of v1.31.0. Only the first is a danger: the
// signature covers the value that it looks at, and not the one that code which
// reads the last, or all of them, acts on.
var knownGo = []known{
	{addedValue, false, "it looks at the first value of a name only"},
	{repeatedName, true, "it looks at the first value of a name only"},
	{semicolon, true, "url.ParseQuery takes no semicolon"},
	{emptyField, false, "url.ParseQuery passes over empty fields; Twilio writes none"},
	{oddPortDropped, false, "it tries every URL without its port; ours leaves out default ports only"},
	{ipv6, true, "it cuts the host at its first colon"},
	{rawURL, true, "it escapes the URL again when it adds or removes a port"},
}

// judge compares verdicts and remembers which differences occurred.
type judge struct {
	t     *testing.T
	known []known
	seen  map[known]int
	agree int
	valid int
}

func newJudge(t *testing.T, differences []known) *judge {
	t.Helper()
	return &judge{t: t, known: differences, seen: map[known]int{}}
}

func (j *judge) compare(r request, ours, theirs bool) {
	j.t.Helper()
	if ours {
		j.valid++
	}
	if ours == theirs {
		j.agree++
		return
	}
	for _, k := range j.known {
		if k.ours == ours && r.has(k.trait) {
			j.seen[k]++
			return
		}
	}
	j.t.Errorf("ours says %t, theirs %t: %s", ours, theirs, r)
}

// done checks that the comparison was worth something: both verdicts were
// common, and no difference is listed that does not occur.
func (j *judge) done(total int) {
	j.t.Helper()
	j.t.Logf("%d requests, %d valid, %d alike", total, j.valid, j.agree)
	if j.valid < total/5 || j.valid > total*4/5 {
		j.t.Errorf("%d of %d are valid, want some of both", j.valid, total)
	}
	for _, k := range j.known {
		j.t.Logf("%6d times %t where %s: %s", j.seen[k], k.ours, k.trait, k.why)
		if j.seen[k] == 0 {
			j.t.Error("that is no difference")
		}
	}
}

func TestVerifyAgreesWithTheGoSDK(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	other := sdk.NewRequestValidator(testToken)
	j := newJudge(t, knownGo)
	total := count(t, 20_000)
	for range total {
		r := newRequest(rnd, testToken)
		j.compare(r, ours(t, r), other.ValidateBody(r.Base+r.Target, []byte(r.Body), r.Signature))
	}
	j.done(total)
}

// ours is our verdict.
func ours(t testing.TB, r request) bool {
	t.Helper()
	v, err := newVerifier(r.Base, []string{testToken})
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(r.Target, []byte(r.Body), formType, []string{r.Signature}) == nil
}

// The body's hash, of which Twilio's libraries think alike but for its case.
func TestVerifyAgreesWithTheGoSDKOnBodyHashes(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	other := sdk.NewRequestValidator(testToken)
	j := newJudge(t, []known{{upperHash, true, "it compares the hash as text; Twilio writes small letters"}})
	total := count(t, 5_000)
	for range total {
		r := newHashed(rnd)
		v, err := newVerifier(r.Base, []string{testToken})
		if err != nil {
			t.Fatal(err)
		}
		mine := v.Verify(r.Target, []byte(r.Body), "application/json", []string{r.Signature}) == nil
		j.compare(r, mine, other.ValidateBody(r.Base+r.Target, []byte(r.Body), r.Signature))
	}
	j.done(total)
}
