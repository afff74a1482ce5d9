package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"

	"textme/chat"
	"textme/forms"
	"textme/store"
)

type sourcesCommand struct {
	Add    sourcesAdd    `cmd:"" help:"Add a source. Prints a webhook source's secret and token, once."`
	List   sourcesList   `cmd:"" help:"List the sources."`
	Show   sourcesShow   `cmd:"" help:"Show a source; secrets are never shown."`
	Rotate sourcesRotate `cmd:"" help:"Give a webhook source a new secret and token. The present ones stay valid until the next rotation."`
}

type sourcesAdd struct {
	operatorSettings
	Key        string            `arg:"" help:"Its name in URLs: a-z, 0-9 and -."`
	Kind       string            `help:"page (hosted sign-up page), form (a website's own form) or webhook (a server or form vendor)." enum:"page,form,webhook" default:"page"`
	Business   string            `help:"Name of the business, as visitors know it." required:""`
	Sender     string            `help:"The number at Twilio that texts, +1…." required:""`
	Origins    []string          `help:"For a form: the web origins it is on, such as https://example.com."`
	Disclosure string            `help:"What the visitor agrees to; {business} stands for the name. Empty: the built-in text."`
	Welcome    string            `help:"The first text; {business} stands for the name. Empty: the built-in text."`
	Pitch      string            `help:"One sentence on the hosted page."`
	ThanksURL  string            `name:"thanks-url" help:"For a form: where the visitor goes afterwards. Empty: our page."`
	TermsURL   string            `name:"terms-url" help:"Link to the terms, beside the disclosure."`
	PrivacyURL string            `name:"privacy-url" help:"Link to the privacy policy, beside the disclosure."`
	Accent     string            `help:"Colour of the hosted page, #rrggbb."`
	Region     string            `help:"Country that numbers without + are read in, such as US. Empty: the sender's."`
	Consent    string            `help:"field: the consent field must say yes. vendor: the vendor's form asks for it." enum:"field,vendor" default:"field"`
	Field      map[string]string `help:"For a webhook: where our fields are in the payload, such as --field phone=data.phone."`
	JSON       bool              `name:"json" help:"Print JSON."`
}

// source checks the arguments and makes a source of them.
func (c *sourcesAdd) source() (chat.Source, error) {
	var bad problems
	if !chat.ValidSourceKey(c.Key) {
		bad.add("KEY", errors.New("only a-z, 0-9 and -, at most 63 characters"))
	}
	sender, err := chat.ParsePhone(c.Sender, "")
	bad.add("--sender", err)
	for _, o := range c.Origins {
		bad.add("--origins", checkOrigin(o))
	}
	for name, link := range map[string]string{"--thanks-url": c.ThanksURL, "--terms-url": c.TermsURL, "--privacy-url": c.PrivacyURL} {
		bad.add(name, checkLink(link))
	}
	for field, path := range c.Field {
		_, err := forms.ParsePath(path)
		bad.add("--field "+field, err)
	}
	if c.Kind == string(chat.FormSource) && len(c.Origins) == 0 {
		bad.require("--origins", "", "the pages that may post to a form source, such as https://example.com")
	}
	src := newSource(c.Key, chat.SourceKind(c.Kind), c.Business, sender)
	if c.Disclosure != "" {
		src.Disclosure = chat.ForBusiness(c.Disclosure, c.Business)
	}
	src.Origins = c.Origins
	src.Settings = chat.SourceSettings{
		Welcome: c.Welcome, Pitch: c.Pitch, ThanksURL: c.ThanksURL, TermsURL: c.TermsURL, PrivacyURL: c.PrivacyURL,
		Accent: c.Accent, Region: c.Region, Fields: c.Field,
	}
	if c.Consent == "vendor" {
		src.Settings.ConsentByUs = "vendor"
	}
	return src, bad.err()
}

func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || s != u.Scheme+"://"+u.Host {
		return fmt.Errorf("%q is not an origin such as https://example.com", s)
	}
	return nil
}

func checkLink(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not a web address such as https://example.com/thanks", s)
	}
	return nil
}

// Run adds the source.
func (c *sourcesAdd) Run(ctx context.Context, w world) error {
	src, err := c.source()
	if err != nil {
		return err
	}
	var k credentials
	if src.Kind == chat.WebhookSource {
		if k, err = newCredentials(); err != nil {
			return err
		}
		src.Secrets, src.TokenHashes = [][]byte{k.key}, [][]byte{k.hash}
	}
	return c.withStore(ctx, func(st *store.Store) error {
		src, err := st.CreateSource(ctx, src)
		if errors.Is(err, store.ErrTaken) {
			return usageError{fmt.Errorf("a source %q exists already", c.Key)}
		}
		if err != nil {
			return err
		}
		return printSource(w, src, k, c.JSON)
	})
}

