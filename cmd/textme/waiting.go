package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"textme/jobs"
	"textme/store"
)

// waiting collects what waits in the database, for all replicas alike. When
// the database does not answer in time, it only says so.
type waiting struct {
	store *store.Store
	queue *jobs.Queue
	log   *slog.Logger
}

// scrapeTime bounds the look into the database, well below the ten seconds
// after which Prometheus gives up.
const scrapeTime = 2 * time.Second

var (
	databaseUp   = prometheus.NewDesc("textme_database_up", "Whether the database answered this scrape; without it, what waits is not known.", nil, nil)
	jobsByState  = prometheus.NewDesc("textme_jobs", "Jobs that have not come to a good end, by state; counting stops at 10000.", []string{"state"}, nil)
	oldestDue    = prometheus.NewDesc("textme_queue_oldest_due_seconds", "How long the oldest job that could run has been waiting for a worker.", nil, nil)
	paused       = prometheus.NewDesc("textme_paused", "Pauses of sending because of an operator's error: of the account, and how many senders.", []string{"scope"}, nil)
	eventsParked = prometheus.NewDesc("textme_events_parked", "Events of Twilio's whose conversation is not known yet; counting stops at 10000.", nil, nil)
	oldestUnsent = prometheus.NewDesc("textme_messages_unsent_oldest_seconds", "How long the oldest text that could go out has not gone out.", nil, nil)
	callsHeld    = prometheus.NewDesc("textme_twilio_held_seconds", "How long Twilio wants no calls from now on, by its own word (Retry-After).", nil, nil)
	webhooksLost = prometheus.NewDesc("textme_webhooks_lost_total", "What asking Twilio told before a webhook did, by kind; state, participant, edit and deletion may be other programs' calls, which raise no webhook unless they ask for it. One that comes after all takes nothing off.", []string{"kind"}, nil)
)

// Describe implements prometheus.Collector.
func (waiting) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{databaseUp, jobsByState, oldestDue, paused, eventsParked, oldestUnsent, callsHeld, webhooksLost} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (w waiting) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	found, err := w.look(ctx)
	if err != nil {
		w.log.WarnContext(ctx, "metrics without the database", "err", err)
		gauge(databaseUp, 0)
		return
	}
	gauge(databaseUp, 1)
	for state, n := range found.depth.Jobs {
		gauge(jobsByState, float64(n), string(state))
	}
	gauge(oldestDue, found.depth.OldestDue.Seconds())
	gauge(paused, oneIf(found.backlog.AccountPaused), "account")
	gauge(paused, float64(found.backlog.SendersPaused), "sender")
	gauge(eventsParked, float64(found.backlog.EventsParked))
	gauge(oldestUnsent, found.backlog.OldestUnsent.Seconds())
	gauge(callsHeld, max(0, found.held.Seconds()))
	for kind, n := range found.lost {
		to <- prometheus.MustNewConstMetric(webhooksLost, prometheus.CounterValue, float64(n), kind)
	}
}

type found struct {
	depth   jobs.Depth
	backlog store.Backlog
	held    time.Duration
	lost    map[string]int64 // by kind
}

func (w waiting) look(ctx context.Context) (f found, err error) {
	if f.depth, err = w.queue.Depth(ctx); err != nil {
		return f, err
	}
	if f.backlog, err = w.store.Backlog(ctx); err != nil {
		return f, err
	}
	if f.held, err = w.store.HeldFor(ctx); err != nil {
		return f, err
	}
	f.lost, err = w.store.WebhooksLost(ctx)
	return f, err
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
