# Every target with ## shows up in `make help`. Nothing needs to be exported or
# installed first but Go, git and make; what else a target needs it says.

.DEFAULT_GOAL := help
GO := scripts/go

# Tools run from the module cache by exact version and are no part of go.mod.
GOLANGCI_LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# What `make check` runs after the tests, in this order; .ci/run times each one.
CHECKS := vet lint race test-storm test-browser test-sdk-node fuzz migrations vuln

FUZZTIME := 5s

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Run everything on this machine: service, database, simulated Twilio
	@test -n "$$DATABASE_URL" || scripts/postgres
	@exec bin/textme dev

.PHONY: build
build: ## Build bin/textme
	@scripts/build

.PHONY: postgres
postgres: ## Install a PostgreSQL server if this machine has none
	@scripts/postgres

.PHONY: test
test: modules postgres ## Run the tests
	@scripts/announce-build
	@exec $(GO) test ./...

.PHONY: race
race: modules postgres ## Run the tests under the race detector (needs a C compiler)
	@exec $(GO) test -race ./...

.PHONY: fuzz
fuzz: modules ## Run every fuzz target for FUZZTIME (5s)
	@exec scripts/fuzz $(FUZZTIME)

.PHONY: test-storm
test-storm: modules postgres ## Kill the program fifty times under load and check the promise
	@exec $(GO) test -tags storm -timeout 30m -run '^TestStorm' -v ./cmd/textme

.PHONY: storm
storm: modules postgres ## The same at nightly size: 1,000 kills, 10,000 scenarios, 5 million inputs a fuzz target (hours; needs node and npm)
	@SIGNATURES=1000000 $(GO) test -timeout 2h -run '^Test(Verify|Forgeries|MovedEdges)' -v ./twilio
	@SIGNATURES=1000000 $(MAKE) --no-print-directory test-sdk-node
	@scripts/fuzz 5000000x
	@STORM_ERRORS=50000 $(GO) test -run '^TestBigErrors' -v ./twilio
	@STORM_KILLS=1000 STORM_SIGNUPS=20000 STORM_TEXTS=10000 STORM_LATE=60 STORM_SCENARIOS=10000 STORM_RESTARTS=20 STORM_FAILPOINTS=6000 STORM_EACH=20 STORM_LANES=4 STORM_OUTAGE=1800 exec $(GO) test -tags storm -parallel 8 -timeout 12h -run '^TestStorm' -v ./cmd/textme

.PHONY: test-browser
test-browser: modules postgres ## Click through the pages in a browser (needs Chromium)
	@exec $(GO) test -tags browser -run '^TestBrowser' ./cmd/textme

.PHONY: test-sdk-node
test-sdk-node: modules ## Drive the simulator with Twilio's Node SDK (needs node and npm)
	@PATH="$$PATH:$$($(GO) env GOROOT)/bin" exec twilio/twiliosim/testdata/node/run.sh

.PHONY: migrations
migrations: build postgres ## Migrate an empty database up, down and up again
	@exec scripts/migrations

.PHONY: bench
bench: build postgres ## Measure the service against the database's own limit
	@$(GO) run ./bench bin/textme
	@exec $(GO) test -run '^$$' -bench . -benchtime 200ms -benchmem ./twilio ./store

.PHONY: check
check: test $(CHECKS) ## Run all that CI runs

.PHONY: checks
checks: # the list, for .ci/run
	@echo $(CHECKS)

.PHONY: vet
vet: modules
	@exec $(GO) vet ./...

.PHONY: lint
lint: modules ## Lint, formatting included (the first time compiles the linter: four minutes)
	@exec $(GOLANGCI_LINT) run

.PHONY: fmt
fmt: modules ## Format the Go files
	@exec $(GOLANGCI_LINT) fmt

.PHONY: vuln
vuln: modules ## Look for known vulnerabilities, if their database can be reached
	@exec scripts/vuln

.PHONY: modules
modules:
	@scripts/modules

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
