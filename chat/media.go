package chat

import (
	"encoding/json"
	"strconv"
	"strings"
)

// File is what is known of a file that came with a text. The file itself stays
// at Twilio.
type File struct {
	SID     string // ME…; may be empty, as may every part
	Service string // IS…, the Conversation Service that keeps it
	Name    string
	Type    string // such as image/jpeg
	Size    int64  // bytes; 0: not known
}

// ReadMedia reads Twilio's array of media metadata. The API writes its names in
// snake case and sizes as numbers, webhooks in camel case and, at times, as
// strings. What is not understood is left empty; nil and any other JSON give
// no files.
func ReadMedia(media json.RawMessage) []File {
	var list []map[string]any
	if err := json.Unmarshal(media, &list); err != nil {
		return nil
	}
	var files []File
	for _, entry := range list {
		var f File
		for name, value := range entry {
			text, _ := value.(string)
			switch strings.ToLower(strings.ReplaceAll(name, "_", "")) {
			case "sid":
				f.SID = text
			case "servicesid":
				f.Service = text
			case "filename":
				f.Name = text
			case "contenttype":
				f.Type = text
			case "size":
				f.Size = sizeOf(value)
			}
		}
		files = append(files, f)
	}
	return files
}

func sizeOf(value any) int64 {
	switch v := value.(type) {
	case float64:
		return max(0, int64(v))
	case string:
		n, _ := strconv.ParseInt(v, 10, 64) // 0 when it is no number
		return max(0, n)
	}
	return 0
}
