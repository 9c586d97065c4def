# Every target makes its own environment in .venv first, and again when pyproject.toml or constraints.txt change.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
WORKERS ?= auto
OUT ?= out
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# One process per core runs tests: more threads in each would only contend.
export OMP_NUM_THREADS ?= 1

.PHONY: help install demo test test-slow lint schema docs bench check-generated clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (torch first; the first time takes minutes)"
	@$(PIP) install "torch==2.13.0"
	@$(PIP) install -c constraints.txt -e ".[dev]"
	@touch $@

install: $(INSTALLED) ## make .venv with everything in it

demo: $(INSTALLED) ## check a spec, compile it, train it on real digits, show the result
	@mkdir -p $(OUT)
	@rm -rf $(OUT)/run
	$(BIN)/archspec check specs/digits_cnn.yaml
	$(BIN)/archspec show specs/digits_cnn.yaml
	$(BIN)/archspec compile specs/digits_cnn.yaml -o $(OUT)/digits_cnn.py
	@cat $(OUT)/digits_cnn.py
	$(BIN)/archspec train specs/digits_cnn.yaml --run $(OUT)/run
	$(BIN)/archspec predict $(OUT)/run digits:17

test: $(INSTALLED) ## the tests (pass ARGS for others: make test ARGS=tests/cli)
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-slow: $(INSTALLED) ## the tests marked slow
	$(BIN)/python -m pytest -n $(WORKERS) -m slow $(ARGS)

lint: $(INSTALLED) ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

schema: $(INSTALLED) ## write the JSON Schemas in schemas/ from the declarations
	$(BIN)/python -m archspec.schema

docs: $(INSTALLED) ## write docs/ops.md, docs/training.md and docs/errors/ from the code, docs/specs.md from the specs
	$(BIN)/python -m archspec.cli.reference
	$(BIN)/python -m benchmarks.gallery

check-generated: $(INSTALLED) ## fail if a generated file is not what its source gives
	$(BIN)/python -m archspec.schema --check
	$(BIN)/python -m archspec.cli.reference --check
	$(BIN)/python -m benchmarks.gallery --check

bench: $(INSTALLED) ## measure checks, and compiled networks against hand-written ones
	$(BIN)/python -m benchmarks

clean: ## remove what was built, .venv included
	rm -rf .venv $(OUT) runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
