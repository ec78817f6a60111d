# `make demo` and `make test` need Python >= 3.11 and make; everything else they install themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: setup demo test unit check format bench mutate lock clean

setup: $(STAMP)

# Hashes pin every byte; --no-build-isolation because the build backend is in the same lock.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	$(BIN)/docustore demo

test: setup
	$(BIN)/python -m pytest

unit: setup
	$(BIN)/python -m pytest tests/unit

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m benchmarks

# Changes one comparison, constant or condition of a pure module at a time and runs the unit tests that see it.
# Fails below 95 % noticed. All modules take half an hour; one: make mutate MODULES=docustore/etl/budget.py
mutate: setup
	$(BIN)/python -m tests.mutation $(MODULES)

# Needs uv. No address and no header gets into the locks: hashes alone say what is installed.
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet
lock:
	$(LOCK) --extra embedded --extra parquet --group build --group test --group bench -o requirements.lock
	$(LOCK) --group build -o requirements-runtime.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
