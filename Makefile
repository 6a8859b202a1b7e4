# One command each; `make help` lists them. Needs Python >= 3.11, git and make: uv comes through pip when it is missing.
PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null || echo "$(PYTHON) -m uv")
RUN = $(UV) run --frozen
ARGS ?=
FAST ?=
K ?=
TESTS ?=
HYPOTHESIS ?= default
export FAST TESTS K HYPOTHESIS RUN

.PHONY: help install servers demo test lint bench
help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

install:  ## bring uv when it is missing, then exactly what uv.lock names
	@$(UV) --version >/dev/null 2>&1 || $(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	@$(UV) sync --frozen --quiet --compile-bytecode
	@$(RUN) python -m compileall -q omnisync

servers:  ## what the tests start for themselves: PostgreSQL, MariaDB, Firebird, Chromium (Debian, as root)
	@.ci/servers

demo: install  ## the sample company, its import and the pages (ARGS=--once leaves after the summary)
	@$(RUN) omnisync demo $(ARGS)

test: install  ## every test (FAST=1 without acceptance and browser, TESTS=folder or K=expr for some, HYPOTHESIS=thorough or deep)
	@.ci/test

lint: install  ## ruff, mypy and the import contracts
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) lint-imports

bench: install  ## our import against a bare script on SQLite and PostgreSQL, as ratios within one run (ARGS=--peers: and others)
	@$(RUN) python bench/run.py $(ARGS)
