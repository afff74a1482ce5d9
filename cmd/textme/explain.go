package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"textme/twilio"
)

type explainCommand struct {
	URL                      string   `name:"url" help:"The webhook's URL as received; or its path and query alone, which PUBLIC_URL then comes before." required:""`
	PublicURL                string   `name:"public-url" help:"How the service is configured. Empty: --url is taken as it is."`
	Signature                string   `help:"The value of X-Twilio-Signature." required:""`
	BodyFile                 string   `help:"File with the body as received, byte for byte; - is standard input." default:"-"`
	ContentType              string   `help:"The value of Content-Type." default:"application/x-www-form-urlencoded"`
	Header                   []string `help:"Another header as received, such as \"Host: example.com\" or \"X-Forwarded-Prefix: /texts\": a guess to try. May be repeated." sep:"none"`
	ConfiguredURL            []string `name:"configured-url" help:"What may stand in Twilio's settings: another guess. May be repeated." sep:"none"`
	TwilioAccountSID         string   `name:"twilio-account-sid" help:"The account that the webhook should be of, AC…."`
	TwilioAuthToken          string   `help:"The account's auth token; it signs the webhooks." secret:""`
	TwilioAuthTokenSecondary string   `help:"Another token that may have signed it." secret:""`
	JSON                     bool     `name:"json" help:"Print JSON."`
}

// errNotValid is the outcome of explain-signature that is not the good one. The
// explanation itself is the command's output.
var errNotValid = errors.New("the signature is not valid")

// Run explains. Nothing is sent anywhere.
func (c *explainCommand) Run(_ context.Context, w world) error {
	var bad problems
	bad.require("TWILIO_AUTH_TOKEN", c.TwilioAuthToken, "the one whose webhooks these should be")
	capture, err := c.capture()
	bad.add("--header", err)
	if err := bad.err(); err != nil {
		return err
	}
	if capture.Body, err = c.body(w); err != nil {
		return usageError{fmt.Errorf("--body-file: %w", err)}
	}
	e, err := twilio.Explain(capture, tokens(twilioSettings{TwilioAuthToken: c.TwilioAuthToken, TwilioAuthTokenSecondary: c.TwilioAuthTokenSecondary})...)
	if err != nil {
		return usageError{err}
	}
	if c.JSON {
		err = printJSON(w, e)
	} else {
		err = printExplanation(w, e)
	}
	if err == nil && !e.Valid {
		return errNotValid
	}
	return err
}

// capture is the webhook without its body.
func (c *explainCommand) capture() (twilio.Capture, error) {
	header := http.Header{}
	for _, line := range c.Header {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return twilio.Capture{}, errors.New("want a name, a colon and a value")
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	header.Set("Content-Type", c.ContentType)
	header.Set("X-Twilio-Signature", c.Signature)
	capture := twilio.Capture{Header: header, AccountSID: c.TwilioAccountSID, Others: c.ConfiguredURL, PublicURL: c.PublicURL, RequestURI: c.URL}
	scheme, rest, absolute := strings.Cut(c.URL, "://")
	if !absolute || strings.HasPrefix(c.URL, "/") {
		return capture, nil
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	origin := scheme + "://" + rest[:end]
	capture.RequestURI = rest[end:]
	if c.PublicURL != "" {
		capture.Others = append(capture.Others, c.URL)
	}
	capture.PublicURL = cmp.Or(c.PublicURL, origin)
	return capture, nil
}

func (c *explainCommand) body(w world) ([]byte, error) {
	in := w.in
	if c.BodyFile != "-" {
		f, err := os.Open(c.BodyFile)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	return io.ReadAll(io.LimitReader(in, twilio.MaxWebhook+1)) // one more shows that it is too long
}

func printExplanation(w world, e twilio.Explanation) error {
	var b strings.Builder
	if e.Valid {
		b.WriteString("The signature is valid.\n")
	} else {
		fmt.Fprintf(&b, "The webhook is refused: %s.\n", e.Reason)
	}
	switch {
	case e.Match != nil:
		fmt.Fprintf(&b, "It would have matched: %s\n", e.Match.URL)
		for _, d := range e.Match.Differences {
			fmt.Fprintf(&b, "\n  %s", d.Mistake)
			if d.Signed != d.Received {
				fmt.Fprintf(&b, ": Twilio signed %s, this service has %s", cmp.Or(d.Signed, "none"), cmp.Or(d.Received, "none"))
			}
			fmt.Fprintf(&b, "\n    %s\n", d.Advice)
		}
	case e.Reason == twilio.NoMatch:
		fmt.Fprintf(&b, "Nothing matched in %d guesses: if URL and body are as they were received, another token signed it.\n", e.Tried)
	}
	for _, hint := range e.Hints {
		fmt.Fprintf(&b, "Note: %s.\n", hint)
	}
	_, err := io.WriteString(w.out, b.String())
	return err
}
