# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run install tables table-dense table-sparse table-depth table-beyond table-nonconvex table-radial table-digits table-tabular table-cifar10 table-imagenet_vgg16 figures test test-kill test-slurm test-all readme lint format benchmark clean

help: ## list the targets
	@grep -E '^[a-z0-9_-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

run: install ## train and count: triangle run function=x2 depth=8
	$(BIN)/triangle run function=x2 depth=8

install: $(VENV)/installed ## virtual environment in .venv with the pinned versions and the package

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,compare,data]'
	@touch $@

tables: table-dense table-sparse table-depth table-beyond ## the tables and figures of README.md, in outputs/; finished runs are reused

table-dense: install ## tables 1 and 2: five methods, 500 points, and their figures
	$(BIN)/triangle run experiment=dense
	$(BIN)/triangle paper dense

table-sparse: install ## table 3: ten points to train, ten to test
	$(BIN)/triangle run experiment=sparse
	$(BIN)/triangle paper sparse

table-depth: install ## linear regions and error against depth
	$(BIN)/triangle run experiment=depth
	$(BIN)/triangle paper depth

table-beyond: install ## second-order schedules, the floor, and what else one might fit
	$(BIN)/triangle run experiment=beyond
	$(BIN)/triangle paper beyond

table-nonconvex: install ## differences of triangle networks against random networks with as many parameters
	$(BIN)/triangle run experiment=nonconvex
	$(BIN)/triangle paper nonconvex

table-radial: install ## triangle networks along learned directions of the plane, likewise
	$(BIN)/triangle run experiment=radial
	$(BIN)/triangle paper radial

table-digits: install ## handwritten digits: triangle networks in the place of ReLUs
	$(BIN)/triangle run experiment=digits
	$(BIN)/triangle paper digits

table-tabular: install ## regression on tables, beside ReLUs, a linear model and gradient-boosted trees
	$(BIN)/triangle run experiment=tabular
	$(BIN)/triangle paper tabular

table-cifar10: install ## CIFAR-10, for those who have it: see docs/data.md
	$(BIN)/triangle run experiment=cifar10
	$(BIN)/triangle paper cifar10

table-imagenet_vgg16: install ## the classifier of VGG-16 on ImageNet, for those who have it: see docs/data.md
	$(BIN)/triangle run experiment=imagenet_vgg16
	$(BIN)/triangle paper imagenet_vgg16

figures: install ## redraw all tables and figures from the runs on disk
	$(BIN)/triangle paper

test: install ## the whole suite but what is marked slow, kill or slurm, on all cores
	$(BIN)/python -m pytest -m "not slow and not kill and not slurm" -n auto --dist loadgroup

test-kill: install ## kill a sweep 25 times at random moments, and look for what was lost
	$(BIN)/python -m pytest -m kill -s

test-slurm: install ## sweeps on a SLURM of one node, installed (Debian, as root) and started for this
	@tests/sweeps/install_slurm.sh
	$(BIN)/python -m pytest -m slurm

test-all: install ## the slow tests too
	$(BIN)/python -m pytest

readme: tables ## run README.md's commands and write down what they print
	$(BIN)/python docs/readme.py

benchmark: install ## training, region counts, layers and sweeps, beside what one would use else: docs/benchmarks.md
	$(BIN)/python docs/readme.py docs/benchmarks.md

lint: install ## what ruff finds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## let ruff mend layout and imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and what tools leave behind; outputs/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
