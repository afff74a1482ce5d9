package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// footprint is PF6: how soon the service is ready on a migrated database, what
// it takes when nothing happens, and how large its binary is. Memory under load
// stands in the rows of PF1.
func (b *bench) footprint(ctx context.Context) error {
	dsn, err := b.db.copy(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	s, err := startService(ctx, b.binary, b.db.dir, dsn, b.twilio.url, nil)
	if err != nil {
		return err
	}
	probe := &client{address: s.address}
	defer probe.close()
	for status := 0; status != http.StatusOK && ctx.Err() == nil; {
		if status, err = probe.do(ctx, []byte("GET /readyz HTTP/1.1\r\nHost: textme.example\r\n\r\n")); err != nil {
			return err
		}
	}
	b.report.add(row{goal: "PF6", what: "start to ready on a migrated database", p50: time.Since(begin), want: "300 ms"})
	used := cpuOf(s.cmd.Process.Pid)
	waitUntil(ctx, time.Now().Add(b.seconds))
	now, _ := memoryOf(s.cmd.Process.Pid)
	b.report.add(row{
		goal: "PF6", what: "idle", memory: now, want: "32 MiB",
		note: fmt.Sprintf("%.1f %% of a processor", 100*(cpuOf(s.cmd.Process.Pid)-used).Seconds()/b.seconds.Seconds()),
	})
	b.report.add(row{goal: "PF6", what: "size of the binary", memory: sizeOf(b.binary), want: "40 MB"})
	return s.stop()
}
