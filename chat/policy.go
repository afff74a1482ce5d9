package chat

import (
	"slices"

	"github.com/nyaruka/phonenumbers"
)

// AnyRegion in Options.Regions texts every country. Satellite and other networks of no
// country, some of the dearest there are, are a region of their own, noCountry.
const (
	AnyRegion = "*"
	noCountry = "001" // phonenumbers' REGION_CODE_FOR_NON_GEO_ENTITY
)

// refuse says in plain words why policy does not let us text the customer's
// number; "" means it does. Policy goes by the numbering plan's region and
// line type, never by a prefix such as +1, which twenty countries share.
func (s *Service) refuse(c Conversation) string {
	if c.Phone == c.Sender {
		return "the number is the sender itself"
	}
	n, err := phonenumbers.Parse(string(c.Phone), "")
	if err != nil {
		return "not a phone number"
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
	case phonenumbers.FIXED_LINE:
		return "a landline"
	case phonenumbers.TOLL_FREE:
		return "a toll-free number"
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
		return "a premium-rate number"
	case phonenumbers.VOIP:
		return "an internet telephone number"
	default:
		return "not a mobile number"
	}
	region, home := c.Phone.Region(), s.opts.Regions
	if region != noCountry && slices.Contains(home, AnyRegion) {
		return ""
	}
	if len(home) == 0 {
		home = []string{c.Sender.Region()}
	}
	if !slices.Contains(home, region) && region == noCountry {
		return "a satellite number, or another of no country"
	}
	if !slices.Contains(home, region) {
		return "a number of a region that is not served (" + region + ")"
	}
	return ""
}
