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
	"testing"
)

// visits chooses where the service dies next: at the point where it has died least
// often. It is shared by the storms that divide the lives.
type visits struct {
	seed uint64
	each int // how often it is to die at each point; 0: as it comes
	most int // lives

	mu     sync.Mutex
	lives  [len(lifeKinds)]int
	points map[string]*visited
}

// Points to which few lives lead do not keep the others from their turn.
func TestStormVisits(t *testing.T) {
	v := &visits{most: 4, points: map[string]*visited{"a": {plain: true}, "b": {plain: true}, "c": {plain: true}, "d": {plain: true}}}
	targets := setOf(nil)
	for range v.most {
		p, _ := v.next()
		targets[p.target] = true
		v.done(p) // in vain
	}
	if len(targets) != len(v.points) {
		t.Errorf("chosen were %v", slices.Sorted(maps.Keys(targets)))
	}
}

// visited is one point.
type visited struct {
	plain  bool                // an undisturbed life reaches it; others are reached only after a death
	lives  [len(lifeKinds)]int // in which it was reached, by kind
	after  map[string]int      // of them those in which the service had died before, once, by where
	died   int                 // how often the service has died there
	tried  int                 // lives in which it was to
	chosen int                 // those of them that are not over
}

// triesEach is how many lives are spent on one death at a point. Some deaths are
// needed to lead to some points, and do not always.
const triesEach = 5

// plan is what is to happen in one life: the service dies at whichever of first comes
// first, and then at whichever of second.
type plan struct {
	life          int
	kind          int    // of lifeKinds
	target        string // for which it was made
	first, second []string
}

// see notes what one life was like: the points it reached, and the one death that came
// before, "" for none or two; and where the service died.
func (v *visits) see(kind int, reached map[string]string, deaths []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for point, after := range reached {
		if atStart.MatchString(point) {
			continue
		}
		p := v.points[point]
		if p == nil {
			p = &visited{after: map[string]int{}}
			v.points[point] = p
		}
		p.lives[kind]++
		p.plain = p.plain || v.lived() == 0
		if after != "" {
			p.after[after]++
		}
	}
	for _, point := range deaths {
		v.points[point].died++
	}
}

// next plans a life, and reports whether there is one left to live. done is to be
// called when it is over.
func (v *visits) next() (pl plan, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lived() >= v.most {
		return pl, false
	}
	if pl.target = v.turn(true); pl.target != "" {
		pl.kind = v.points[pl.target].kind()
		pl.first = append(v.wanting(func(p *visited) bool { return p.lives[pl.kind] < v.lives[pl.kind]/2 }), pl.target)
		pl.second = v.wanting(func(p *visited) bool { return !p.plain })
	} else if pl.target = v.turn(false); pl.target != "" {
		pl.kind = v.points[pl.target].kind()
		pl.first, pl.second = []string{v.before(pl.target), pl.target}, []string{pl.target}
	} else {
		return pl, false
	}
	v.lives[pl.kind]++
	p := v.points[pl.target]
	p.tried++
	p.chosen++
	pl.life = v.lived()
	return pl, true
}

// lived is how many lives there were.
func (v *visits) lived() (n int) {
	for _, of := range v.lives {
		n += of
	}
	return n
}

// kind is that of the lives which reach the point most often.
func (p *visited) kind() (kind int) {
	for i, n := range p.lives {
		if n > p.lives[kind] {
			kind = i
		}
	}
	return kind
}

// turn is the plain point whose turn it is, or the other, "" for none.
func (v *visits) turn(plain bool) (point string) {
	for name, p := range v.points {
		left := v.each == 0 && plain || p.died+p.chosen < v.each && p.tried < triesEach*v.each
		if p.plain == plain && left && (point == "" || v.sooner(name, point)) {
			point = name
		}
	}
	return point
}

// wanting are the points of a kind at which the service is yet to die.
func (v *visits) wanting(is func(*visited) bool) (points []string) {
	for name, p := range v.points {
		if p.died < v.each && is(p) {
			points = append(points, name)
		}
	}
	return points
}

// before is the death at a plain point that has led here most often, "" for none.
func (v *visits) before(target string) (point string) {
	after := v.points[target].after
	for name, n := range after {
		if v.points[name].plain && n > after[point] {
			point = name
		}
	}
	return point
}

// sooner reports whether it is a's turn before b's. One that was tried in vain comes after
// those that were not yet.
func (v *visits) sooner(a, b string) bool {
	p, q := v.points[a], v.points[b]
	return cmp.Or(cmp.Compare(p.died+p.chosen, q.died+q.chosen), cmp.Compare(p.tried, q.tried),
		cmp.Compare(shuffled(a, v.seed), shuffled(b, v.seed))) < 0
}

func (v *visits) done(pl plan) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.points[pl.target].chosen--
}

// progress says how far the lives have come.
func (v *visits) progress() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	died, enough := 0, 0
	for _, p := range v.points {
		died += p.died
		if p.died >= v.each {
			enough++
		}
	}
	return fmt.Sprintf("%d lives, %d deaths, none broken; as many as wanted at %d of %d points", v.lived(), died, enough, len(v.points))
}

// summary says how often the service died at which point, and whether that is often
// enough. A point that only some deaths lead to may have been tried in vain.
func (v *visits) summary() (died int, text string, enough bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	enough = true
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(v.points)) {
		p := v.points[name]
		died += p.died
		line := fmt.Sprintf("%4d %s, reached in %v lives", p.died, name, p.lives)
		if !p.plain {
			line += fmt.Sprintf(", only after a death, most often %s; tried in %d", v.before(name), p.tried)
		}
		lines = append(lines, line)
		enough = enough && (p.died >= v.each || !p.plain && p.tried >= triesEach*v.each)
	}
	return died, fmt.Sprintf("in %v lives the service died %d times:\n\t%s", v.lives, died, strings.Join(lines, "\n\t")), enough
}

// atStart are points of the set-up and not of somebody's life, those of River's own
// work, which nobody's life depends on, and of the test's own command.
var atStart = regexp.MustCompile(`Configuration|store\.(?:CheckKey|CreateSource|Prune\w+|PollAll)\b| ` + unlabelled + `$`)

func shuffled(text string, seed uint64) uint32 {
	h := fnv.New32a()
	fmt.Fprint(h, seed, text)
	return h.Sum32() >> 2
}
