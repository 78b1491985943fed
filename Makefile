# SPDX-License-Identifier: GPL-3.0-or-later
# `make audit` and `make test` do everything on a fresh machine; `make help` lists the rest.
VENV ?= .venv
# Processes that run tests at the same time; many tests wait for an answer that does not come, so one more than cores.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 1) + 1)
BIN := $(VENV)/bin
# Each file of tests goes to one worker, in the order of tests/conftest.py.
BY_FILE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Which of the tests on booted hosts are run.
FLEET ?= tests/fleet
READY := $(VENV)/.ready
export INVENTORY TARGETS OUT AUDIT_ARGS PYTHON

.PHONY: help venv audit test lint sanity wide matrix collection dist chroots fleet-images fleet-test mutants truth enforced bench clean
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml packaging/make_venv.sh
	@packaging/make_venv.sh $(VENV)

venv: $(READY) ## Make the environment in .venv

audit: $(READY) ## Audit the embedded lab, or INVENTORY=path, or TARGETS="mail.example.org 192.0.2.0/28"
	@packaging/audit.sh $(abspath $(BIN))

test: $(READY) ## Run the tests
	@packaging/test_servers.sh
	$(BIN)/python -m pytest $(BY_FILE)

lint: $(READY) ## ruff, mypy, yamllint, ansible-lint, changelog
	@packaging/lint.sh $(abspath $(BIN))

sanity: $(READY) ## ansible-test sanity on the staged collection
	@packaging/sanity.sh $(abspath $(BIN))

wide: $(READY) ## The tests that `make test` has no time for
	@packaging/test_servers.sh
	$(BIN)/python -m pytest $(BY_FILE) -m wide tests/integration --deselect tests/integration/daemon/test_random_profiles.py

matrix: $(READY) ## The audit under the lowest, a middle and the newest ansible-core
	$(BIN)/python -m pytest -m matrix tests/packaging

collection: $(READY) ## Build the Galaxy tarball into dist/
	@packaging/collection.sh $(abspath $(BIN)) dist

dist: $(READY) ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

chroots: $(READY) ## Make the Debian releases that some of the tests' servers come from (root, debootstrap)
	@packaging/test_servers.sh
	$(BIN)/python -m tests.peers.chroots

fleet-images: $(READY) ## Make the file systems that the lab's hosts start from (root, debootstrap)
	@packaging/test_servers.sh
	$(BIN)/python -m tests.fleet.image

fleet-test: fleet-images ## The tests on real hosts that are booted on this machine (root, debootstrap, systemd-nspawn)
	@# Not in the environment of all: only the scenarios want it, and what it brings is large.
	@[ -x $(BIN)/molecule ] || $(BIN)/python -m pip install -q molecule || echo "molecule could not be installed; its scenarios skip"
	@# Each worker has a lab of its own. Most of the time goes into waiting for time limits.
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest -v $(BY_FILE) $(FLEET)

mutants: $(READY) ## Prove that the tests notice faults
	$(BIN)/python -m tests.mutants.run

truth: $(READY) ## Hold the gate against 200 random configurations of real servers
	@# A worker for each kind of server: it waits for most of its time.
	GATE_CONFIGURATIONS=29 $(BIN)/python -m pytest -raP -n 7 tests/integration/gate/test_truth_by_configuration.py

enforced: $(READY) ## Enforce 200 random profiles on real mail daemons, and hold what the gate sees against them
	@# Hosts of each kind side by side: most of the time is waiting.
	DAEMON_PROFILES=40 DAEMON_HOSTS=2 $(BIN)/python -m pytest -raP -m wide tests/integration/daemon/test_random_profiles.py

bench: $(READY) ## Endpoints per second and memory, against peers
	$(BIN)/python -m tests.bench.bench_endpoints --network
	$(BIN)/python -m tests.bench.bench_gate --network
	$(BIN)/python -m tests.bench.bench_full
	$(BIN)/python -m tests.bench.bench_find
	$(BIN)/python -m tests.bench.bench_judge
	$(BIN)/python -m tests.bench.bench_reports
	$(BIN)/python -m tests.bench.bench_close

clean: ## Remove what was built
	rm -rf dist $(VENV)
