# One word per job; every job works on a clean clone with Python 3 and make. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup check verify generate cluster helm messages unit test test-all test-tools isolation chaos e2e bench pipelines profile churn demo clean

PYTHON := .venv/bin/python
STAMP := .venv/.complete
PYTEST := .venv/bin/python -m pytest
# A worker for each core; tests/conftest.py says what goes to which.
SIDE_BY_SIDE := -n auto
# These wait for a real clock and for clusters half of the time.
TEST_WORKERS := -n 3

help:  ## list the jobs
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv from the lock file

$(STAMP): pyproject.toml uv.lock .python-version scripts/setup
	@scripts/setup
	@touch $@

check: setup  ## ruff, mypy --strict, layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

generate: setup  ## write what is generated from the models: the CRDs, the chart's copy of them, reference pages; and the pictures
	$(PYTHON) scripts/generate

verify: setup  ## fail when a generated file is stale
	$(PYTHON) scripts/generate --check

messages: setup  ## write tests/unit/messages.txt, the texts that unit tests compare
	$(PYTEST) -q -n 0 tests/unit --write-messages

helm:  ## build Helm, for the chart's tests (minutes when cold, cached afterwards)
	@helm/tool/build

cluster:  ## build the local control plane (minutes when cold, cached afterwards)
	@cluster/build

unit: setup  ## the fast tests: no control plane
	$(PYTEST) $(SIDE_BY_SIDE) tests/unit tests/contract

# With COVERAGE=1 the two measure together: `make test` begins, `make test-all` adds and judges, as .ci/run does.
RIGHTS := $(CURDIR)/.cache/rights
MEASURED = $(if $(COVERAGE),RIGHTS_NOTES=$(RIGHTS) .venv/bin/coverage run -m pytest,$(PYTEST)) $(TEST_WORKERS)

test: check verify test-tools  ## checks, then all tests that do not take long: meant for 8 minutes on two cores
	rm -rf .coverage .coverage.* $(RIGHTS)
	$(MEASURED) -m "not long"

test-all: setup test-tools  ## the tests that `make test` leaves out; COVERAGE=1 in both measures the branches covered by both
	$(MEASURED) -m long
ifdef COVERAGE
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report --fail-under=90
	$(PYTHON) -m tests.support.permissions $(RIGHTS)
endif

test-tools: setup
	@cluster/build >/dev/null
	@helm/tool/build >/dev/null
	@tools/build promtool >/dev/null
	@tools/build actionlint >/dev/null
	@tools/build gitops >/dev/null

isolation: setup  ## tenants that attack the operator, each beside a healthy one
	@cluster/build >/dev/null
	@helm/tool/build >/dev/null
	$(PYTEST) $(SIDE_BY_SIDE) tests/isolation

chaos: setup  ## kill the controller and spoil answers at every step; CHAOS_ROUNDS=10 for a longer run
	$(PYTEST) $(SIDE_BY_SIDE) tests/chaos

bench: setup  ## what many Syncs cost, beside the floor; SYNCS="500 2000" for other sizes, OUT=folder for elsewhere
	$(PYTHON) -m benchmarks --syncs $(or $(SYNCS),500 2000 10000) --out $(or $(OUT),benchmarks)

pipelines: setup  ## what many whole pipelines cost, beside the floor; PIPELINES=100 for another size, OUT=folder for elsewhere
	$(PYTHON) -m benchmarks.pipelines --pipelines $(or $(PIPELINES),1000) --out $(or $(OUT),benchmarks)

profile: setup  ## where the time of a create goes; SYNCS=500 for another size; needs the right to look into processes
	$(PYTHON) -m benchmarks.profile --syncs $(or $(SYNCS),2000) --out $(or $(OUT),benchmarks)

churn: setup  ## changes and runs for half an hour; SYNCS=100 IDLE=1 MINUTES=1 for a small one, OUT=folder for elsewhere
	$(PYTHON) -m benchmarks.churn --syncs $(or $(SYNCS),10000) --idle $(or $(IDLE),5) --minutes $(or $(MINUTES),30) \
		--out $(or $(OUT),benchmarks)

e2e: setup  ## the chart on a real node with real containers (Linux, root, debootstrap)
	@cluster/build >/dev/null
	@cluster/node/build >/dev/null
	@helm/tool/build >/dev/null
	$(PYTEST) --timeout 600 tests/e2e

demo: setup  ## the main job on a local control plane; KEEP=1 leaves it running; CLUSTER=current IMAGE=… on yours
	@$(PYTHON) scripts/demo $(if $(KEEP),--keep) $(if $(CLUSTER),--cluster $(CLUSTER)) $(if $(IMAGE),--image $(IMAGE)) $(if $(YES),--yes)

clean:  ## remove what the jobs made in this folder; the cached control plane stays
	rm -rf .venv .tools .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
