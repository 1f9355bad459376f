# Everything a developer types. Needs Go and make; what the tests need besides,
# PostgreSQL, Chromium, Django and proxies, comes from scripts/.

SHELL       := /bin/sh
VERSION     ?= $(shell git describe --tags --dirty 2>/dev/null)
LDFLAGS     := -s -w -X github.com/tenantry/tenantry/internal/base/version.release=$(VERSION)
ON_POSTGRES := scripts/postgres.sh run

# What `make verify` runs, one target each. A room that generates or records
# something adds a target that makes it again and fails when the result differs
# from what is on disk; tests named …Golden… are in already.
VERIFY := verify-modules verify-goldens verify-migrations

.PHONY: help run build test test-race test-long browser django proxies lint verify $(VERIFY) bench clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## a demo platform on embedded SQLite
	go run ./cmd/tenantry serve --demo

build: ## one static binary, ./tenantry
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o tenantry ./cmd/tenantry

test: browser ## all tests, on SQLite and PostgreSQL
	$(ON_POSTGRES) go test -timeout 15m ./...

test-race: browser ## all tests under the race detector (needs a C compiler)
	$(ON_POSTGRES) env CGO_ENABLED=1 go test -race -timeout 45m ./...

test-long: browser django proxies ## also the tests that take minutes: kill loops, figures at size
	$(ON_POSTGRES) go test -tags long -timeout 60m ./...

browser: ## finds Chromium for the tests, or installs it as root
	@scripts/chromium.sh install >/dev/null

django: ## finds Django for the long tests, or installs it as root
	@scripts/django.sh install >/dev/null

proxies: ## finds nginx and Caddy for the long tests, or installs them as root
	@scripts/proxies.sh install >/dev/null

lint: ## formatting, go vet, staticcheck
	@unformatted=$$(gofmt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then printf 'not formatted, run gofmt -w on:\n%s\n' "$$unformatted" >&2; exit 1; fi
	go vet -tags long ./...
	go tool staticcheck -tags long ./...

verify: $(VERIFY) ## generated and golden files are as they would be made now

verify-modules:
	go mod tidy -diff
	go mod verify

verify-goldens:
	$(ON_POSTGRES) go test -timeout 15m -run Golden ./...

verify-migrations: # what could hurt a running system; Django's own history is exempt
	go run ./cmd/tenantry lintmigrations

bench: ## the figures we promise, each beside its floor
	$(ON_POSTGRES) go run ./bench

clean: ## remove what make made
	rm -rf tenantry dist
