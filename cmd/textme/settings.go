package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"textme/bot"
	"textme/chat"
	"textme/handlers"
	"textme/store"
	"textme/store/pgembed"
	"textme/twilio"
)

// databaseSettings say which database to use.
type databaseSettings struct {
	DatabaseURL        string `help:"Postgres to use, as a URL. dev: empty runs an embedded one." secret:""`
	DatabaseMigrateURL string `help:"The same database as the role that owns the schema; empty: DATABASE_URL." secret:""`
	DatabaseConns      int    `help:"Connections to the database at the most, divided among jobs, webhooks, forms and staff." default:"17"`
	DataDir            string `help:"Folder for what textme keeps on this machine; empty: /var/lib/textme for root, else ~/.local/state/textme."`
}

// keySettings hold the secret that everything kept sealed depends on.
type keySettings struct {
	SecretKey string `help:"At least 32 random characters. Seals secrets and hashes phones: keep it, and keep it apart from the database." secret:""`
}

// twilioSettings are the account.
type twilioSettings struct {
	TwilioAccountSID          string `name:"twilio-account-sid" help:"The account, AC…."`
	TwilioAuthToken           string `help:"The account's auth token; it also signs the webhooks." secret:""`
	TwilioAuthTokenSecondary  string `help:"A second token accepted on webhooks, while tokens are rotated." secret:""`
	TwilioAPIKeySID           string `name:"twilio-api-key-sid" help:"An API key, SK…, used for calls instead of the auth token."`
	TwilioAPIKeySecret        string `name:"twilio-api-key-secret" help:"The API key's secret." secret:""`
	TwilioMessagingServiceSID string `name:"twilio-messaging-service-sid" help:"The messaging service, MG…, that conversations send through."`
	TwilioServiceSID          string `name:"twilio-service-sid" help:"The Conversations service, IS…; empty: the account's default one."`
	TwilioBaseURL             string `name:"twilio-base-url" help:"Where Twilio's API is, for a simulator on this machine. Loopback addresses only."`
}

