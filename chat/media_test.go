package chat

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadMedia(t *testing.T) {
	t.Parallel()
	photo := File{SID: "ME1", Name: "photo.jpg", Type: "image/jpeg", Size: 81920}
	tests := map[string]struct {
		media string
		want  []File
	}{
		"none":             {``, nil},
		"null":             {`null`, nil},
		"empty":            {`[]`, nil},
		"by the API":       {`[{"category":"media","sid":"ME1","size":81920,"content_type":"image/jpeg","filename":"photo.jpg"}]`, []File{photo}},
		"by a webhook":     {`[{"Category":"media","Sid":"ME1","Size":"81920","ContentType":"image/jpeg","Filename":"photo.jpg"}]`, []File{photo}},
		"in a service":     {`[{"sid":"ME1","service_sid":"IS1"}]`, []File{{SID: "ME1", Service: "IS1"}}},
		"without a name":   {`[{"sid":"ME1","filename":null,"content_type":"image/jpeg"}]`, []File{{SID: "ME1", Type: "image/jpeg"}}},
		"two":              {`[{"sid":"ME1"},{"sid":"ME2"}]`, []File{{SID: "ME1"}, {SID: "ME2"}}},
		"odd sizes":        {`[{"size":-1},{"size":"many"},{"size":[]}]`, []File{{}, {}, {}}},
		"not a list":       {`{"sid":"ME1"}`, nil},
		"a list of others": {`["ME1"]`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, ReadMedia(json.RawMessage(tt.media))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
