# One verb per job. Every verb but `setup` and `clean` calls `setup` first, which does nothing when .venv is up to date.
# The lock is whole, so pip resolves nothing (--no-deps): with hashes it would refuse what is pinned below the newest.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check format bench mutants chaos kafka lock clean help

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

setup: .venv/.ready ## make .venv with the locked dependencies and the harmspot command

.venv/.ready: requirements-dev.lock requirements.in pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup ## simulate a town, consume its events, do the daily run, print the rankings, write databases, layers, report.html
	$(BIN)/harmspot demo

test: setup ## run every test but the benchmarks
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/bench

check: setup ## format (check only), lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure; prints the figures that docs/benchmarks.md reports
	$(BIN)/python -m pytest tests/bench -m bench -s -p no:cacheprovider

chaos: setup ## do everything to a consumer that can break it: 100 random kills, broker, network, disk, locks, clocks, poison
	$(BIN)/python -m tests.integration.chaos

mutants: setup ## change the rules about people one by one, a few minutes; the tests must notice nine in ten
	$(BIN)/python -m tests.mutants

kafka: setup ## start one Apache Kafka broker on loopback in the foreground (Ctrl-C stops it)
	$(BIN)/python -m tests.integration.broker

lock: setup ## lock the dependencies with hashes and no index address
	$(BIN)/uv pip compile requirements.in -o requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet
	$(BIN)/uv pip compile requirements-dev.in -c requirements.lock -o requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

clean: ## remove what the other verbs made
	rm -rf .venv demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
