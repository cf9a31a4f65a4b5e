# `make` lists the targets. CI calls `.ci/run`, which calls `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help

ROWS     ?= 1000000
FUZZTIME ?= 20s
TOOLS    := $(or $(SLUICE_TOOLS),.tools)
LINT     := $(TOOLS)/bin/golangci-lint

.PHONY: help run build test test-unit fuzz bench lint lint-deploy fmt generate verify

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

run: build ## the demo: all roles in one process under ./data; HTTP= and KAFKA= set other addresses
	@HTTP='$(HTTP)' KAFKA='$(KAFKA)' DATA='$(DATA)' scripts/run-demo.sh

# Go itself records the version and the commit.
build: ## bin/sluice, static
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags '-s -w' -o bin/sluice .

test: ## every test and check, with real servers fetched into .tools
	@scripts/test-all

test-unit: ## the tests that need Go alone, with the race detector where there is a C compiler
	@scripts/test-unit

fuzz: ## each fuzz target for FUZZTIME
	@FUZZTIME='$(FUZZTIME)' scripts/fuzz

bench: ## speed, on ROWS rows, beside Kafka and PostgreSQL
	scripts/fetch-tools kafka postgres
	scripts/with-servers -bench -only kafka,postgres go run ./test/bench -rows $(ROWS)

lint: ## the linters of .golangci.yml
	scripts/fetch-tools lint
	$(LINT) run ./...
	$(LINT) run --build-tags servers,crash ./internal/crash/...

lint-deploy: ## docker-compose.yml and the Dockerfile; no engine is needed
	scripts/fetch-tools python
	$(TOOLS)/py/bin/docker-compose --file docker-compose.yml config --quiet
	$(TOOLS)/py/bin/hadolint deployments/Dockerfile

fmt: ## format the Go files
	scripts/fetch-tools lint
	$(LINT) fmt ./...

generate: ## make the generated files anew
	go generate ./...

verify: ## fails when generated files or go.mod are stale
	@scripts/verify
