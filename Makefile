# `make demo` and `make test` do all the set-up they need. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
LOCKS := infra/locks
FILE ?=

.PHONY: help setup demo test check fast up down key bench package lock clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## Install everything that is pinned, once.
	@:

$(VENV)/.ready: infra/setup.sh pyproject.toml $(LOCKS)/uv.txt $(LOCKS)/dev.txt
	@infra/setup.sh $(VENV) $(LOCKS)
	@touch $@

lock: setup ## Resolve the pinned versions again, with hashes.
	@infra/lock.sh $(BIN)/uv $(LOCKS)

clean: ## Stop the stack and remove everything that was made here.
	@if [ -x $(BIN)/mediajobs ]; then $(BIN)/mediajobs down; fi
	@rm -rf $(VENV) .local .build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
