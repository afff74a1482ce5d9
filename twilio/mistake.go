package twilio

import (
	"slices"
	"strings"
)

// Mistake is one way in which a genuine webhook comes to look like a forgery.
type Mistake string

// The mistakes. What is added, dropped or changed is so compared with what
// Twilio signed, which is the address in its own settings.
const (
	SchemeDiffers    Mistake = "scheme"
	HostDiffers      Mistake = "host"
	PortAdded        Mistake = "port added"
	PortDropped      Mistake = "port dropped"
	PortDiffers      Mistake = "other port"
	CredentialsInURL Mistake = "credentials in the URL"
	FragmentInURL    Mistake = "fragment in the URL"

	PrefixDropped  Mistake = "path prefix dropped"
	PrefixAdded    Mistake = "path prefix added"
	SlashDropped   Mistake = "trailing slash dropped"
	SlashAdded     Mistake = "trailing slash added"
	SlashesChanged Mistake = "double slash"
	PathReescaped  Mistake = "path escaped differently"
	PathDiffers    Mistake = "path"

	QueryDropped   Mistake = "query dropped"
	QueryAdded     Mistake = "query added"
	QueryReordered Mistake = "query reordered"
	QueryReescaped Mistake = "query escaped differently"
	QueryDiffers   Mistake = "query"
	HashDropped    Mistake = "bodySHA256 dropped"

	ContentTypeChanged Mistake = "content type changed"
	DecodedTwice       Mistake = "body decoded once too often"
	EscapedTwice       Mistake = "body escaped twice"
	LinesChanged       Mistake = "line ends changed"
	CharsetChanged     Mistake = "character set changed"
	ParameterAdded     Mistake = "parameter added"
	EmptyDropped       Mistake = "empty parameter dropped"
	FormIntoJSON       Mistake = "form turned into JSON"
	BodyInBase64       Mistake = "body in base64"
	BodyAdded          Mistake = "body added"
	BodyReplaced       Mistake = "body replaced"

	HeaderDamaged  Mistake = "signature header damaged"
	SecondaryToken Mistake = "other token"
)

// advice is what to do about each mistake.
var advice = map[Mistake]string{
	SchemeDiffers:    "write PUBLIC_URL with the scheme that stands in Twilio's settings",
	HostDiffers:      "write PUBLIC_URL with the host that stands in Twilio's settings, or set the webhook to PUBLIC_URL",
	PortAdded:        "take the port out of PUBLIC_URL, or write it into Twilio's settings",
	PortDropped:      "write the port into PUBLIC_URL, or take it out of Twilio's settings",
	PortDiffers:      "use the same port in PUBLIC_URL and in Twilio's settings",
	CredentialsInURL: "take user and password out of the URL: Twilio does not sign them",
	FragmentInURL:    "take the fragment out of the URL: Twilio does not sign it",
	PrefixDropped:    "a proxy strips the prefix: write it at the end of PUBLIC_URL",
	PrefixAdded:      "a proxy adds the prefix, or PUBLIC_URL has a path too many: take it out",
	SlashDropped:     "take the slash off the end of the webhook's address in Twilio's settings",
	SlashAdded:       "stop the proxy from adding a slash to the path",
	SlashesChanged:   "write the webhook's address in Twilio's settings with single slashes",
	PathReescaped:    "stop the proxy from decoding or normalising the path",
	PathDiffers:      "the proxy rewrites the path: pass it on as it came",
	QueryDropped:     "stop the proxy from dropping the query, or set the webhook without one",
	QueryAdded:       "stop the proxy from adding to the query",
	QueryReordered:   "stop the proxy from sorting the query, or set the webhook without one",
	QueryReescaped:   "stop the proxy from decoding the query, or set the webhook without one",
	QueryDiffers:     "pass the query on as it came, or set the webhook without one",
	HashDropped:      "pass on the bodySHA256 that Twilio adds to the query of a webhook that is not a form",

	ContentTypeChanged: "pass on Content-Type as it came",
	DecodedTwice:       "pass the body on as it came: something decoded it, if only %2B to a bare +",
	EscapedTwice:       "pass the body on as it came: something escaped it again",
	LinesChanged:       "pass the body on as it came: something changed its line ends, or a file of it got a last one",
	CharsetChanged:     "pass the body on as it came: something converted between UTF-8 and Latin-1",
	ParameterAdded:     "pass the body on as it came: something added a parameter",
	EmptyDropped:       "pass the body on as it came: something dropped a parameter without a value",
	FormIntoJSON:       "let the gateway pass on the form instead of JSON",
	BodyInBase64:       "let the gateway pass on the body instead of its base64",
	BodyAdded:          "Twilio signed a request without parameters: a body does not belong to it",
	BodyReplaced:       "pass the body on as it came: bodySHA256 is of another one",

	HeaderDamaged:  "pass X-Twilio-Signature on as it came",
	SecondaryToken: "the service must know this token too, as TWILIO_AUTH_TOKEN_SECONDARY",
}

