package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the report. Zero values are left out.
type row struct {
	goal, what string
	rate       float64 // per second
	limit      float64 // the database's own, per second
	p50, p99   time.Duration
	service    time.Duration // processor time of the service for one request
	postgres   time.Duration // the same of all of Postgres
	memory     int64         // highest resident memory of the service, in bytes
	busy       float64       // share of all processors that was used by anybody, in percent
	want       string        // what the goal asks for
	note       string
}

// report prints rows as they come, and all of them at the end as one table.
type report struct {
	out  io.Writer
	rows []row
}

func (r *report) add(line row) {
	r.rows = append(r.rows, line)
	fmt.Fprintf(r.out, "%s  %s: %s\n", line.goal, line.what, line.sentence())
}

// sentence is the line for somebody who waits for the table.
func (l row) sentence() string {
	var parts []string
	for i, cell := range l.cells() {
		if cell != "" {
			parts = append(parts, headings[i+2]+" "+cell)
		}
	}
	return strings.Join(parts, ", ")
}

var headings = []string{"goal", "what", "per s", "limit", "ratio", "p50 ms", "p99 ms", "cpu ms", "pg cpu ms", "MiB", "busy %", "wanted", "note"}

func (r *report) table() error {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(headings, "\t"))
	for _, line := range r.rows {
		fmt.Fprintln(w, strings.Join(append([]string{line.goal, line.what}, line.cells()...), "\t"))
	}
	return w.Flush()
}

// cells are the columns after the first two.
func (l row) cells() []string {
	ratio := 0.0
	if l.limit > 0 {
		ratio = l.rate / l.limit
	}
	return []string{
		shown("%.0f", l.rate), shown("%.0f", l.limit), shown("%.2f", ratio),
		shown("%.1f", millis(l.p50)), shown("%.1f", millis(l.p99)),
		shown("%.3f", millis(l.service)), shown("%.3f", millis(l.postgres)),
		shown("%.0f", float64(l.memory)/(1<<20)), shown("%.0f", l.busy), l.want, l.note,
	}
}

func shown(format string, v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

func millis(d time.Duration) float64 { return d.Seconds() * 1000 }
