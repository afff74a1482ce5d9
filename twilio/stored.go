package twilio

import (
	"encoding/json"
	"fmt"
	"slices"

	"textme/chat"
)

// DecodePayload reads an event's stored payload back into the event. The
// payload's signature was checked when it came; here it is data. A payload
// that is no JSON object of strings and arrays of strings is an error.
func DecodePayload(payload json.RawMessage) (chat.Event, error) {
	var object map[string]any
	if err := json.Unmarshal(payload, &object); err != nil {
		return chat.Event{}, fmt.Errorf("stored payload: %w", err)
	}
	var ps params
	for name, value := range object {
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		for _, v := range values {
			text, ok := v.(string)
			if !ok {
				return chat.Event{}, fmt.Errorf("stored payload: %s is not text", name)
			}
			ps = append(ps, param{name: []byte(name), value: []byte(text)})
		}
	}
	slices.SortFunc(ps, param.compare)
	r := reader{params: ps}
	return r.event(), nil
}
