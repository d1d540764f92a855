# The commands of this repository. A fresh machine needs make and Python 3.11 to 3.13 with venv.
#
# Dependencies come from the two lock files, by hash. Stamps in .venv remember what is installed, so
# that a second call is quick and a changed lock or pyproject.toml is installed again.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help demo test check format bench soak mutants lock dist clean

# The first of these that is recent enough; `make PYTHON=/path/to/python demo` chooses another.
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c '$(SUITS)' 2>/dev/null; then echo $$p; exit; fi; done; echo python3)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2
PYTEST_ARGS ?=

help: ## Show these commands.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

demo: .venv/.installed ## Run several paper TWAPs, with a pause and a report.
	$(BIN)/genesis demo

test: .venv/.installed .venv/.tested ## Run every test, and hold the coverage.
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='genesis_actors/domain/*'

check: .venv/.installed .venv/.tested ## Check format, lint, types and import contracts.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright  # Without it, it asks for its newest version.
	$(BIN)/lint-imports

format: .venv/.tested ## Lay the code out and repair what can be repaired.
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

bench: .venv/.installed ## Measure this machine.
	$(BIN)/python -m genesis_actors bench

SEEDS ?= 5000
KILLS ?= 200

soak: .venv/.installed .venv/.tested ## Simulate thousands of hostile seeds, then kill real runs. Takes hours.
	$(BIN)/genesis simulate --seeds $(SEEDS) --executions 20 --minutes 10 --faults hostile \
		--jobs $(WORKERS) --quiet
	$(BIN)/python scripts/kill_soak.py --kills $(KILLS)
	$(BIN)/python scripts/kill_acknowledged.py --kills $(KILLS)
	$(BIN)/python -m pytest -m soak

mutants: .venv/.installed ## Plant bugs, and see that the simulator finds each of them.
	$(BIN)/python -m mutants --jobs $(WORKERS)

# `make lock UPGRADE=--upgrade` moves everything to the newest versions that fit. Extras stay in the
# locks: pip 23 takes `coverage==1` for no pin of `coverage[toml]`, and installs what is newest.
UPGRADE ?=
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-header --no-emit-index-url --no-emit-find-links \
	--no-emit-build-options $(UPGRADE)

lock: .venv/.created ## Write the lock files: versions and hashes, no addresses.
	$(PIP) install --quiet uv
	$(COMPILE) --group build --output-file requirements.lock
	$(COMPILE) --group build --group test --constraint requirements.lock \
		--output-file requirements-test.lock
	@! grep -n '://' requirements.lock requirements-test.lock

dist: .venv/.installed .venv/.tested ## Build the sdist, and the wheel from it.
	$(BIN)/python -m build --no-isolation

clean: ## Remove .venv and everything that was built or cached.
	rm -rf .venv build dist htmlcov .coverage .coverage.* coverage.xml
	rm -rf .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find genesis_actors alembic scripts tests -name __pycache__ -prune -exec rm -rf {} +

.venv/.created:
	@$(PYTHON) -c '$(SUITS)' || { \
		echo "genesis-actors needs Python 3.11 to 3.13, but '$(PYTHON)' is not one of them:" >&2; \
		$(PYTHON) --version >&2; \
		echo "Name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.locked: .venv/.created requirements.lock
	$(PIP) install --quiet --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.tested: .venv/.locked requirements-test.lock
	$(PIP) install --quiet --require-hashes -r requirements-test.lock
	@touch $@
