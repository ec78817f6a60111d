"""Processor time per test file, with all processes that its tests start: `pytest -p tests.cpu_by_file`.

A server of the session counts for the file whose tests use it, and its start for the first such file.
"""

import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

NAME = "cpu_s"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_last = [0.0]
_by_file: Counter[str] = Counter()


def spent_s() -> float:
    """Return the seconds of this process, of all below it, and of those that have ended."""
    total, pending = 0, [os.getpid()]
    while pending:
        pid = pending.pop()
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            for task in Path(f"/proc/{pid}/task").iterdir():
                pending += map(int, (task / "children").read_text().split())
        except OSError:  # it has ended meanwhile
            continue
        # utime, stime, and the same of the children that have been waited for
        total += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return total / _TICKS_PER_S


def pytest_collection_finish() -> None:
    _last[0] = spent_s()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    now = spent_s()
    report.user_properties = [*report.user_properties, (NAME, now - _last[0])]
    _last[0] = now
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    seconds = [value for name, value in report.user_properties if name == NAME]
    _by_file[report.nodeid.partition("::")[0]] += sum(float(str(each)) for each in seconds)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    folders: Counter[str] = Counter()
    for file, seconds in _by_file.items():
        folders[file.rpartition("/")[0]] += seconds
    for title, table in (("folder", folders), ("file", _by_file)):
        terminalreporter.section(f"processor time by {title}, {table.total():.0f} s")
        for name, seconds in table.most_common(60):
            terminalreporter.write_line(f"{seconds:8.1f} {name}")
