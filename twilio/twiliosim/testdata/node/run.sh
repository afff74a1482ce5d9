#!/bin/sh
# Drives the simulator with Twilio's Node SDK, and compares the SDK's verdicts on
# signatures with ours. Needs go, node 20 or newer, and npm with a registry to
# install the locked packages from. They go to a temporary folder that is
# removed again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
cp "$here/package.json" "$here/package-lock.json" "$here/sdk.test.js" "$dir/"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund)
cd "$here/../.."
SDKNODE_DIR="$dir" go test -tags sdknode -run TestNodeSDK -count=1 "$@" . ..
