package bot

import _ "embed"

//go:embed scripts/default.txt
var defaultScript []byte

// Default parses the script that comes with the program: Harbor Bikes, a shop
// that exists only to try things out. Its error is always nil in a build whose
// tests passed.
func Default() (*Script, error) { return ParseScript(defaultScript) }