// serviceSettings shape the running service. Every limit may be off.
type serviceSettings struct {
	Listen         string   `help:"Address to serve on; port 0 picks a free one." default:"127.0.0.1:8080"`
	MetricsListen  string   `help:"Address for Prometheus metrics at /metrics." default:"off"`
	PublicURL      string   `name:"public-url" help:"How the world reaches the service, https://…; Twilio signs it. dev: empty means the address served on."`
	TrustedProxies []string `help:"Addresses or networks of proxies whose X-Forwarded-For is believed, comma-separated."`
	TwilioSender   string   `help:"Our phone number at Twilio, +1…, for the first source and for participants add."`
	BusinessName   string   `help:"Name of the business, for the first source."`
	BotScript      string   `help:"File with the bot's keywords and answers. Empty: the bot is silent (dev: an example)." type:"path"`

	policySettings

	SignupRate    offRate       `help:"Sign-ups per address and time, such as 30/1h. Loopback addresses are not counted." default:"30/1h"`
	HookRate      offRate       `help:"Form hooks per address and time." default:"600/1m"`
	CreateRate    offRate       `help:"Conversations created at Twilio per time, by all replicas." default:"30/1s"`
	SenderRate    offRate       `help:"Texts per sender and time, by all replicas. Twilio queues what is faster than the carrier allows." default:"off"`
	ReconcileRate offRate       `help:"Calls to Twilio per time that this may cost, by all replicas." default:"5/1s"`
	Workers       int           `help:"Jobs that run at once." default:"32"`
	RescueAfter   time.Duration `help:"When the work of a process that died is taken up again. A call to Twilio may take two fifteenths of it." default:"30s"`
	LogFormat     string        `help:"json or text." enum:"json,text" default:"json"`
	LogLevel      string        `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
}

// policySettings are the rules on whom to text, and when.
type policySettings struct {
	Regions          []string `help:"Countries whose numbers are texted, such as US,CA; * for all. Empty: the sender's own."`
	WelcomeEvery     offTime  `help:"At most one welcome text per number in this time." default:"24h"`
	RetryFailedAfter offTime  `help:"How long a number that failed is left alone before a new sign-up tries it again." default:"168h"`
	AdoptUnclaimed   bool     `help:"Let a sign-up take over the conversation at Twilio that holds the number, if nobody has marked it as theirs. One in which somebody texts us is ours in any case." default:"true" negatable:""`
	QuietHours       string   `help:"Hours, in the recipient's local time, in which only answers to their own acts go out, such as 21:00-08:00." default:"off"`
	ReconcileEvery   offTime  `help:"How often Twilio is asked, about conversations that were active within a day, for what webhooks did not tell. Quieter ones less often, down to once a week." default:"10m"`
}

// check looks at what their types leave open.
func (s policySettings) check(bad *problems) (quiet chat.QuietHours) {
	for _, r := range s.Regions {
		if r != chat.AnyRegion && !regionPattern.MatchString(r) {
			bad.add("REGIONS", fmt.Errorf("%q is not a two-letter country code", r))
		}
	}
	quiet, err := chat.ParseQuietHours(s.QuietHours)
	bad.add("QUIET_HOURS", err)
	return quiet
}

// settings are everything serve and dev take.
type settings struct {
	databaseSettings
	keySettings
	twilioSettings
	serviceSettings
}

// checked are settings that were found good, in the types the parts want.
type checked struct {
	settings
	publicURL *url.URL
	proxies   []netip.Prefix
	sender    chat.Phone
	script    *bot.Script
	quiet     chat.QuietHours
}

// check parses the settings and names every bad or missing one in one error.
func (s settings) check() (checked, error) {
	c := checked{settings: s}
	var bad problems
	bad.require("DATABASE_URL", s.DatabaseURL, "a Postgres URL")
	bad.require("SECRET_KEY", s.SecretKey, "at least 32 random characters, such as `openssl rand -hex 32` prints")
	if s.SecretKey != "" && len(s.SecretKey) < chat.MinSecret {
		bad.add("SECRET_KEY", fmt.Errorf("has %d characters, at least %d are needed", len(s.SecretKey), chat.MinSecret))
	}
	s.twilioSettings.check(&bad)
	var err error
	if s.PublicURL == "" {
		bad.require("PUBLIC_URL", "", "the https URL that Twilio calls")
	} else if err = twilio.CheckPublicURL(s.PublicURL); err != nil {
		bad.add("PUBLIC_URL", err)
	} else {
		c.publicURL, err = url.Parse(strings.TrimSuffix(s.PublicURL, "/"))
		bad.add("PUBLIC_URL", err)
	}
	for _, p := range s.TrustedProxies {
		prefix, err := parseNetwork(p)
		bad.add("TRUSTED_PROXIES", err)
		c.proxies = append(c.proxies, prefix)
	}
	if s.TwilioSender != "" {
		c.sender, err = chat.ParsePhone(s.TwilioSender, "")
		bad.add("TWILIO_SENDER", err)
	}
	c.script, err = readScript(s.BotScript)
	bad.add("BOT_SCRIPT", err)
	c.quiet = s.policySettings.check(&bad)
	if s.DatabaseConns < store.MinConns {
		bad.add("DATABASE_CONNS", fmt.Errorf("at least %d are needed", store.MinConns))
	}
	if s.RescueAfter < time.Second {
		bad.add("RESCUE_AFTER", errors.New("at least 1s is needed"))
	}
	if s.Workers < 1 {
		bad.add("WORKERS", errors.New("at least 1 is needed"))
	}
	return c, bad.err()
}

var (
	regionPattern  = regexp.MustCompile(`^[A-Z]{2}$`)
	accountPattern = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
)

func (s twilioSettings) check(bad *problems) {
	if !accountPattern.MatchString(s.TwilioAccountSID) {
		bad.require("TWILIO_ACCOUNT_SID", "", "AC and 32 hex digits, from Twilio's console")
	}
	if s.TwilioAuthToken == "" {
		bad.require("TWILIO_AUTH_TOKEN", "", "from Twilio's console")
	} else {
		bad.add("TWILIO_AUTH_TOKEN", twilio.CheckAuthToken(s.TwilioAuthToken))
	}
	if s.TwilioAuthTokenSecondary != "" {
		bad.add("TWILIO_AUTH_TOKEN_SECONDARY", twilio.CheckAuthToken(s.TwilioAuthTokenSecondary))
	}
	if (s.TwilioAPIKeySID == "") != (s.TwilioAPIKeySecret == "") {
		bad.add("TWILIO_API_KEY_SID", errors.New("goes together with TWILIO_API_KEY_SECRET"))
	}
}

func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network", s)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func readScript(file string) (*bot.Script, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no script is a silent bot
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return bot.ParseScript(text)
}

// dataDir is the folder for what textme keeps on this machine.
func (s databaseSettings) dataDir() (string, error) {
	if s.DataDir != "" {
		return s.DataDir, nil
	}
	return pgembed.DataDir()
}

// problems collects what is wrong with the settings.
type problems []string

func (p *problems) add(name string, err error) {
	if err != nil {
		*p = append(*p, name+": "+err.Error())
	}
}

func (p *problems) require(name, value, what string) {
	if value == "" {
		*p = append(*p, name+" is missing: "+what)
	}
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return usageError{errors.New("the settings need attention:\n  " + strings.Join(p, "\n  "))}
}

// offTime is a duration such as 24h, or off, which is zero.
type offTime time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *offTime) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*t = 0
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return errors.New("want a time such as 24h, or off")
	}
	*t = offTime(d)
	return nil
}

// offRate is a rate such as 30/1h, or off.
type offRate handlers.Rate

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *offRate) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*r = offRate{}
		return nil
	}
	count, span, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(count)
	d, derr := time.ParseDuration(span)
	if err != nil || derr != nil || n < 1 || d <= 0 {
		return errors.New("want a number and a time such as 30/1h, or off")
	}
	*r = offRate{Burst: n, Every: d / time.Duration(n)}
	return nil
}
