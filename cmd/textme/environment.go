package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// environment resolves a flag from the variable of the same name, upper case
// with underscores. A secret may also stand in a file that NAME_FILE names, so
// that it need not be in the environment.
func environment(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := variable(flag.Name)
		if value := getenv(name); value != "" {
			return value, nil
		}
		if !flag.Tag.Has("secret") {
			return nil, nil //nolint:nilnil // kong: not resolved, use the default
		}
		file := getenv(name + "_FILE")
		if file == "" {
			return nil, nil //nolint:nilnil // kong: not resolved, use the default
		}
		secret, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s_FILE: %w", name, err)
		}
		return strings.TrimSpace(string(secret)), nil
	})
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
