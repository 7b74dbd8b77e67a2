# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run install test test-kill test-all lint format benchmark clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: install ## train and count: triangle run function=x2 depth=8
	$(BIN)/triangle run function=x2 depth=8

install: $(VENV)/installed ## virtual environment in .venv with the pinned versions and the package

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

test: install ## the whole suite but what is marked slow or kill
	$(BIN)/python -m pytest -m "not slow and not kill"

test-kill: install ## kill a sweep 25 times at random moments, and look for what was lost
	$(BIN)/python -m pytest -m kill -s

test-all: install ## the slow tests too
	$(BIN)/python -m pytest

lint: install ## what ruff finds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## let ruff mend layout and imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and what tools leave behind; outputs/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
