# Every target does all of its own set-up: a machine with Python 3.11 or newer and make is enough.

VENV   := .venv
BIN    := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY  := $(VENV)/.ready
LOCK   := requirements-dev.lock
LOCKER := .venv-lock

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

PIP := $(BIN)/python -m pip --disable-pip-version-check
# Universal: one lock for every platform and Python that is supported, with markers where they differ.
COMPILE := $(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url $(UPGRADE)
IMAGE_EXTRAS := client worker api cli data otel

# Tests start a thousand processes: without bytecode each of them compiles everything anew, a quarter of the whole time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo up test test-quick coverage faults check bench rehearse-containers rehearse-failover rehearse-monitoring docs build lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 28

demo: $(READY) ## Run everything here with sample data, and show it at work
	@$(BIN)/aeon-jobs demo

up: $(READY) ## Run everything here: PostgreSQL, Redis, API, workers; ARGS=shop for job types of your own
	@$(BIN)/aeon-jobs up $(ARGS)

test: $(READY) ## Run all tests against real servers
	@$(TIDY); $(BIN)/python -m pytest $(if $(ARGS),$(ARGS),$(ALL) --durations=12)

coverage: $(READY) ## Run all tests, and measure which lines they run: half as long again
	@$(TIDY); $(BIN)/python -m pytest $(ALL) --cov --cov-report=term --cov-fail-under=85

# Four test processes keep two cores busy: tests of faults wait much. A file's tests share its servers, so they stay
# together; the folders with long tests come first.
ALL := -n 4 --dist loadfile --no-loadscope-reorder

# Processes that tests kill leave temporary files: here all of them are in one directory, which goes at the end.
TIDY := directory=$$(mktemp -d /tmp/aj-XXXXXX); trap 'rm -rf $$directory' EXIT; trap 'exit 130' INT TERM; \
	chmod 1777 $$directory; export TMPDIR=$$directory

# The main path: plain SQL, claim and record, a job from its submission to its result.
QUICK := tests/unit $(addprefix tests/integration/,persistence/test_sql_scenarios.py persistence/test_claim.py persistence/test_record.py \
	workers/test_life_of_a_job.py)

test-quick: $(READY) ## Run the unit tests and those of the main path
	$(BIN)/python -m pytest -n 2 -q $(QUICK)

RUNS ?= 200
SEED ?= 1
faults: $(READY) ## Kill, freeze, cut and flush: RUNS=200 random runs from SEED=1
	FAULT_JOBS=2000 $(BIN)/python -m pytest tests/faults tests/integration/persistence/test_state_machine.py --timeout 600 $(ARGS)
	$(BIN)/python -m tests.faults.history --seed $(SEED) --runs $(RUNS)

check: $(READY) ## Format, lint, types, import directions, compose file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	@if [ ! -f compose.yaml ]; then echo "no compose.yaml yet"; \
	elif docker compose version >/dev/null 2>&1; then docker compose config -q; \
	else echo "docker compose is not here: compose.yaml was not checked"; fi

rehearse-failover: $(READY) ## Fail Redis Sentinel and PostgreSQL over under load: what is lost, how long it takes; ARGS="redis"
	@$(TIDY); $(BIN)/python -m aeon_jobs.ops.rehearsals.failover $(ARGS)

rehearse-containers: $(READY) ## Build the image, run compose.yaml, upgrade, scale, roll back (15 min; root on Debian)
	@$(BIN)/python -m aeon_jobs.ops.rehearsals.containers

bench: $(READY) ## Measure service levels, curves and rivals (25 min); ARGS="--quick", "--only rivals", "--write-docs"
	@$(BIN)/python -m aeon_jobs.ops.benchmarks $(ARGS)

docs: $(READY) ## Build the documentation as a site, in site/; open site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file ops/docs/mkdocs.yml

rehearse-monitoring: $(READY) ## Prometheus, Alertmanager and every alert's way, for real (4 min); ARGS=--pictures draws the panels
	@$(BIN)/python -m aeon_jobs.ops.rehearsals.monitoring $(ARGS)

.PHONY: rehearse-schedulers
rehearse-schedulers: $(READY) ## Ten schedulers for five minutes, killed and frozen: is a run doubled or missed? ARGS="60 4"
	@$(BIN)/python -m aeon_jobs.ops.rehearsals.schedulers $(ARGS)

.PHONY: rehearse-year
rehearse-year: $(READY) ## Twenty schedules tick through a whole year in seven time zones, against an oracle
	@$(TIDY); REHEARSE_YEAR=1 $(BIN)/python -m pytest tests/integration/persistence/test_schedule_year.py -q

.PHONY: rehearse-docs
rehearse-docs: $(READY) ## Run the blocks of the pages with many commands
	@$(TIDY); REHEARSE_DOCS=1 $(BIN)/python -m pytest tests/docs/test_pages.py -q --timeout 600 -o faulthandler_timeout=660 \
		-k "runs and (cli or deployment or migrating or performance or troubleshooting or tutorial)"

.PHONY: rehearse-api
rehearse-api: $(READY) ## Every route of the API with Schemathesis: examples, every border of every field, random requests
	@$(TIDY); REHEARSE_API=1 $(BIN)/python -m pytest tests/e2e/test_api_server.py -k schemathesis -q -o faulthandler_timeout=660

.PHONY: rehearse-restore
rehearse-restore: $(READY) ## Back up under load, destroy PostgreSQL and Redis, restore, account for every job
	@$(BIN)/python -m aeon_jobs.ops.rehearsals.restore

.PHONY: rehearse-dashboard
rehearse-dashboard: $(READY) ## The dashboard and all lists with a million jobs, and pictures for docs/dashboard (4 min)
	@$(TIDY); REHEARSE_DASHBOARD=1 DASHBOARD_PICTURES=1 $(BIN)/python -m pytest -q -s --timeout 600 \
		tests/dashboard tests/integration/persistence/test_a_million_jobs.py $(ARGS)

build: $(READY) ## Make the sdist, and the wheel out of it, in dist/
	@rm -rf dist
	$(BIN)/python -m build --no-isolation
	@# It would be found before the installed one, and grow old.
	@rm -rf build aeon_jobs.egg-info

lock: $(LOCKER)/.ready ## Pin what pyproject.toml names; UPGRADE=--upgrade takes the newest versions
	$(COMPILE) $(IMAGE_EXTRAS:%=--extra %) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

clean: ## Remove what the other targets made; data of `up` stay
	rm -rf $(VENV) $(LOCKER) build dist site *.egg-info .coverage .coverage.* htmlcov \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Exactly the locked packages. --no-deps: the lock is complete, and some versions of pip take a newer release for
# `coverage[toml]` than the lock names, and refuse it. `pip check` says if the lock is not complete.
$(LOCKED): $(LOCK) | $(BIN)/python
	@echo "installing the packages of $(LOCK) in $(VENV); this takes a minute or two"
	@$(PIP) install --quiet --no-deps --require-hashes -r $(LOCK)
	@$(PIP) check
	@touch $@

# Then the project itself, linked.
$(READY): $(LOCKED) pyproject.toml
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(PIP) check
	@touch $@

# The one set-up that cannot be locked: it makes the locks.
$(LOCKER)/.ready: | $(BIN)/python
	@$(BIN)/python -m venv $(LOCKER)
	@$(LOCKER)/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.5'
	@touch $@

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: no Python 3.11 or newer with venv found. Install one (Debian: apt install python3-venv)" \
		     "or name it: make PYTHON=/path/to/python" >&2; exit 1; fi
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