// credentials are a webhook source's secret and token, to be shown once.
type credentials struct {
	Secret string `json:"secret"`
	Token  string `json:"token"`
	key    []byte
	hash   []byte
}

func newCredentials() (credentials, error) {
	k := credentials{Secret: forms.GenerateSecret(), Token: forms.GenerateToken()}
	var err error
	if k.key, err = forms.ParseSecret(k.Secret); err != nil {
		return k, err
	}
	hash := forms.HashToken(k.Token)
	k.hash = hash[:]
	return k, nil
}

type sourcesList struct {
	operatorSettings
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists the sources.
func (c *sourcesList) Run(ctx context.Context, w world) error {
	return c.withStore(ctx, func(st *store.Store) error {
		list, err := st.Sources(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			views := make([]sourceView, 0, len(list))
			for _, src := range list {
				views = append(views, viewSource(src))
			}
			return printJSON(w, views)
		}
		t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "KEY\tKIND\tBUSINESS\tSENDER\tSTATE")
		for _, src := range list {
			state := "open"
			if src.Disabled {
				state = "disabled"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", src.Key, src.Kind, src.Business, string(src.Sender), state)
		}
		return t.Flush()
	})
}

type sourcesShow struct {
	operatorSettings
	Key  string `arg:"" help:"The source."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run shows one source.
func (c *sourcesShow) Run(ctx context.Context, w world) error {
	return c.withStore(ctx, func(st *store.Store) error {
		src, err := st.SourceByKey(ctx, c.Key)
		if err != nil {
			return noSource(err, c.Key)
		}
		return printSource(w, src, credentials{}, c.JSON)
	})
}

type sourcesRotate struct {
	operatorSettings
	Key  string `arg:"" help:"The source."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run rotates one source's credentials.
func (c *sourcesRotate) Run(ctx context.Context, w world) error {
	return c.withStore(ctx, func(st *store.Store) error {
		src, err := st.SourceByKey(ctx, c.Key)
		if err != nil {
			return noSource(err, c.Key)
		}
		if src.Kind != chat.WebhookSource {
			return usageError{fmt.Errorf("a %s source has no secret; only webhook sources do", src.Kind)}
		}
		k, err := newCredentials()
		if err != nil {
			return err
		}
		if err := st.RotateSource(ctx, c.Key, k.key, k.hash); err != nil {
			return err
		}
		if src, err = st.SourceByKey(ctx, c.Key); err != nil {
			return err
		}
		return printSource(w, src, k, c.JSON)
	})
}

func noSource(err error, key string) error {
	if errors.Is(err, chat.ErrNotFound) {
		return usageError{fmt.Errorf("there is no source %q; textme sources list shows those there are", key)}
	}
	return err
}

// sourceView is a source as it is printed: everything but its secrets.
type sourceView struct {
	Key               string              `json:"key"`
	Kind              chat.SourceKind     `json:"kind"`
	Business          string              `json:"business"`
	Sender            string              `json:"sender"`
	Disclosure        string              `json:"disclosure"`
	DisclosureVersion int64               `json:"disclosure_version"`
	DisclosureSHA256  string              `json:"disclosure_sha256"`
	Origins           []string            `json:"origins,omitempty"`
	Secrets           int                 `json:"secrets"` // how many are valid
	Disabled          bool                `json:"disabled"`
	Settings          chat.SourceSettings `json:"settings"`
	Credentials       *credentials        `json:"credentials,omitempty"`
}

func viewSource(src chat.Source) sourceView {
	return sourceView{
		Key: src.Key, Kind: src.Kind, Business: src.Business, Sender: string(src.Sender),
		Disclosure: src.Disclosure, DisclosureVersion: src.DisclosureVersion, DisclosureSHA256: hex.EncodeToString(src.DisclosureSHA256),
		Origins: src.Origins, Secrets: len(src.Secrets), Disabled: src.Disabled, Settings: src.Settings,
	}
}

// printSource prints a source, with its new credentials if there are any.
func printSource(w world, src chat.Source, k credentials, asJSON bool) error {
	v := viewSource(src)
	if k.Secret != "" {
		v.Credentials = &k
	}
	if asJSON {
		return printJSON(w, v)
	}
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "key\t%s\nkind\t%s\nbusiness\t%s\nsender\t%s\ndisclosure %d\t%s\n", v.Key, v.Kind, v.Business, v.Sender, v.DisclosureVersion, v.Disclosure)
	for _, o := range v.Origins {
		fmt.Fprintf(t, "origin\t%s\n", o)
	}
	if v.Kind == chat.WebhookSource {
		fmt.Fprintf(t, "valid secrets\t%d\n", v.Secrets)
	}
	if v.Credentials != nil {
		fmt.Fprintf(t, "signing secret\t%s\nbearer token\t%s\n\tKeep them now: they are not shown again.\n", k.Secret, k.Token)
	}
	return t.Flush()
}
