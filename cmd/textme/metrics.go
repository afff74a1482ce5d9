package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"textme/jobs"
)

// metrics are what the process counts while it works. Labels are words of ours
// (routes, kinds, names of calls, codes) and never hold what came from outside.
//
// Whether workers live shows twice: the time of the last job stands still, and
// textme_queue_oldest_due_seconds, read from the database at every scrape,
// rises while sign-ups are still accepted.
type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.HistogramVec
	calls        *prometheus.CounterVec
	callTime     *prometheus.HistogramVec
	runs         *prometheus.CounterVec
	runTime      *prometheus.HistogramVec
	lastFinished *prometheus.GaugeVec
	webhooks     *prometheus.CounterVec
}

// buckets span what a request or a call may take, in seconds.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "textme_http_request_seconds", Help: "How long requests took, by route pattern and status.", Buckets: buckets,
		}, []string{"method", "route", "status"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "textme_twilio_calls_total", Help: "Calls to Twilio, by HTTP status (0: no answer) and Twilio's error code (0: none).",
		}, []string{"op", "status", "code"}),
		callTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "textme_twilio_call_seconds", Help: "How long calls to Twilio took.", Buckets: buckets,
		}, []string{"op"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "textme_job_runs_total", Help: "Runs of jobs, and of what runs regularly, by how they ended.",
		}, []string{"kind", "result"}),
		runTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "textme_job_run_seconds", Help: "How long runs took.", Buckets: buckets,
		}, []string{"kind"}),
		lastFinished: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "textme_job_last_finished_timestamp_seconds", Help: "When the last run of each kind ended in this process: its workers' heartbeat.",
		}, []string{"kind"}),
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "textme_webhooks_verified_total", Help: "Genuine webhooks of Twilio's, by the auth token that signed them.",
		}, []string{"token"}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.calls, m.callTime, m.runs, m.runTime, m.lastFinished, m.webhooks,
	)
	return m
}

// request implements handlers.Config.Observe.
func (m *metrics) request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// call implements twilio.Observe.
func (m *metrics) call(op string, status, code int, took time.Duration) {
	m.calls.WithLabelValues(op, strconv.Itoa(status), strconv.Itoa(code)).Inc()
	m.callTime.WithLabelValues(op).Observe(took.Seconds())
}

// run implements jobs.Observe.
func (m *metrics) run(kind string, result jobs.Result, took time.Duration) {
	m.runs.WithLabelValues(kind, string(result)).Inc()
	m.runTime.WithLabelValues(kind).Observe(took.Seconds())
	m.lastFinished.WithLabelValues(kind).SetToCurrentTime()
}

// webhook counts a genuine webhook.
func (m *metrics) webhook(token string) { m.webhooks.WithLabelValues(token).Inc() }

// handler serves the metrics at /metrics, with what waits added at each scrape.
func (m *metrics) handler(w waiting) http.Handler {
	m.registry.MustRegister(w)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
