package twiliosim

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// defaultPageSize is what a list without PageSize gets.
const defaultPageSize = 50

// pageOf describes one kind of list.
type pageOf[T any] struct {
	path string // under /v1 or the service, without the query
	key  string // of the array in the answer
	max  int    // largest page; a larger PageSize is cut to it (assumed)
	desc bool
	seq  func(T) uint64 // order of creation
	show func(T) map[string]any
}

// page cuts one page out of all, which is in ascending order of seq. A page is
// addressed by the record it starts after (or ends before), so records that
// come or go meanwhile are neither repeated nor skipped.
func page[T any](c *call, all []T, p pageOf[T]) (any, *apiError) {
	size, number, token, err := c.pageParams(p.max)
	if err != nil {
		return nil, err
	}
	if p.desc {
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	start, end := 0, min(size, len(all))
	switch {
	case token.backward:
		end = cut(all, token.seq, p, false)
		start = max(0, end-size)
	case token.given:
		start = cut(all, token.seq, p, true)
		end = min(start+size, len(all))
	}
	shown := make([]map[string]any, 0, end-start)
	for _, v := range all[start:end] {
		shown = append(shown, p.show(v))
	}
	address := func(number int, token string) string {
		q := url.Values{}
		for name, v := range c.form {
			if name != "Page" && name != "PageToken" && name != "PageSize" {
				q[name] = v
			}
		}
		head := fmt.Sprintf("PageSize=%d&Page=%d", size, number)
		if len(q) > 0 {
			head = q.Encode() + "&" + head
		}
		if token != "" {
			head += "&PageToken=" + token
		}
		return c.url(p.path) + "?" + head
	}
	meta := map[string]any{
		"page": number, "page_size": size, "key": p.key,
		"first_page_url":    address(0, ""),
		"previous_page_url": nil,
		"next_page_url":     nil,
		"url":               address(number, c.form.Get("PageToken")),
	}
	if start > 0 && start < len(all) {
		meta["previous_page_url"] = address(max(0, number-1), fmt.Sprintf("PB%x", p.seq(all[start])))
	}
	if end < len(all) && end > start {
		meta["next_page_url"] = address(number+1, fmt.Sprintf("PA%x", p.seq(all[end-1])))
	}
	return map[string]any{p.key: shown, "meta": meta}, nil
}

// cut finds the first record after (or at or after) the one numbered seq.
func cut[T any](all []T, seq uint64, p pageOf[T], after bool) int {
	for i, v := range all {
		n := p.seq(v)
		if n == seq && !after || n > seq && !p.desc || n < seq && p.desc {
			return i
		}
	}
	return len(all)
}

type pageToken struct {
	given, backward bool
	seq             uint64
}

func (c *call) pageParams(most int) (size, number int, token pageToken, err *apiError) {
	size = min(defaultPageSize, most)
	if v, sent := c.text("PageSize"); sent {
		n, perr := strconv.Atoi(v)
		if perr != nil || n < 1 {
			return 0, 0, token, invalid("PageSize")
		}
		size = min(n, most)
	}
	if v, sent := c.text("Page"); sent {
		n, perr := strconv.Atoi(v)
		if perr != nil || n < 0 {
			return 0, 0, token, invalid("Page")
		}
		number = n
	}
	v := c.form.Get("PageToken")
	if v == "" {
		// Page numbers alone cannot be computed: the address comes from meta.
		if number > 0 {
			return 0, 0, token, invalid("PageToken")
		}
		return size, number, token, nil
	}
	digits, back := strings.CutPrefix(v, "PB")
	if !back {
		digits, token.given = strings.CutPrefix(v, "PA")
	}
	seq, perr := strconv.ParseUint(digits, 16, 64)
	if perr != nil || !back && !token.given {
		return 0, 0, token, invalid("PageToken")
	}
	return size, number, pageToken{given: true, backward: back, seq: seq}, nil
}
