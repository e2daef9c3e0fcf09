# Everything from a clean clone: each target makes the environment that it needs first.
#
#   make demo    compile the trained digits network and write its report (no PyTorch needed)
#   make test    all tests
#   make lint    format, style, types, import direction
#   make help    the other targets

PYTHON ?= $(or $(shell command -v python3.11),$(shell command -v python3))
VENV := .venv
BIN := $(VENV)/bin
# Twice quiet: errors still show, remarks about indexes do not.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
LAVA := lava-nc==0.10.0
# A test shows a fault of its NIR files. It asks for torchvision, which it does not need and which would change PyTorch.
NORSE := norse==1.1.0
LAVA310 := from oracles.make import LAVA, TOOLS, environment; print(environment(LAVA, TOOLS[LAVA])[0])
WORKERS ?= 2
PYTEST_FLAGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# ---------------------------------------------------------------------------------------------------- for everyone

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

.PHONY: demo
demo: $(VENV)/.run  ## compile zoo:digits for the default target, prove it, write build/digits
	@$(BIN)/seamount deploy zoo:digits --out build/digits
	@echo "The report is build/digits/report.html"

.PHONY: test
test: $(VENV)/.dev  ## all tests (some 20 minutes on two cores); PYTEST_FLAGS="-k name" narrows them
	@echo "all tests: some 20 minutes on two cores; $(VENV) takes $$(du -sh $(VENV)/ | cut -f1)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(PYTEST_FLAGS)

# The inner rooms, without the tests marked slow and with fewer random examples; from the graph to the exporters, no round
# trip through the command line, no training and no foreign simulator.
QUICK := $(addprefix tests/toolchain/, bounds frontend ir lower mapping passes quantize units) tests/exporters

.PHONY: test-quick
test-quick: $(VENV)/.dev  ## before each commit: graphs, units, programs, exporters, in under a minute
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal -q -m "not slow" \
		--hypothesis-profile=quick $(QUICK) $(PYTEST_FLAGS)

# The exported package for Lava, whose modules lie here as text, is linted as a user gets it, for its Python 3.10. Its
# generated classes override tables that their base declares (RUF012).
LAVA_PACKAGE := build/lint/lava

.PHONY: lint
lint: $(VENV)/.dev  ## format, style, strict types, import direction
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.lava_package $(LAVA_PACKAGE)
	@$(BIN)/ruff format --check --config 'exclude = []' $(LAVA_PACKAGE)
	@$(BIN)/ruff check --config 'exclude = []' --target-version py310 --config 'src = ["$(LAVA_PACKAGE)"]' --ignore RUF012 $(LAVA_PACKAGE)
	@$(BIN)/mypy --config-file= --check-untyped-defs --ignore-missing-imports $(LAVA_PACKAGE)

.PHONY: format
format: $(VENV)/.dev  ## rewrite the files as `make lint` wants them
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# ------------------------------------------------------------------------------------ longer runs, not part of CI

.PHONY: mutants
mutants: $(VENV)/.dev  ## change what programs mean, one operator at a time: does a test notice? (half an hour)
	@CI=1 WORKERS=$(WORKERS) $(BIN)/python -m tests.mutants $(MODULES)

# REPLAY_FLAGS="--quick", "--only cases", "--count 50", "--match random0012 --keep build/replay": python -m tests.replay --help.
.PHONY: replay
replay: $(VENV)/.dev  ## compile the same networks with another tree, BASE=<commit>, and compare everything written
	@test -n "$(BASE)" || { echo "make: name the commit to compare with: make replay BASE=<commit>" >&2; exit 1; }
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.replay $(REPLAY_FLAGS) $(BASE)

# Each foreign simulator gets an environment of its own in .oracles; PYTHON39, PYTHON310 and PYTHON311 name interpreters.
.PHONY: oracles
oracles: $(VENV)/.dev  ## run other people's simulators again, write tests/golden/oracles (docs/oracles.md)
	@$(BIN)/python -m oracles.make

# docs/robustness.md has their last figures; FUZZ_FLAGS="--minutes 60 --only nir", KILL_FLAGS="--random 200".
.PHONY: fuzz
fuzz: $(VENV)/.dev  ## feed mutated files to every reader for 5 minutes: read, or refused on purpose
	@OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.fuzz $(FUZZ_FLAGS)

.PHONY: kill
kill: $(VENV)/.dev  ## kill deploy at every step on the disk and at random moments: a whole build each time
	@OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.kill $(KILL_FLAGS)

.PHONY: licences
licences: $(VENV)/.dev  ## list the licences of all pinned packages; writes docs/licences.md
	@$(BIN)/python -m benchmarks.licences