// Difference is one mistake, with the part of the URL it is about. Signed and
// Received are empty where it is about the query or the body: values are not
// for showing.
type Difference struct {
	Mistake  Mistake `json:"mistake"`
	Signed   string  `json:"signed,omitempty"`
	Received string  `json:"received,omitempty"`
	Advice   string  `json:"advice"`
}

func differ(m Mistake, parts ...string) Difference {
	d := Difference{Mistake: m, Advice: advice[m]}
	if len(parts) == 2 {
		d.Signed, d.Received = parts[0], parts[1]
	}
	return d
}

// differences names what lies between the address that Twilio signed and ours.
func differences(signed, ours webhookURL) []Difference {
	var all []Difference
	if signed.scheme != ours.scheme {
		all = append(all, differ(SchemeDiffers, signed.scheme, ours.scheme))
	}
	if signed.user != ours.user {
		all = append(all, differ(CredentialsInURL))
	}
	if signed.host != ours.host {
		all = append(all, differ(HostDiffers, signed.host, ours.host))
	}
	if signed.port != ours.port {
		all = append(all, differ(portMistake(signed.port, ours.port), signed.port, ours.port))
	}
	if signed.path != ours.path {
		all = append(all, differ(pathMistake(signed.path, ours.path), signed.path, ours.path))
	}
	if signed.query != ours.query {
		all = append(all, differ(queryMistake(signed, ours)))
	}
	return all
}

func portMistake(signed, ours string) Mistake {
	switch {
	case signed == "":
		return PortAdded
	case ours == "":
		return PortDropped
	default:
		return PortDiffers
	}
}

func pathMistake(signed, ours string) Mistake {
	switch {
	case signed == ours+"/":
		return SlashDropped
	case signed+"/" == ours:
		return SlashAdded
	case singleSlashes(signed) == singleSlashes(ours):
		return SlashesChanged
	case ours != "" && strings.HasSuffix(signed, ours):
		return PrefixDropped
	case signed != "" && strings.HasSuffix(ours, signed):
		return PrefixAdded
	case plain(signed) == plain(ours):
		return PathReescaped
	default:
		return PathDiffers
	}
}

func queryMistake(signed, ours webhookURL) Mistake {
	a, b := signed.queryFields(), ours.queryFields()
	_, hashed := bodyHash(signed.query)
	_, hash := bodyHash(ours.query)
	switch {
	case hashed && !hash:
		return HashDropped
	case signed.query == "":
		return QueryAdded
	case len(b) > 0 && len(a) == len(b) && contains(a, b) && contains(b, a):
		return QueryReordered
	case plain(signed.query) == plain(ours.query):
		return QueryReescaped
	case contains(a, b):
		return QueryDropped
	case contains(b, a):
		return QueryAdded
	default:
		return QueryDiffers
	}
}

// contains reports whether every field of part is one of whole's.
func contains(whole, part []string) bool {
	for _, field := range part {
		if !slices.Contains(whole, field) {
			return false
		}
	}
	return true
}
