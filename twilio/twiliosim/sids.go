package twiliosim

import (
	"fmt"
	"math/rand/v2"
	"regexp"
)

// sidSource makes identifiers of Twilio's shape from a seed. It is not safe
// for concurrent use.
type sidSource struct{ rng *rand.Rand }

// newSIDSource mixes in how much a replayed world already holds, so that the
// same seed after a restart does not give the same identifiers again.
func newSIDSource(seed, held uint64) *sidSource {
	return &sidSource{rng: rand.New(rand.NewPCG(seed, held))}
}

// next returns prefix and 32 lower-case hex digits, 34 characters in all.
func (g *sidSource) next(prefix string) string {
	return fmt.Sprintf("%s%016x%016x", prefix, g.rng.Uint64(), g.rng.Uint64())
}

// uuid returns a version 4 UUID (RFC 9562, 5.4).
func (g *sidSource) uuid() string {
	a, b := g.rng.Uint64(), g.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

// conversationSID is what a UniqueName must not look like (50390).
var conversationSID = regexp.MustCompile(`^CH[0-9a-fA-F]{32}$`)

// e164 is a number in international form, with an optional channel in front:
// https://www.twilio.com/docs/glossary/what-e164
var e164 = regexp.MustCompile(`^(?:(whatsapp|rcs):)?\+[1-9][0-9]{6,14}$`)

// channelOf tells the channel of a binding address: sms, whatsapp, rcs, or ""
// if it is not an address.
func channelOf(address string) string {
	m := e164.FindStringSubmatch(address)
	switch {
	case m == nil:
		return ""
	case m[1] == "":
		return "sms"
	}
	return m[1]
}
