package twiliosim

import "time"

// change is one atomic step of the world: what happens to memory between begin
// and commit, the journal lines that repeat it, and the webhooks and deliveries
// it sets off, which start at release.
type change struct {
	s      *Server
	now    time.Time
	origin origin
	loud   bool // this change raises post-event webhooks
	lines  []journalLine
	hooks  []*delivery
	legs   []leg
}

// early tells whether webhooks may have to be answered before the call is.
func (c *change) early() bool {
	sc := c.s.script.Load()
	return sc != nil && sc.early
}

// begin locks the Server and runs out the timers that are due.
func (s *Server) begin(from origin) *change {
	s.mu.Lock()
	c := &change{s: s, now: s.opts.Now().UTC(), origin: from, loud: from != fromREST}
	c.expireTimers()
	return c
}

// commit writes the journal, wakes everybody who waits, and unlocks.
func (c *change) commit() {
	if err := c.s.writeJournal(c.lines); err != nil {
		c.s.opts.Logger.Error("append to simulator journal", "err", err)
	}
	c.lines = nil
	c.s.pending += len(c.legs)
	for _, d := range c.hooks {
		if d.delay == 0 {
			c.s.pending++
		}
	}
	c.s.setAlarm(c.now)
	c.s.broadcast()
	c.s.mu.Unlock()
}

// release starts what the change set off and returns the webhooks that were to
// be answered before the call that caused them. It must follow commit and is a
// separate step only so that an answer can go first.
func (c *change) release() (early []*delivery) {
	var now []*delivery
	for _, d := range c.hooks {
		if d.delay > 0 {
			c.s.later(d.delay, func() { c.s.dispatch(d) })
			continue
		}
		now = append(now, d)
		if d.early {
			early = append(early, d)
		}
	}
	c.s.courier.enqueue(now)
	for _, l := range c.legs {
		early = append(early, c.s.carry(l)...)
	}
	return early
}

// put journals the new value of a record.
func (c *change) put(v record) {
	if c.s.journal != nil {
		c.lines = append(c.lines, journalLine{Kind: v.kind(), Put: v})
	}
}

// remove journals the end of a record and of everything that hangs on it.
func (c *change) remove(v record, id string) {
	if c.s.journal != nil {
		c.lines = append(c.lines, journalLine{Kind: v.kind(), Delete: id})
	}
}
