# `make` or `make help` lists what is here.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
PORT ?= 8000
WASM_PORT ?= 8082
ADMIN_PORT ?= 9901
EXAMPLE ?= examples/toystore

VENV := .venv
BIN := $(VENV)/bin
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
PIP := $(BIN)/python -m pip --disable-pip-version-check

##@ Use

.PHONY: demo
demo: $(VENV)/.run ## Run the toystore example on a real Envoy (PORT, WASM_PORT, ADMIN_PORT)
	@exec $(BIN)/kuadrant run $(EXAMPLE) --echo --port $(PORT) --wasm-port $(WASM_PORT) --admin-port $(ADMIN_PORT)

##@ Develop

.PHONY: test
test: $(VENV)/.dev ## Set up and run every check and test (TESTS=... for some of them)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python wasm-shim/build.py --check
	$(BIN)/python -m pytest --numprocesses 2 $(TESTS)

.PHONY: coverage
coverage: $(VENV)/.dev ## Run the tests and show the lines and branches that none of them reaches
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 2 $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: venv
venv: $(VENV)/.dev ## Only set up .venv with everything that the tests need

.PHONY: shim
shim: $(VENV)/.dev ## Rebuild the proxy-wasm module from wasm-shim/
	@$(BIN)/python wasm-shim/build.py

.PHONY: wheel
wheel: $(VENV)/.run ## Build the wheel into dist/
	@$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

.PHONY: lock
lock: ## Renew requirements/*.txt from pyproject.toml (needs uv)
	$(LOCK) pyproject.toml --output-file requirements/run.txt
	$(LOCK) pyproject.toml --group build --group test --output-file requirements/dev.txt
	$(LOCK) requirements/install.in --output-file requirements/install.txt

.PHONY: clean
clean: ## Remove .venv, caches and build results
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .import_linter_cache

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, this is %s; set PYTHON=..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt requirements/install.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes -r requirements/run.txt -r requirements/install.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
