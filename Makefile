# Everything is installed into .venv. `make demo` and `make test` need nothing else; no root.
# Variables: PYTHON (which Python makes .venv), BANYAN_HOME (where an installation keeps its files; default ./var).

ORDERS ?= ../shared/data/online_retail
NETWORK ?= ../shared/data/beibei_groupbuy
FAULT_SEEDS ?= 50
RUN = .venv/bin/python -m
NOT_RUN = .pytest_cache/not-run.txt
PYTEST = BANYAN_NOT_RUN=$(NOT_RUN) $(RUN) pytest -q -rs

export PYTHONUNBUFFERED = 1
unexport PYTHONDONTWRITEBYTECODE  # hundreds of processes start here: each would compile every module again

.PHONY: help setup setup-dev demo serve doctor test fast slow installations houses check lint types imports architecture faults bench replay agreement lock clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup:  ## install what an installation needs
	@sh scripts/setup.sh run

setup-dev:  ## install also what tests and checks need
	@sh scripts/setup.sh dev

demo: setup  ## a seeded world runs through the real commands; then the console stays up
	@.venv/bin/banyan demo

serve: setup  ## run everything: database, cache, web, worker
	@.venv/bin/banyan up

doctor: setup  ## say in words what is wrong and how to mend it
	@.venv/bin/banyan doctor

test: setup-dev  ## everything that has to be green
	@rm -f $(NOT_RUN)
	@echo "Checks, fast tests and the two halves of the slow ones run two at a time; each is shown when it is done."
	@$(MAKE) --no-print-directory -j2 --output-sync=target check fast installations houses
	@if [ -s $(NOT_RUN) ]; then echo "Green. Not run:"; sort -u $(NOT_RUN); else echo "Green. Everything was run."; fi

fast: setup-dev
	$(PYTEST) -m "not slow" --ignore=tests/architecture

slow: setup-dev
	@$(MAKE) --no-print-directory -j2 --output-sync=target installations houses

# The slow tests in two halves that share nothing and take about as long: whole processes (some on fixed ports), and all others.
PROCESSES = tests/operation tests/races tests/journeys/test_replay.py

installations: setup-dev
	$(PYTEST) -m slow --durations=10 $(PROCESSES)

houses: setup-dev
	$(PYTEST) -m slow --durations=10 $(PROCESSES:%=--ignore=%)

check: lint types imports architecture  ## ruff, mypy, import contracts, model relations

lint: setup-dev
	$(RUN) ruff check .
	$(RUN) ruff format --check -q .

types: setup-dev
	$(RUN) mypy

imports: setup-dev
	@PYTHONPATH=src .venv/bin/python -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

architecture: setup-dev
	$(PYTEST) tests/architecture -m "not slow"

faults: setup-dev  ## kill -9 of worker, web and database at random points, FAULT_SEEDS seeds; storms of 5,000 buyers
	FAULT_SEEDS=$(FAULT_SEEDS) FAULT_SECONDS=0 $(RUN) pytest -q -rs -s -m slow tests/races/test_kill.py
	STORM_BUYERS=5000 $(RUN) pytest -q -rs -m slow tests/races/test_storm.py

bench: setup  ## speed, with ratios measured in the same run; all run, and one missed bar fails it
	@missed=; for one in orders checkout accrual tree sourcing recall simulate; do .venv/bin/banyan bench $$one || missed="$$missed $$one"; done; \
	if [ -n "$$missed" ]; then echo "Not reached:$$missed" >&2; exit 1; fi

replay: setup-dev  ## a real order stream on a real referral forest, then verify
	@.venv/bin/banyan replay --orders "$(ORDERS)" --network "$(NETWORK)"

agreement: setup-dev  ## the whole order stream live and simulated: each payee gets the same
	REPLAY_DAYS=0 $(RUN) pytest -q -rs -m slow tests/journeys/test_replay.py -k shared_days

lock:  ## resolve the dependencies again (needs uv); the locks name no index
	uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --python-version 3.11 --no-annotate --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --extra dev --extra replay --generate-hashes --no-emit-index-url --python-version 3.11 --no-annotate --no-header -q -o requirements-dev.lock

clean:  ## remove what was built; keeps var
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
