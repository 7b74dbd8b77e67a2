# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run install demo gallery tables tables-depth table-samples figures test test-kill test-slurm test-browser
.PHONY: test-all fuzz readme lint format benchmark benchmark-check clean

help: ## list the targets
	@grep -E '^[a-z0-9_%-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

run: install ## train and count: triangle run function=x2 depth=8
	$(BIN)/triangle run function=x2 depth=8

install: $(VENV)/installed ## virtual environment in .venv with the pinned versions and the package

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,compare,data]'
	@touch $@

DEMO := function=x3,sin,exp depth=3,4,5,6 method=kaiming,theorem_3_1,second_order_quick restarts=10

demo: install ## a small study from nothing in two minutes: a sweep of 36 runs, and the page that tells it
	$(BIN)/triangle run -m $(DEMO) outputs=outputs/demo launcher=joblib
	$(BIN)/triangle report --outputs outputs/demo --title "A small study" --out outputs/demo/report.html

gallery: demo ## draw the pictures of docs/gallery.md from the runs of the demo
	$(BIN)/python docs/gallery.py

tables: table-dense table-sparse table-beyond ## the tables and figures of the paper and past it, in outputs/; finished runs are reused

tables-depth: table-depth table-deepening table-auto ## those on what depth buys: an hour and a half of one core, so not in `tables`

table-%: install ## run experiment=% on all cores, then write its table and figures; conf/experiment/ lists them
	$(BIN)/triangle run experiment=$* launcher=joblib
	$(BIN)/triangle paper $*

table-samples: install ## five real curves, by triangle networks and by what else one might use
	$(BIN)/python benchmarks/samples.py

figures: install ## redraw all tables and figures from the runs on disk
	$(BIN)/triangle paper

test: install ## the whole suite but what is marked slow, kill or slurm, on all cores
	$(BIN)/python -m pytest -m "not slow and not kill and not slurm" -n auto --maxprocesses 8 --dist loadscope

fuzz: install ## words, files, networks and folders made at random: make fuzz SECONDS=600 [SEED=1]
	$(BIN)/python tests/fuzz/fuzz.py $(or $(SECONDS),30) $(SEED)

test-kill: install ## kill a sweep 25 times at random moments, and look for what was lost
	$(BIN)/python -m pytest -m kill -s

test-slurm: install ## sweeps on a SLURM of one node, installed (Debian, as root) and started for this
	@tests/sweeps/install_slurm.sh
	$(BIN)/python -m pytest -m slurm

test-browser: install ## the page of triangle report in Chromium, installed for this (Debian, as root)
	@tests/studies/install_chromium.sh
	$(BIN)/python -m pytest -m browser

test-all: install ## the slow tests too
	$(BIN)/python -m pytest

readme: tables ## run the commands of README.md and docs/, and write down what they print
	$(BIN)/python docs/readme.py

benchmark: install ## training, region counts, layers and sweeps, beside what one would use else: docs/benchmarks.md
	$(BIN)/python docs/readme.py docs/benchmarks.md

benchmark-check: install ## whether anything became less than half as fast, by benchmarks/ratios.json
	$(BIN)/python benchmarks/ratios.py

lint: install ## layout and habits (ruff), imports that go up (import-linter), types (mypy)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

.PHONY: rooms
rooms: install ## what imports what: a table, and the picture in docs/rooms.svg
	$(BIN)/python docs/rooms.py --picture docs/rooms.svg

format: install ## let ruff mend layout and imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and what tools leave behind; outputs/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
