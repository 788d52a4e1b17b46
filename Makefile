# Everything here sets itself up: Python 3.11 or newer and make are enough.
#
#   make train                       train on the digits data set
#   make train ARGS="--epochs=3"     with options, see `make train ARGS=--help`
#   make test                        every check; what CI runs
#   make setup PYTHON=/path/python   choose the interpreter (remove .venv first if there is one)

VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
DOCS    := $(VENV)/.docs-installed
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
ARGS    ?=

.DEFAULT_GOAL := help
.PHONY: help setup train test lint format bench bench-epoch mutation mutation-tests verify-hard notebooks notebooks-pair docs docs-check clean distclean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1|/p' Makefile | while IFS='|' read -r name text; do \
	  printf '%-20s %s\n' "$$name" "$$text"; done

train: $(STAMP) ## train a sparse network on digits; options in ARGS="..."
	@$(BIN)/nerva-py train $(ARGS)

test: lint ## ruff, mypy, import-linter and pytest; options for pytest in ARGS="..."
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: $(STAMP) ## the static checks of `make test`
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(STAMP) ## let ruff correct and format everything
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(STAMP) ## all experiments of bench/ in short, with pictures; ARGS="--full", ARGS="--only epoch;memory"
	@$(BIN)/python bench $(ARGS)

bench-epoch: $(STAMP) ## seconds an epoch against masked PyTorch; options in ARGS="..."
	@$(BIN)/python bench/epoch.py $(ARGS)

mutation: $(STAMP) ## change every equation and kernel, and let the proofs reject each change; options in ARGS="..."
	@$(BIN)/python -m derivations.mutation $(ARGS)

mutation-tests: $(STAMP) ## change the code around the equations, and let the tests notice: a sample; options in ARGS="..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pytest-cov
	@$(BIN)/python -m tests.mutation $(ARGS)

verify-hard: $(STAMP) ## random layers, right and wrong ones: what check_layer says of them; claims in numbers; number in ARGS
	@$(BIN)/python -m tests.derivations.test_claims_in_numbers 10
	@$(BIN)/python -m tests.verify.random_layers $(or $(ARGS),1000)

notebooks: $(STAMP) ## execute all notebooks of tutorials/ with their full settings (`make test`: short ones)
	@NERVA_TUTORIALS=full $(BIN)/python -m pytest tutorials $(ARGS)

notebooks-pair: $(STAMP) ## make tutorials/*.ipynb anew from tutorials/*.py, without outputs
	@for script in tutorials/[0-9]*.py; do $(BIN)/python -m jupytext --quiet --update --to ipynb "$$script"; done

docs: $(DOCS) ## the documentation, in docs/_build/html; NERVA_DOCS=fast leaves the notebooks unexecuted
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

docs-check: docs ## open every page in a headless Chromium, which must be installed; ARGS="--pictures DIR"
	@$(BIN)/python docs/check.py $(ARGS)

setup: $(STAMP) ## make .venv and install into it (the other targets do this by themselves)

# Runs when pyproject.toml is newer than the last installation. An existing .venv is kept, with whatever else is in it.
$(STAMP): pyproject.toml
	@supported='import sys; sys.exit(sys.version_info < (3, 11))'; \
	found=; \
	if [ ! -e $(VENV) ]; then \
	  for python in $(PYTHONS); do \
	    if "$$python" -c "$$supported" >/dev/null 2>&1; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "nerva_py needs Python 3.11 or newer; found none among: $(PYTHONS)." >&2; \
	    echo "Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	  fi; \
	  echo "Setting up $(VENV) with $$("$$found" --version); this happens once and takes a minute or two."; \
	  if ! "$$found" -m venv $(VENV); then \
	    rm -rf $(VENV); \
	    echo "$$found cannot make a virtual environment; see the message above." >&2; \
	    echo "On Debian and Ubuntu: apt install python3-venv (or python3.12-venv and so on, for another version)." >&2; \
	    exit 1; \
	  fi; \
	elif ! $(BIN)/python -c "$$supported"; then \
	  echo "$(VENV) exists, but its Python is missing or older than 3.11. Remove it (make distclean) and try again." >&2; \
	  exit 1; \
	elif ! $(BIN)/python -m pip --version >/dev/null 2>&1 && ! $(BIN)/python -m ensurepip; then \
	  echo "$(VENV) exists, but has no pip. Remove it (make distclean) and try again." >&2; \
	  exit 1; \
	else \
	  echo "Bringing $(VENV) up to date."; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $(STAMP)

# What only the documentation needs.
$(DOCS): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	@touch $(DOCS)

clean: ## remove caches and build results, not .venv
	@rm -rf build dist docs/_build docs/generated .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name $(VENV) -prune -o -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv too
	@rm -rf $(VENV)
