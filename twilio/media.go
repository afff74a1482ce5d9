package twilio

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"

	"textme/chat"
)

var mediaPattern = regexp.MustCompile(`^ME[0-9a-fA-F]{32}$`)

// mediaJSON is Twilio's array of media metadata as we store it, nil without media.
// Each file is told which Conversation Service keeps it, if that is known: it is
// part of the file's address, and is said beside the array, if at all. One that
// cannot be read is as good as none.
func mediaJSON(files []any, service string) json.RawMessage {
	if len(files) == 0 {
		return nil
	}
	if servicePattern.MatchString(service) {
		for _, file := range files {
			if file, ok := file.(map[string]any); ok {
				file["service_sid"] = service
			}
		}
	}
	b, _ := json.Marshal(cleanAll(files)) // decoded JSON cannot fail
	return b
}

// keeperOf is the Conversation Service that keeps the files of these messages of a
// conversation, "" if they have none. Only the conversation itself tells which one
// the account's default is.
func (c *Client) keeperOf(ctx context.Context, sid chat.ConversationSID, messages ...message) (service string, err error) {
	if c.serviceSID != "" || !slices.ContainsFunc(messages, func(m message) bool { return len(m.Media) > 0 }) {
		return c.serviceSID, nil
	}
	r, err := c.FetchConversationResource(ctx, string(sid))
	return deref(r.ChatServiceSID), err
}

// mediaURL is where the Media service is, which Twilio names by region and by no edge
// (https://www.twilio.com/docs/conversations-classic/api/media-resource). A simulator
// would stand for it as well.
func mediaURL(cfg Config, base *url.URL) *url.URL {
	if cfg.BaseURL != "" {
		return base
	}
	return &url.URL{Scheme: "https", Host: "mcs." + cmp.Or(cfg.Region, "us1") + ".twilio.com"}
}

// FileURL is the address of a file at Twilio, which asks whoever opens it for
// credentials of their own; "" where what is known of the file makes none. What a
// payload says is in it only if it is a SID.
func (c *Client) FileURL(f chat.File) string {
	if !servicePattern.MatchString(f.Service) || !mediaPattern.MatchString(f.SID) {
		return ""
	}
	return c.media.JoinPath("v1", "Services", f.Service, "Media", f.SID, "Content").String()
}
