# The few targets that serve people and CI alike. Everything lives in .venv; nothing outside it is touched.
PYTHON ?= python3
BIN := .venv/bin
# Most tests wait more than they work, so four files at a time, also on two cores.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: run install dev test test-all lint chaos bench bench-million lock clean

run: .venv/installed            ## install and start Overdue
	@$(BIN)/overdue serve

install: .venv/installed
dev: .venv/installed-dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Overdue needs Python 3.11 or newer; say which one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing Overdue into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

lint: .venv/installed-dev       ## style and strict types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

test: lint                      ## the fast full set, under five minutes
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "not slow"

test-all: lint                  ## adds the slow proofs, and Debian's redis-server where it is installed
	@$(BIN)/pytest $(SIDE_BY_SIDE)

chaos: .venv/installed-dev      ## kill every process at every fault point; ROUNDS=1000 SEED=7 WORKERS=3 SHARDS=2 SERVER=redis
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(WORKERS),--workers $(WORKERS)) $(if $(SHARDS),--shards $(SHARDS)) $(if $(SERVER),--server $(SERVER))

bench: .venv/installed-dev      ## what a ping costs, measured here and now; BENCH="--rows single --write" narrows and keeps it
	@$(BIN)/python -m bench $(BENCH)

bench-million: .venv/installed-dev ## what a million monitors cost, in a quarter of an hour
	@$(BIN)/python -m bench.million

lock:                           ## draw new lock files from pyproject.toml (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 \
	  --extra build pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 \
	  --extra build --extra dev pyproject.toml -o requirements-dev.lock

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
