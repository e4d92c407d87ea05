.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help:            ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[dev]'
	@touch $@

install: $(VENV)/.installed  ## build .venv with Simpang in it

demo: install    ## the whole chain on a simulated junction
	$(BIN)/simpang demo --out demo-output

test: install    ## every test
	$(BIN)/python -m pytest

lint: install    ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

baselines: install  ## count every truth again, record what the gate compares with, rewrite docs/accuracy.md
	$(BIN)/python -m benchmarks.accuracy_tables

.PHONY: help install demo test lint baselines
