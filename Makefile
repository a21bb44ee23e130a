# One target per job. Every target except `setup` and `clean` runs `setup` first, which does nothing if .venv is current.
# The lock is complete, so pip resolves nothing (--no-deps): with hashes it would refuse pins below the newest version.
PYTHON ?= python3
BIN := .venv/bin
# Of the tests: one more than two cores, as some tests wait for Kafka or Prefect.
WORKERS ?= 3
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --ignore tests/bench

.PHONY: setup demo board test test-all test-times soak check format wheel docs messages bench mutants chaos kafka lock clean help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

setup: .venv/.ready ## create .venv with the locked dependencies and the harmspot command

.venv/.ready: requirements-dev.lock requirements.in pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup ## simulate a town, consume its events, do the daily run, print rankings, write databases, layers, report.html
	$(BIN)/harmspot demo
	@echo "next: make board"

board: setup ## open the board on the demo town (which `make demo` makes), on loopback; Ctrl-C ends it
	test -d demo/home || $(BIN)/harmspot demo
	$(BIN)/harmspot --home demo/home web

test: setup ## run the tests that are not long: ten minutes
	$(PYTEST) -m "not soak and not long"

test-all: setup ## run all tests, of the soak tests a sample: 45 minutes
	$(PYTEST) -m "not soak"

test-times: setup ## run all tests, measure each, and write those that are long to tests/long_tests.txt
	rm -rf test-times
	$(PYTEST) -m "not soak" -p tests.long_tests
	$(BIN)/python -m tests.long_tests test-times

soak: setup ## run the soak tests whole: kills and faults, orders of delivery, rehearsals
	HARMSPOT_SOAK=1 $(PYTEST) -m "soak or sampled"

check: setup ## format (check only), lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup ## format the code and fix lint errors
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: setup ## build the wheel in dist/, install it into an empty environment elsewhere, run its demo there
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv $$folder/env; \
	$$folder/env/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock; \
	$$folder/env/bin/python -m pip install --quiet --disable-pip-version-check --no-deps dist/*.whl; \
	cd $$folder && env/bin/harmspot demo

docs: setup ## build the docs site in site/, links checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean

bench: setup ## run the benchmarks; prints the figures in docs/benchmarks.md
	$(BIN)/python -m pytest tests/bench -m bench -s -p no:cacheprovider

chaos: setup ## inject faults into a consumer: 100 random kills, broker, network, disk, locks, clocks, poison records
	$(BIN)/python -m tests.integration.chaos
	$(BIN)/python -m tests.integration.chaos --shared

mutants: setup ## mutate the rules about people one by one, half an hour; the tests must detect 95%
	$(BIN)/python -m tests.mutants

kafka: setup ## start one Apache Kafka broker on loopback in the foreground (Ctrl-C stops it)
	$(BIN)/python -m tests.integration.broker

messages: setup ## bring the catalogue of messages up to date with the texts of pages, sheets and tables
	$(BIN)/python -m pipeline.wording

lock: setup ## lock the dependencies with hashes and no index address
	$(BIN)/uv pip compile requirements.in -o requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet
	$(BIN)/uv pip compile requirements-dev.in -c requirements.lock -o requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

clean: ## remove all files made by the other targets
	rm -rf .venv demo build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis test-times
