# Recipes are silent: stdout belongs to the program. PYTHON=python3.12 make demo uses another interpreter.
.SILENT:
.PHONY: help demo test lint format bench torture acceptance screenshots pyz clean
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
BENCH := .bench-site/.installed
export SPOTWARDEN_DATA ?= $(abspath ../shared/data)

help:
	echo "make demo        the terminal app on a simulated account (ARGS='--headless --json')"
	echo "make test        the whole test suite"
	echo "make lint        ruff, mypy --strict, import-linter"
	echo "make bench       our numbers beside their baselines"
	echo "make torture     kills, faults, drifts, races and planted bugs on a forked account (SEED=7 FULL=1 ARGS='--only KIND --cell CELL')"
	echo "make acceptance  the table of rows and the tests that prove them"
	echo "make pyz         dist/spotwarden_guard.pyz: guard in one file, to be copied alone to an instance"
	echo "make clean       remove .venv, .bench-site and caches"

.venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	command -v $(PYTHON) >/dev/null || { echo "spotwarden needs Python 3.11 or newer: install it (Debian: apt-get install python3), or say PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "spotwarden needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1): say PYTHON=python3.12 make …" >&2; exit 1; }
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)" >&2; exit 1; }
	echo "installing into .venv (once, about a minute) …" >&2
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' 1>&2
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/spotwarden demo $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 3 --dist loadfile $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache >&2

format: $(STAMP)
	$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format --quiet .

# pandas and scikit-learn are baselines of the bench only, and stay out of .venv: sqlite_utils imports pandas where it finds it
$(BENCH): $(STAMP)
	echo "installing pandas and scikit-learn into .bench-site (once) …" >&2
	rm -rf .bench-site
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --target .bench-site pandas scikit-learn 1>&2
	touch $(BENCH)

bench: $(BENCH)
	$(BIN)/python -m tests.bench $(ARGS)

torture: $(STAMP)
	$(BIN)/python -m tests.torture $(ARGS)

acceptance: $(STAMP)
	$(BIN)/python -m tests.acceptance $(ARGS)

screenshots: $(STAMP)
	$(BIN)/python -m tests.tui.tour_screens docs/screens

pyz:
	$(PYTHON) -m tools.recovery.guard.pyz dist/spotwarden_guard.pyz

clean:
	rm -rf .venv .bench-site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
