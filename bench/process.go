package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The kernel's account of our children, from proc(5). On other systems than
// Linux it is not there, and all of it reads as zero.

// tick is the unit of times in /proc: USER_HZ, which is 100 on every
// architecture Go runs on.
const tick = time.Second / 100

// cpuOf is the processor time that the process has used.
func cpuOf(pid int) time.Duration {
	times, _, ok := readStat(strconv.Itoa(pid))
	if !ok {
		return 0
	}
	return times.own
}

// cpuOfFamily is the processor time of a process and all its children, those
// that have ended included.
func cpuOfFamily(pid int) time.Duration {
	times, _, ok := readStat(strconv.Itoa(pid))
	if !ok {
		return 0
	}
	sum := times.own + times.ended
	for _, child := range childrenOf(pid) {
		sum += cpuOf(child)
	}
	return sum
}

func childrenOf(pid int) (children []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // its only error is a bad pattern
	for _, file := range stats {
		child := filepath.Base(filepath.Dir(file))
		if _, parent, ok := readStat(child); ok && parent == pid {
			n, _ := strconv.Atoi(child) // the pattern's
			children = append(children, n)
		}
	}
	return children
}

type cpuTimes struct{ own, ended time.Duration }

// readStat reads /proc/PID/stat: fields 4 (parent), 14 and 15 (user and system
// time), 16 and 17 (the same of children waited for). Field 2, in parentheses,
// may hold spaces.
func readStat(pid string) (times cpuTimes, parent int, ok bool) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return times, 0, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // begins with field 3
	if len(fields) < 15 {
		return times, 0, false
	}
	number := func(field int) time.Duration {
		n, _ := strconv.Atoi(fields[field-3]) // the kernel's
		return time.Duration(n)
	}
	return cpuTimes{own: (number(14) + number(15)) * tick, ended: (number(16) + number(17)) * tick}, int(number(4)), true
}

// processors is how long all processors together have been idle and have been there.
func processors() (idle, total time.Duration) {
	text, _ := os.ReadFile("/proc/stat") // without it all reads as zero
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(strings.TrimPrefix(line, "cpu ")) {
		n, _ := strconv.Atoi(field)         // the kernel's
		const idles, waits, guest = 3, 4, 8 // from proc(5); a guest's time is in the user's
		switch t := time.Duration(n) * tick; {
		case i >= guest:
		case i == idles || i == waits:
			idle, total = idle+t, total+t
		default:
			total += t
		}
	}
	return idle, total
}

// busySince is the share of all processors that anybody has used since then, in
// percent: near 100 it is the processors that limit what was measured.
func busySince(idle, total time.Duration) float64 {
	i, t := processors()
	if t == total {
		return 0
	}
	return 100 * (1 - (i-idle).Seconds()/(t-total).Seconds())
}

// peakOfFamily is the resident memory of a process and its children, each at its
// highest, in bytes.
func peakOfFamily(pid int) (sum int64) {
	for _, one := range append(childrenOf(pid), pid) {
		_, peak := memoryOf(one)
		sum += peak
	}
	return sum
}

// memoryOf is the resident memory of the process now and at its highest, in
// bytes.
func memoryOf(pid int) (now, peak int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // other lines do not matter
		switch name {
		case "VmRSS":
			now = kib << 10
		case "VmHWM":
			peak = kib << 10
		}
	}
	return now, peak
}
