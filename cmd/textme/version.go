package main

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints the version the build knows: a tag, or the commit it was made of.
func (versionCommand) Run(w world) error {
	version, commit := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(w.out, "textme %s%s\n", version, commit)
	return err
}
