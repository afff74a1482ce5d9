package twiliosim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// What an MMS can carry:
// https://www.twilio.com/docs/conversations-classic/conversations-limits
const (
	maxFiles    = 10
	maxFileSize = 5e6 // bytes, of all together
)

// File is a file that a handset sends with a text. The simulator has what Twilio
// tells of it, and not the file.
type File struct {
	SID  string `json:"sid"` // ME…; the simulator gives it
	Name string `json:"name,omitempty"`
	Type string `json:"type"` // such as image/jpeg
	Size int    `json:"size"` // bytes
}

func checkFiles(files []File) error {
	size := 0
	for _, f := range files {
		if f.Type == "" || f.Size <= 0 {
			return errors.New("a file has no type or no size")
		}
		size += f.Size
	}
	if len(files) > maxFiles || size > maxFileSize {
		return fmt.Errorf("%d files of %d bytes are too much for one text", len(files), size)
	}
	return nil
}

// named gives the files of one text their SIDs.
func (c *change) named(files []File) []File {
	var named []File
	for _, f := range files {
		f.SID = c.s.ids.next("ME")
		named = append(named, f)
	}
	return named
}

// showMedia is the API's list of a message's files, null without any:
// https://www.twilio.com/docs/conversations-classic/api/conversation-message-resource
func showMedia(files []File) any {
	if len(files) == 0 {
		return nil
	}
	list := make([]map[string]any, len(files))
	for i, f := range files {
		list[i] = map[string]any{"category": "media", "sid": f.SID, "size": f.Size, "content_type": f.Type, "filename": orNull(f.Name)}
	}
	return list
}

// setMedia adds the list to a webhook, as JSON in one parameter and in names of its
// own: https://www.twilio.com/docs/conversations-classic/conversations-webhooks
func setMedia(params url.Values, files []File) {
	if len(files) == 0 {
		return
	}
	list := make([]map[string]any, len(files))
	for i, f := range files {
		list[i] = map[string]any{"Category": "media", "Sid": f.SID, "Size": f.Size, "ContentType": f.Type, "Filename": orNull(f.Name)}
	}
	b, _ := json.Marshal(list) // strings and numbers cannot fail
	params.Set("Media", string(b))
}

// setClassicMedia adds the files to the classic webhook, a parameter each:
// https://www.twilio.com/docs/messaging/guides/webhook-request
func (c *change) setClassicMedia(params url.Values, t Text) {
	params.Set("NumMedia", strconv.Itoa(len(t.Files)))
	for i, f := range t.Files {
		n := strconv.Itoa(i)
		params.Set("MediaContentType"+n, f.Type)
		params.Set("MediaUrl"+n, "https://api.twilio.com/2010-04-01/Accounts/"+c.s.opts.AccountSID+"/Messages/"+t.ID+"/Media/"+f.SID)
	}
}
