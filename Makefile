# Every target needs Python >= 3.11 and make. The targets install everything else themselves, into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Each stamp is newer than its lock while the lock is installed. The full lock contains the demo lock.
DEMO   := $(VENV)/.installed-demo
FULL   := $(VENV)/.installed-full

# Otherwise each of the hundreds of processes that the tests start compiles the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup setup-demo demo test chaos unit check lint format bench mutate lock clean

setup-demo: $(DEMO)

setup: $(FULL)

# Hashes pin every file. --no-build-isolation: the build backend comes from the same lock.
$(DEMO): requirements-demo.lock pyproject.toml
	@echo "Creating the virtual environment $(VENV): some seconds."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python scripts/install_lock.py requirements-demo.lock
	@echo "Installing docustore itself: some seconds."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(FULL): requirements.lock $(DEMO)
	@$(BIN)/python scripts/install_lock.py requirements.lock
	@touch $@

demo: setup-demo
	$(BIN)/docustore demo

# tests/scheduling.py tells how many processes run which tests.
test: setup
	$(BIN)/python -m pytest -n auto --durations=10

# The fault tests at full length, and every request of the conformance test. DOCUSTORE_TEST_SEED=N makes other faults.
# They run for longer than the time after which pytest prints every stack, and that print ended a process.
CONFORMANCE := tests/integration/api/test_schemathesis.py
chaos: setup
	DOCUSTORE_TEST_CHAOS=full $(BIN)/python -m pytest tests/chaos $(CONFORMANCE) -s -o faulthandler_timeout=0

unit: setup
	$(BIN)/python -m pytest tests/unit

check: lint
	$(BIN)/python -m pytest -q --exitfirst tests/unit

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m benchmarks

# Changes one comparison, constant or condition of a pure module at a time and runs the unit tests that see it.
# Fails below 95 % noticed. All modules take half an hour; one: make mutate MODULES=docustore/etl/budget.py
mutate: setup
	$(BIN)/python -m tests.mutation $(MODULES)

# Needs uv. The locks hold versions and hashes, no index address and no header. The smaller locks are made from the
# full one, so that a package has one version in all of them.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet
lock:
	$(COMPILE) --extra embedded --extra fsspec --extra parquet --extra sql --group build --group test --group bench --group mutate -o requirements.lock
	$(COMPILE) --extra embedded --group build -c requirements.lock -o requirements-demo.lock
	$(COMPILE) --extra fsspec --extra parquet --extra sql --group build -c requirements.lock -o requirements-runtime.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