# SOAK_FLAGS="--minutes 5 --engine processes --resume build/soak/seeds" and others: python -m tests.soak --help.
.PHONY: soak
soak: $(VENV)/.dev  ## random programs on every simulator: 100 million register values each, on Lava 1 million
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.soak $(SOAK_FLAGS)

# The exported package under the Python that lava-nc declares: SEAMOUNT_LAVA_PYTHON, or an environment in .oracles.
.PHONY: test-lava310
test-lava310: $(VENV)/.dev  ## the tests of Lava, with Lava on its official Python 3.10
	@python=$${SEAMOUNT_LAVA_PYTHON:-$$($(BIN)/python -c "$(LAVA310)")} && test -n "$$python" && \
		SEAMOUNT_LAVA_PYTHON=$$python OMP_NUM_THREADS=1 $(BIN)/python -m pytest -k lava --forbid-skips \
		tests/backends $(PYTEST_FLAGS)

.PHONY: bench-onnx
bench-onnx: $(VENV)/.dev  ## time exported ONNX in onnxruntime beside that of another commit, BASE=<commit>
	@test -n "$(BASE)" || { echo "make: give BASE=<commit>" >&2; exit 1; }
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.onnx_speed $(BASE)

# Each release gets an environment of its own in .oracles.
.PHONY: onnx-runtimes
onnx-runtimes: $(VENV)/.dev  ## what other runtimes make of exported ONNX: the table of docs/onnx.md (RUNTIMES="tract tvm")
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.onnx_runtimes $(RUNTIMES)

.PHONY: test-lowest
test-lowest: $(VENV)/.dev  ## the quick tests of exporters and programs on the lowest versions that pyproject.toml allows
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.lowest $(PYTEST_FLAGS)

.PHONY: bench
bench: $(VENV)/.dev  ## time the fast simulator beside all others; writes docs/benchmarks.md and benchmarks/latest.json
	@$(BIN)/python -m benchmarks.run

.PHONY: results
results: $(VENV)/.dev  ## deploy every shipped network on its whole test set; writes docs/results.md and docs/results.json
	@$(BIN)/python -m benchmarks.results $(NETWORKS)

.PHONY: validation
validation: $(VENV)/.dev  ## measured times, powers and compiler tables beside what the tool says; writes docs/validation.md
	@$(BIN)/python -m benchmarks.validation

.PHONY: reference
reference: $(VENV)/.run  ## write docs/reference from the docstrings of what is promised
	@$(BIN)/python docs/reference/make.py

.PHONY: docs
docs: $(VENV)/.dev  ## the documentation as a site in build/site; warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "The site is build/site/index.html"

# What is not on the machine is left out, and said: gcc-arm-none-eabi, qemu-system-arm, riscv64-unknown-elf-gcc, clang, node.
.PHONY: microcontroller
microcontroller: $(VENV)/.dev  ## the digits network in C on Cortex-M4 and RISC-V in qemu and as WebAssembly: same state, and its cost
	@$(BIN)/python -m benchmarks.microcontroller

.PHONY: bench-portable
bench-portable: $(VENV)/.dev  ## time exported C and JavaScript beside the fast simulator and onnxruntime
	@$(BIN)/python -m benchmarks.portable

.PHONY: bench-self
bench-self: $(VENV)/.dev  ## time this tree beside another, BASE=<commit>: CPU seconds, memory and folders of what users wait for
	@test -n "$(BASE)" || { echo "make: give BASE=<commit>" >&2; exit 1; }
	@$(BIN)/python -m benchmarks.itself $(BASE) $(BENCH_FLAGS)

.PHONY: bench-quick
bench-quick: $(VENV)/.dev  ## the same beside Lava and C only, in under 3 minutes; writes benchmarks/latest.json
	@$(BIN)/python -m benchmarks.run --quick

# ------------------------------------------------------------------------------------------------ the environment

.PHONY: setup
setup: $(VENV)/.dev  ## make .venv with everything in it

.PHONY: clean
clean:  ## remove what was built, and the caches; .venv stays
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no python3 found; set PYTHON to a Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than Python 3.11; set PYTHON to a newer one" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# What compiling and proving needs. lava-nc declares Python 3.10 only but works (toolchain/doctor.py), so it alone is
# installed without its metadata's word; what it imports comes with the "lava" extra, under the usual rules.
$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Seamount, ONNX and Lava in $(VENV)"
	@$(PIP) --constraint constraints.txt --editable '.[onnx,lava]'
	@$(PIP) --no-deps --ignore-requires-python $(LAVA)
	@touch $@

# Training and the tests on top: this brings PyTorch (see constraints.txt for which).
$(VENV)/.dev: $(VENV)/.run
	@echo "installing PyTorch and the test tools in $(VENV)"
	@$(PIP) --constraint constraints.txt --editable '.[train,onnx,lava,ray,sign,dev]'
	@$(PIP) --no-deps $(NORSE)
	@touch $@
