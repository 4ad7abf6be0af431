# Each target works alone on a fresh clone: it makes what it needs first, and only then.
# `make` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Containers often forbid bytecode files; each of the many servers that the tests start would
# compile all its modules again.
export PYTHONDONTWRITEBYTECODE :=

PYTHON := .venv/bin/python
SETUP := conformance/setup
# Stamps: newer than what was installed from.
DEV := .venv/.installed-dev
SUITE := .venv/.installed-suite

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(DEV) ## Make .venv and install the project and its tools into it.
	@:

$(DEV): pyproject.toml $(SETUP)/virtualenv.sh
	@$(SETUP)/virtualenv.sh dev
	@touch $@

# What the whole of kazoo's own test suite needs on top.
$(SUITE): $(DEV)
	@$(SETUP)/virtualenv.sh dev suite
	@touch $@

.PHONY: system
system: ## Install the other languages' tools and clients that the tests use (Debian, as root).
	@$(SETUP)/system.sh tests

.PHONY: system-demo
system-demo:
	@$(SETUP)/system.sh demo

.PHONY: demo
demo: install ## Show a cluster at work: ZooKeeper, a framework, a word count.
	@$(PYTHON) -m mesozoic demo

.PHONY: demo-crash
demo-crash: system-demo install ## Kill a ZooKeeper server, and show that nothing was lost.
	@$(PYTHON) -m conformance.demo

.PHONY: lint
lint: install ## Check style, format and types.
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy --strict

.PHONY: test
test: system install lint ## Run the linters and all tests.
	$(PYTHON) -m pytest -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder --durations=15

.PHONY: bench
bench: system install ## Measure the server beside Apache's, for some minutes.
	$(PYTHON) -m conformance.bench zk --quick

.PHONY: conformance
conformance: system $(SUITE) ## Compare the server with Apache's by real clients; one table.
	$(PYTHON) -m conformance
	@$(SETUP)/mesos_clients.sh
	$(PYTHON) -m conformance.mesos

.PHONY: protos
protos: install ## Compile Mesos's messages, after a change of a .proto file.
	@$(SETUP)/protos.sh

.PHONY: soak
soak: system install ## The long proofs: random operations, crashes, malformed input, seeds, all loads.
	$(PYTHON) -m conformance.differential --operations 200000
	$(PYTHON) -m conformance.crash --rounds 100
	$(PYTHON) -m conformance.fuzz --inputs 1000000
	$(PYTHON) -m zkserver.sim --seeds 1-20000
	$(PYTHON) -m zkserver.sim --seeds 1-20000 --servers 5
	$(PYTHON) -m zkserver.sim.planted
	$(PYTHON) -m pytest -q tests/paxos --storms 2000
	$(PYTHON) -m conformance.reconfig
	$(PYTHON) -m conformance.rolling --rounds 10
	$(PYTHON) -m conformance.migration
	$(PYTHON) -m conformance.chaos run --seconds 600 --clients 50
	$(PYTHON) -m conformance.chaos recover --kills 30
	$(PYTHON) -m conformance.chaos bridge
	$(PYTHON) -m mesos_compat.sim --minutes 60
	$(PYTHON) -m mesos_compat.sim.planted
	$(PYTHON) -m conformance.mesos.chaos kill --rounds 5
	$(PYTHON) -m conformance.mesos.chaos failover
	$(PYTHON) -m conformance.mesos.chaos jobs
	$(PYTHON) -m conformance.mesos.limits
	$(PYTHON) -m conformance.bench zk
	$(PYTHON) -m conformance.bench mesos
	$(PYTHON) -m conformance.bench pool
