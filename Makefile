# Headwater: every task of the project. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# Each worker starts a Kafka and a PostgreSQL of its own; never more than there are cores.
WORKERS ?= 2
SHARED := --numprocesses logical --maxprocesses $(WORKERS) --max-worker-restart 0 \
	--dist loadfile --no-loadscope-reorder
CODE := libs services headwater tests bench scripts

# Says something only when it fails.
quietly = log="$(CURDIR)/.venv/$@.log"; $(1) >"$$log" 2>&1 || { cat "$$log"; exit 1; }

.PHONY: help
help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Set up .venv only: preflight, hash-pinned packages, the headwater command
	@PYTHON="$(PYTHON)" scripts/setup.sh

.PHONY: up
up: setup ## Set up, start Kafka, PostgreSQL and the services, and stay in the foreground until Ctrl-C
	@exec $(BIN)/headwater up

.PHONY: down
down: ## Stop what `make up` started
	@test ! -x $(BIN)/headwater || exec $(BIN)/headwater down

.PHONY: test
test: setup static package ## Everything a newcomer and CI run: checks, then all tests on real parts
	@$(PYTEST) tests -m "not long and (not faults or quick_fault)" $(SHARED)

.PHONY: check
check: setup static ## All that needs no servers: format, lint, types, imports, dependencies, quick tests
	@$(PYTEST) tests/unit tests/property tests/architecture -m "not long"

# Two at a time: the types alone take as long as all the others.
.PHONY: static
static: setup
	@$(MAKE) -j2 types browser-sdk javascript python-sdk lint imports dependencies

.PHONY: types lint imports dependencies python-sdk browser-sdk javascript
types:
	@echo "types"; $(BIN)/mypy
lint:
	@echo "format"; $(BIN)/ruff format --check --quiet .
	@echo "lint"; $(BIN)/ruff check --quiet .
imports:
	@echo "imports"; $(call quietly,$(BIN)/lint-imports --no-cache)
dependencies:
	@echo "dependencies"; $(call quietly,$(BIN)/deptry .)
python-sdk:
	@echo "Python SDK"; $(BIN)/python -m scripts.sdk_redaction --check
	@cd sdk/python && $(call quietly,../../$(BIN)/deptry .)
browser-sdk:
	@echo "browser SDK"; $(call quietly,npm run check -w sdk/browser)
javascript:
	@echo "JavaScript"; $(call quietly,npm run lint)

.PHONY: package
package: setup
	@$(MAKE) -j2 browser-package python-package

.PHONY: browser-package python-package
browser-package:
	@echo "browser SDK's package"; $(call quietly,npm run package -w sdk/browser)
python-package:
	@echo "Python SDK's package"; $(BIN)/python -m pip wheel --quiet --no-deps --no-index --no-build-isolation \
		--wheel-dir sdk/python/dist ./sdk/python

.PHONY: format
format: setup ## Bring the code into form, and mend what the linter can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && npm run --silent format

.PHONY: test-long
test-long: setup ## The tests that take minutes: the laws with many more examples, long runs
	@$(PYTEST) tests -m long --timeout 3600

.PHONY: faults
faults: setup ## Break the real parts on purpose and check the ledger (SEEDS=3 for all three seeds)
	@$(BIN)/python -m tests.faults --seeds $${SEEDS:-1}

.PHONY: bench
bench: setup ## Measure throughput, CPU, freshness and memory; results go to bench/results
	@$(BIN)/python -m bench

.PHONY: reference
reference: setup ## Write the pages that are made from code: settings, metrics
	@$(BIN)/python -m scripts.reference

.PHONY: lock
lock: setup ## Resolve the locks again after a change of pyproject.toml (UPGRADE=1: newest versions)
	@scripts/lock.sh
