# `make demo` and `make test` do all the set-up they need. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
LOCKS := infra/locks
# As many tests at once as there are processors; those on the deployed stack share it, one after the other.
SIDE_BY_SIDE := -n auto
export FILE ?=

.PHONY: help setup demo test check fast up down key bench package lock clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## Install everything that is pinned, once.
	@:

$(VENV)/.ready: infra/setup.sh pyproject.toml $(LOCKS)/uv.txt $(LOCKS)/dev.txt
	@infra/setup.sh $(VENV) $(LOCKS)
	@touch $@

demo: setup ## A real video through the real thing; FILE=some.mp4 for yours.
	@$(BIN)/mediajobs demo $${FILE:+"$$FILE"}

test: check ## All checks and tests, the fast ones first.
	@infra/test_tools.sh
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/unit tests/integration tests/media tests/security
	@$(BIN)/python -m pytest tests/e2e

check: setup ## Lint, types, templates.
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m infra.lint

fast: setup ## The tests that need neither a stack nor media.
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/unit tests/integration

up: setup ## A stack on this machine, kept until `make down`. MEDIAJOBS_PORT names its port.
	@$(BIN)/mediajobs up

down: ## Stop it, and whatever a crash left behind.
	@if [ -x $(BIN)/mediajobs ]; then $(BIN)/mediajobs down; fi

key: setup ## A new API key with the default limits, alone on the last line.
	@$(BIN)/mediajobs keys create --account demo

bench: setup ## The figures of docs/benchmarks.md.
	@$(BIN)/python -m tests.load

package: setup ## What a deployment uploads, in .build/.
	@$(BIN)/python -m infra.packaging

lock: setup ## Resolve the pinned versions again, with hashes.
	@infra/lock.sh $(BIN)/uv $(LOCKS)

clean: ## Stop the stack and remove everything that was made here.
	@if [ -x $(BIN)/mediajobs ]; then $(BIN)/mediajobs down; fi
	@rm -rf $(VENV) .local .build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
