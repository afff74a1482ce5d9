//go:build storm

package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// visits chooses where the service dies next: at the point where it has died least
// often. It is shared by the storms that divide the lives.
type visits struct {
	seed uint64
	each int // how often it is to die at each point of undisturbed lives; 0: as it comes
	most int // lives

	mu     sync.Mutex
	lives  int
	points map[string]*visited
}

// visited is one point.
type visited struct {
	plain  bool // an undisturbed life reaches it; others are reached only after a death
	lives  int  // in which it was reached
	died   int  // lives in which the service died there
	chosen int  // lives at present in which it is to
}

// see notes the points that one life has reached, and where the service died, "" for
// nowhere.
func (v *visits) see(reached map[string]int, died string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for point := range reached {
		if atStart.MatchString(point) {
			continue
		}
		if v.points[point] == nil {
			v.points[point] = &visited{}
		}
		v.points[point].lives++
		v.points[point].plain = v.points[point].plain || v.lives == 0
		if point == died {
			v.points[point].died++
		}
	}
}

// next numbers a life and chooses where it is to die: at the point given or, if it
// comes first, at one that few lives reach. It reports whether there is a life left
// to live. done is to be called when it is over.
func (v *visits) next() (life int, point string, rare []string, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, p := range v.points {
		if p.plain && (point == "" || v.sooner(name, point)) {
			point = name
		}
		if p.died < v.each && p.lives < v.lives/2 {
			rare = append(rare, name)
		}
	}
	p := v.points[point]
	if v.lives >= v.most || v.each > 0 && p.died+p.chosen >= v.each {
		return 0, "", nil, false
	}
	v.lives++
	p.chosen++
	return v.lives, point, rare, true
}

// sooner reports whether it is a's turn before b's.
func (v *visits) sooner(a, b string) bool {
	p, q := v.points[a], v.points[b]
	return cmp.Or(cmp.Compare(p.died+p.chosen, q.died+q.chosen), cmp.Compare(shuffled(a, v.seed), shuffled(b, v.seed))) < 0
}

func (v *visits) done(point string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.points[point].chosen--
}

// summary says in how many lives the service died, how often at which point, and
// whether that is often enough.
func (v *visits) summary() (died int, text string, enough bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	enough = true
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(v.points)) {
		p := v.points[name]
		died += p.died
		line := fmt.Sprintf("%4d %s, reached in %d lives", p.died, name, p.lives)
		if !p.plain {
			line += ", only after a death"
		}
		lines = append(lines, line)
		enough = enough && (p.died >= v.each || !p.plain)
	}
	return died, fmt.Sprintf("in %d of %d lives the service died:\n\t%s", died, v.lives, strings.Join(lines, "\n\t")), enough
}

// atStart are points of the set-up and not of somebody's life, those of River's own
// work, which nobody's life depends on, and of the test's own command.
var atStart = regexp.MustCompile(`Configuration|store\.(?:CheckKey|CreateSource|Prune\w+|PollAll)\b| ` + unlabelled + `$`)

func shuffled(text string, seed uint64) uint32 {
	h := fnv.New32a()
	fmt.Fprint(h, seed, text)
	return h.Sum32() >> 2
}
