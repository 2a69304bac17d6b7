# Everything one does with Pioche. `make` alone lists the targets.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
ENV := .venv/installed
ENGINES := .venv-engines
ARGS ?=
# One more than there are cores: tests wait for servers and browsers for four tenths of their time.
JOBS ?= $(shell expr `getconf _NPROCESSORS_ONLN` + 1)
CONFORMANCE ?= ../shared/conformance/run.py
CLIENT_GIT ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore

.DEFAULT_GOAL := help
ASSETS := src/pioche/web/static/vendor/sources.txt

.PHONY: help run test check assets screenshots bench bench-inference bench-spaces docs clients test-engines faults torture ray conformance format clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
		|| grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

# The environment is made once, and again when pyproject.toml changes.
$(ENV): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Pioche needs Python 3.11 or newer: install it, or give its path with make PYTHON=..."; exit 1; }
	@echo "Preparing the Python environment in .venv (about a minute, once) ..."
	@$(PYTHON) -m venv .venv || { echo "Python cannot make a virtual environment here: install its venv module (Debian: apt install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@

# Scripts of other projects, made once and again when their list changes. A hub without them runs all the same, with less.
$(ASSETS): $(ENV) $(wildcard frontend/*.json frontend/*.py frontend/*.mjs frontend/src/*.js frontend/browser/*.js)
	@echo "Fetching and bundling the scripts of the pages (once) ..."
	@$(BIN)/python frontend/build.py && touch $@

assets: $(ASSETS) ## Build the third-party scripts of the pages, with the versions of frontend/package-lock.json

run: $(ENV) ## Start a hub on http://localhost:8000, with sample models and a dataset on the first start (PIOCHE_* settings are honoured)
	@$(MAKE) --no-print-directory assets || echo "Going on without them: the pages do less."
	@exec $(BIN)/python scripts/run.py

# A process of pytest-xdist that crashes is not replaced: the one in its place would be given files that are done, wait for
# more, and never end. What the others have begun is run to its end, and the run has failed. Files come in the order of
# tests/conftest.py: those with many tests first would leave the slowest ones for the end, and one core for them.
test: $(ENV) $(ASSETS) ## Run the tests, on all cores (ARGS='tests/unit -k names' narrows them)
	@scripts/need git git-lfs ssh chromium
	@scripts/need bwrap || echo "No bubblewrap here: sandboxes are tested without it."
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -m 'not long' $(ARGS)

check: $(ENV) ## Check form, lint, types, the import contract, spelling and that the project describes itself
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy scripts benchmarks tests/*.py
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m pytest -q -m 'not long' tests/meta --ignore tests/meta/test_wheel.py --ignore tests/meta/test_rights.py

format: $(ENV) ## Put the code into its form and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(ENV) $(ASSETS) ## Take the pictures of docs/screenshots: the main pages in both languages and themes, phone and desktop
	@scripts/need chromium
	$(BIN)/python -m scripts.screenshots

docs: $(ENV) ## Write the tables of docs/reference from the code, and print the compatibility score
	$(BIN)/python scripts/reference.py
	$(BIN)/python scripts/compatibility.py

clients: $(ENV) ## Run the long tests: every client version, large uploads, the libraries on top (half an hour)
	@scripts/need git git-lfs
	$(BIN)/python -m pytest -m long $(ARGS)

# torch is a gigabyte, and a new one may answer otherwise: it is pinned, and has an environment of its own.
$(ENGINES)/installed: pyproject.toml tests/engines.txt
	@echo "Preparing an environment with torch, transformers and diffusers in $(ENGINES) (some minutes, once) ..."
	@$(PYTHON) -m venv $(ENGINES)
	@$(ENGINES)/bin/python -m pip install -qq --constraint tests/engines.txt --editable '.[dev,inference,diffusers]'
	@touch $@

test-engines: $(ENGINES)/installed ## Run the tests of models that need torch, transformers and diffusers, which CI has not (ten minutes)
	@scripts/need git
	@$(ENGINES)/bin/python -m pytest -m 'not long' tests/unit/serving tests/protocols/test_pipelines.py tests/protocols/test_inference.py $(ARGS)

faults: $(ENV) ## Run the fault suites in full: every kind of damage on both storages, kills at every step (an hour; ARGS='-k j6')
	@scripts/need git git-lfs
	$(BIN)/python -m pytest -m long tests/scenarios tests/torture $(ARGS)

torture: $(ENV) ## Kill a hub under load again and again, then prove that nothing acknowledged is lost (ARGS='--seconds 600 --database postgresql')
	@scripts/need git
	@$(BIN)/python -m tests.torture $(ARGS)

# Ray reads its settings once in a process: each of the two has its own.
ray: $(ENV) ## Start a real Ray, and run on it the suite of backends and the story of a canary, a faulty revision, sleep and wake (ten minutes)
	@$(BIN)/python -c 'import ray' 2>/dev/null || $(BIN)/python -m pip install -qq --editable '.[ray]'
	$(BIN)/python -m pytest -m long tests/behaviour/test_backends.py -k ray $(ARGS)
	$(BIN)/python -m pytest -m long tests/scenarios/test_endpoints.py -k ray $(ARGS)

bench: $(ENV) ## Print each goal of speed and memory, with what was reached (ARGS='downloads git' for some sections; all take a quarter of an hour)
	@scripts/need git nginx wrk chromium
	$(BIN)/python -m benchmarks $(ARGS)

bench-spaces: $(ENV) ## Print what Spaces wait for and cost: builds of environments
	$(BIN)/python -m benchmarks builds $(ARGS)

bench-inference: $(ENV) ## Print what asking a model costs: the way through the hub, batches and streams beside their ideal, cold starts, endpoints, other servers
	@scripts/need git wrk
	$(BIN)/python -m benchmarks inference streams starts deployments rivals $(ARGS)

conformance: $(ENV) ## Run the client's own test suite against a fresh hub (CLIENT_GIT=a git directory of huggingface_hub)
	$(BIN)/python -m scripts.conformance --suite '$(CONFORMANCE)' --git '$(CLIENT_GIT)' $(ARGS)

clean: ## Remove the environment and everything built (never data/)
	rm -rf .venv .venv-clients .venv-engines build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
