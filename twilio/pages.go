package twilio

import (
	"context"
	"encoding/json"
	"errors"

	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// maxPages ends a list whose pages go round in a circle.
const maxPages = 2000

// meta is what every page says of itself.
type meta = conversations.ListConfigurationAddressResponseMeta

// listing is one list of the API. P is the SDK's page of it.
type listing[P any] struct {
	op  string
	key string // Meta.Key of its pages
	// first asks for the first page; the others are where the last one says.
	first func(*conversations.ApiService) (*P, error)
	meta  func(*P) meta
	// take uses a page and reports whether to go on. It returns errUnreadable
	// for a page that is not to be believed.
	take func(*P) (more bool, err error)
}

// read asks for one page after another, each a call with its own time limit.
func (l listing[P]) read(ctx context.Context, c *Client) error {
	next := ""
	for range maxPages {
		more := false
		err := c.call(ctx, l.op, false, func(api *conversations.ApiService) error {
			page, err := l.page(api, next)
			if err != nil {
				return err
			}
			m := l.meta(page)
			if m.Key != l.key { // null, or another list: not the end of this one
				return errUnreadable
			}
			if more, err = l.take(page); err != nil {
				return err
			}
			next = deref(m.NextPageUrl)
			return nil
		})
		if err != nil {
			return err
		}
		if !more || next == "" {
			return nil
		}
	}
	return &chat.TwilioError{Op: l.op, Err: errors.New("the list has no end")}
}

func (l listing[P]) page(api *conversations.ApiService, next string) (*P, error) {
	if next == "" {
		return l.first(api)
	}
	return at[P](next)(api)
}

// at asks for the page that is at an address.
func at[P any](address string) func(*conversations.ApiService) (*P, error) {
	return func(api *conversations.ApiService) (*P, error) {
		page := new(P)
		return page, get(api, address, page)
	}
}

// get reads what is at an address into a value.
func get(api *conversations.ApiService, address string, into any) error {
	res, err := api.RequestHandler().Get(address, nil, nil, "")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // in memory already
	if json.NewDecoder(res.Body).Decode(into) != nil {
		return errUnreadable
	}
	return nil
}
