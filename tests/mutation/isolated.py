"""Run unit tests in a forked process, with at most one module changed.

The process imports our code again.
"""

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

OPTIONS: Final = (
    "-q",
    "-x",
    # The tests need no fixture of the suite's conftest, which imports the whole service.
    "--noconftest",
    "-pno:cacheprovider",
    "-pno:randomly",
    "-Wignore::pytest.PytestAssertRewriteWarning",
    "-oaddopts=--strict-markers --import-mode=importlib -p no:schemathesis",
)
# A mutant can make a loop endless: it must not take the machine's memory until it times out.
MAX_MEMORY_BYTES: Final = 4 * 1024**3
# Fewer examples than the unit tests have: a mutant that lives by that alone would be a matter of luck anyway.
MAX_EXAMPLES: Final = 50
_fork: Final = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A module's name, file and the source to import in place of the file's own."""

    name: str
    path: Path
    source: str


class _ChangedLoader(SourceFileLoader):
    def __init__(self, change: Change) -> None:
        super().__init__(change.name, str(change.path))
        self._source = change.source

    def get_code(self, _name: str) -> Any:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _ChangedFinder:
    def __init__(self, change: Change) -> None:
        self._change = change

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self._change.name:
            return None
        return spec_from_file_location(name, self._change.path, loader=_ChangedLoader(self._change))


def run_tests(tests: Sequence[str], change: Change | None, *, timeout_s: float) -> int | None:
    """Return pytest's exit code; None where the tests did not end in time."""
    return run_forked(_run, tests, change, timeout_s=timeout_s)


def run_forked(target: Callable[..., None], *args: Any, timeout_s: float) -> int | None:
    process = _fork.Process(target=target, args=args)
    process.start()
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode


def prepare() -> None:
    """Make this forked process quiet, bounded and repeatable."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    profile = hypothesis.settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=MAX_EXAMPLES,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.register_profile("mutate", profile)
    hypothesis.settings.load_profile("mutate")


def _run(tests: Sequence[str], change: Change | None) -> None:
    prepare()
    if change is not None:
        sys.meta_path.insert(0, _ChangedFinder(change))
    os._exit(pytest.main([*OPTIONS, *tests]))
