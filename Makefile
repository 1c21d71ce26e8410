# Each target sets itself up: `make demo` works in a fresh clone.
#
#   PYTHON=python3.12       which Python makes the virtual environment (3.11 or newer; found if not given)
#   PIP_ARGS='...'          more options for pip install. On Linux the package index has the CUDA build of
#                           torch (several GB). For the CPU build give pip the place of CPU wheels here, as
#                           PyTorch's "Get started" page prints it, or a folder: PIP_ARGS='--find-links DIR'
#   PYTEST_ARGS='-k io'     more options for pytest

VENV := .venv
BIN := $(VENV)/bin
PIP_ARGS ?=
PYTEST_ARGS ?=

# The tests' arrays are small: a process a core, up to four, each with one thread. A file's tests share what they set up.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
PARALLEL := -n $(shell [ $(CORES) -lt 4 ] && echo $(CORES) || echo 4) --dist loadfile

# Of nnInteractive's viewers: 3D Slicer's extension wants 2.5.1, which speaks as 2.6.0 does; 2.5.0 had fewer calls.
OLDEST_CLIENT := 2.5.0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all test-viewers test-wheel dist lint docs bench clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-model ## Make volumes, segment a real scan, write demo/index.html
	$(BIN)/synthfm3d demo -o demo

test: $(VENV)/.installed-dev ## Run the fast tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m "not slow" $(PYTEST_ARGS)

test-all: test ## Run the fast tests, then the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m slow $(PYTEST_ARGS)

test-viewers: $(VENV)/.installed-dev build/napari/.installed ## Run the tests of viewers, with napari and the oldest client, too
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --upgrade \
	    --target build/oldest-client nninteractive-client==$(OLDEST_CLIENT)
	OMP_NUM_THREADS=1 SYNTHFM3D_NAPARI=$(CURDIR)/build/napari/bin/python $(BIN)/python -m pytest tests/app/viewers $(PYTEST_ARGS)
	OMP_NUM_THREADS=1 PYTHONPATH=$(CURDIR)/build/oldest-client $(BIN)/python -m pytest tests/app/viewers/test_client.py $(PYTEST_ARGS)

test-wheel: $(VENV)/.installed-dev ## Run all tests against the wheel, with the sources out of the way
	OMP_NUM_THREADS=1 $(BIN)/python tools/suite_on_wheel.py \
	    $(PARALLEL) -m "not slow" $(PYTEST_ARGS) -- $(PARALLEL) -m slow $(PYTEST_ARGS)

dist: $(VENV)/.installed-dev ## Build the sdist, and from it the wheel, into dist/
	$(BIN)/python tools/wheel_environment.py

lint: $(VENV)/.installed-dev ## Check style, types, layers and the environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@find src -name '*.py' -exec awk 'FNR == 401 { print "warning: " FILENAME " has more than 400 lines: one idea each?" }' {} +
	@$(BIN)/python -c 'from importlib.util import find_spec; import sys; \
	    sys.exit(find_spec("torchvision") and "torchvision is installed; it breaks SAM 2 beside a CPU torch: $(BIN)/python -m pip uninstall torchvision")'

docs: $(VENV)/.installed-docs ## Build the documentation, build/docs/index.html; a warning is an error
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --doctree-dir build/doctrees docs build/docs
	@echo "Open build/docs/index.html"

bench: $(VENV)/.installed-bench ## Measure, print a table, write benchmarks/latest.json
	$(BIN)/python -m benchmarks

clean: ## Remove the virtual environment, caches and the demo
	rm -rf $(VENV) demo dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# One stamp for each extra: `make demo` does not wait for the tools of `make lint`.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -q $(PIP_ARGS) -c constraints.txt -e '.[$*]'
	@touch $@

# 1.3 GB, and torch. It wants another environment than ours. Our own plugin is the package itself.
build/napari/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m venv build/napari
	build/napari/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt $(PIP_ARGS) -e '.[model]'
	build/napari/bin/python -m pip install --disable-pip-version-check -q 'napari[pyqt6]' napari-nninteractive
	@touch $@

$(BIN)/python:
	@python=""; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        python="$$candidate"; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "No Python 3.11 or newer found: install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	if ! "$$python" -m venv $(VENV); then \
	    rm -rf $(VENV); \
	    echo "$$python cannot make a virtual environment: install its venv module (python3-venv on Debian)." >&2; exit 1; \
	fi
