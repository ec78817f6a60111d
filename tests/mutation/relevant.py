"""Measure once which unit tests run which line.

A mutant then costs only the tests that can notice it.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import coverage
import pytest

from tests.mutation.isolated import OPTIONS, prepare, run_forked

OURS = ("docustore", "indexes", "workers", "tests", "benchmarks")
MEASURING_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class RelevantTests:
    """The tests by file and line, the fast ones first.

    `libraries` are all modules that the tests import.
    """

    by_line: dict[str, dict[int, list[str]]]
    duration_s: dict[str, float]
    libraries: list[str]

    def of(self, path: Path, line: int) -> tuple[str, ...]:
        """List the tests of a line.

        A line that runs on import only has the tests of its whole module.
        """
        by_line = self.by_line.get(str(path), {})
        return tuple(by_line.get(line, ())) or self.of_module(path)

    def of_module(self, path: Path) -> tuple[str, ...]:
        """List the tests that run a function of a module.

        All tests of the files that import from it are among them.
        """
        found = {test for tests in self.by_line.get(str(path), {}).values() for test in tests}
        module = re.compile(rf"^from {re.escape('.'.join(path.with_suffix('').parts))} import", re.MULTILINE)
        files = {test.partition("::")[0] for test in self.duration_s}
        importing = {file for file in files if module.search(Path(file).read_text())}
        found |= {test for test in self.duration_s if test.partition("::")[0] in importing}
        return tuple(sorted(found, key=self.duration_s.__getitem__))


def measure() -> RelevantTests:
    """Run all unit tests once.

    Raises:
        RuntimeError: A unit test fails; a mutant's death would say nothing.
    """
    with TemporaryDirectory() as folder:
        result = Path(folder, "measured.json")
        if run_forked(_measure, result, timeout_s=MEASURING_TIMEOUT_S) != 0:
            raise RuntimeError("the unit tests fail without any mutation: run `make unit` first")
        measured = json.loads(result.read_text())
    duration_s = measured["duration_s"]
    by_line = {
        path: {int(line): sorted(tests, key=duration_s.__getitem__) for line, tests in lines.items()}
        for path, lines in measured["by_line"].items()
    }
    return RelevantTests(by_line, duration_s, measured["libraries"])


class _ContextPerTest:
    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self.duration_s: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(_function(item.nodeid))
        try:
            return (yield)
        finally:
            self._measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = _function(report.nodeid)
        self.duration_s[name] = self.duration_s.get(name, 0.0) + report.duration


def _function(node_id: str) -> str:
    """Name a test without its parameters.

    Their texts are not always valid on a command line.
    """
    return node_id.partition("[")[0]


def _measure(result: Path) -> None:
    prepare()
    measured = coverage.Coverage(data_file=None, source=["docustore", "indexes"], config_file=False)
    plugin = _ContextPerTest(measured)
    measured.start()
    code = pytest.main([*OPTIONS, "tests/unit"], plugins=[plugin])
    measured.stop()
    content = {
        "by_line": _by_line(measured.get_data()),
        "duration_s": plugin.duration_s,
        "libraries": [name for name in sys.modules if name.partition(".")[0] not in {*OURS, "__main__"}],
    }
    result.write_text(json.dumps(content))
    os._exit(code)


def _by_line(data: Any) -> dict[str, dict[int, list[str]]]:
    return {
        str(Path(file).relative_to(Path.cwd())): {
            line: [test for test in tests if test] for line, tests in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
