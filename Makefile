# Everything a newcomer, a developer and CI run; each target works on a fresh clone with Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UP_ARGS ?=
# Tests wait for servers more than they compute; each process starts servers of its own.
TEST_PROCESSES ?= 2
FUZZ_SECONDS ?= 180

.PHONY: help setup setup-dev run test check format lock bench fuzz docs clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.setup ## Make .venv with the `axonpush` command in it

$(VENV)/.setup: requirements-local.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "axonpush needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "Setting up $(VENV) (once; downloads about 90 MB) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-local.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup-dev: $(VENV)/.setup-dev ## Add what tests and checks need

$(VENV)/.setup-dev: $(VENV)/.setup requirements-dev.lock
	@echo "Adding the tools for tests and checks (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: setup ## Start the whole gateway: PostgreSQL, Kafka, edge and worker
	@exec $(BIN)/axonpush up $(UP_ARGS)

test: setup-dev ## Run every test, those with real Kafka and PostgreSQL too
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

fuzz: setup-dev ## Try the decoders with other bytes than ever before, for FUZZ_SECONDS
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

check: setup-dev ## Lint, types, import rules, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/axonpush config --docs | diff -u docs/configuration.md - || { echo "docs/configuration.md is stale: run make docs"; exit 1; }
	$(BIN)/axonpush config --openapi | diff -u docs/openapi.json - || { echo "docs/openapi.json is stale: run make docs"; exit 1; }
	$(BIN)/python -m tests.conformance | diff -u docs/compatibility.md - || { echo "docs/compatibility.md is stale: run make docs"; exit 1; }

format: setup-dev ## Format the code and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup ## Generate docs/configuration.md, docs/openapi.json and docs/compatibility.md
	$(BIN)/axonpush config --docs > docs/configuration.md
	$(BIN)/axonpush config --openapi > docs/openapi.json
	$(BIN)/python -m tests.conformance > docs/compatibility.md

bench: setup-dev ## Spans and events per CPU-second of edge and worker
	$(BIN)/python -m bench

LOCK := $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header
# What runs has the versions that were tested: the other two keep to those of the first, which lie in place of theirs.
lock: setup-dev ## Resolve the lock files anew
	$(LOCK) --extra local --extra dev --upgrade --output-file requirements-dev.lock
	cp requirements-dev.lock requirements-local.lock
	$(LOCK) --extra local --output-file requirements-local.lock
	cp requirements-dev.lock requirements.lock
	$(LOCK) --output-file requirements.lock

clean: ## Remove .venv and the data of `make run`
	rm -rf $(VENV) .axonpush
