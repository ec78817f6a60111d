"""Mutate pure modules, one change at a time: `make mutate`.

Reports the changes that no unit test notices.

Exit code 1 where fewer than 95 % are noticed. Mutants that mean the same as the code stand in `equivalent.toml`,
each with its reason, and do not count.
"""

import contextlib
import importlib
import sys
import time
import tomllib
import warnings
from collections import Counter
from pathlib import Path
from typing import Final

from tests.mutation.isolated import Change, run_tests
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.relevant import RelevantTests, measure

MIN_KILLED_PCT: Final = 95.0
# A mutant may be slower than the code, and the machine busier than while measuring.
TIMEOUT_FACTOR: Final = 5.0
MIN_TIMEOUT_S: Final = 10.0
EQUIVALENT: Final = Path(__file__).with_name("equivalent.toml")
OUTCOMES: Final = ("killed", "timeout", "survived", "explained")
HEADER: Final = "".join(f"{name:>11}" for name in ("mutants", *OUTCOMES))
Explained = set[tuple[str, str, str]]


def main(modules: list[str]) -> int:
    """Mutate the modules, or all of pyproject.toml's list, and return the exit code."""
    known = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]
    paths = [Path(name) for name in modules or known]
    relevant = measure()
    _import_libraries(relevant)
    explained = _explained()
    total: Counter[str] = Counter()
    found: Explained = set()
    print(f"{'module':44}{HEADER}{'s':>6}", flush=True)
    for path in paths:
        total += _mutate(path, relevant, explained, found)
    killed, counted = total["killed"] + total["timeout"], total.total() - total["explained"]
    killed_pct = 100 * killed / counted if counted else 100.0
    print(f"{killed} of {counted} mutants killed ({killed_pct:.1f} %), {total['explained']} explained")
    gone = {entry for entry in explained if Path(entry[0]) in paths} - found
    for module, before, after in sorted(gone):
        print(f"{EQUIVALENT.name}: remove the entry that no survivor matches\n  {module}\n  -{before}\n  +{after}")
    return int(killed_pct < MIN_KILLED_PCT or bool(gone))


def _mutate(path: Path, relevant: RelevantTests, explained: Explained, found: Explained) -> Counter[str]:
    started = time.monotonic()
    name = ".".join(path.with_suffix("").parts)
    tests = relevant.of_module(path)
    if tests and run_tests(tests, None, timeout_s=600.0) != 0:
        raise RuntimeError(f"the tests of {path} fail without any mutation")
    timeout_s = MIN_TIMEOUT_S + TIMEOUT_FACTOR * (time.monotonic() - started)
    outcomes: Counter[str] = Counter()
    survivors: list[Mutant] = []
    for mutant in mutants_of(path):
        outcome = _outcome(Change(name=name, path=path, source=mutant.source), mutant, relevant, timeout_s)
        entry = (str(path), mutant.removed, mutant.added)
        if outcome == "survived" and entry in explained:
            found.add(entry)
            outcome = "explained"
        elif outcome == "survived":
            survivors.append(mutant)
        outcomes[outcome] += 1
    counts = (outcomes.total(), *(outcomes[key] for key in OUTCOMES))
    row = "".join(f"{count:>11}" for count in counts)
    print(f"{path!s:44}{row}{time.monotonic() - started:>6.0f}", flush=True)
    for mutant in survivors:
        print(f"  {path}:{mutant.line}\n  -{mutant.removed}\n  +{mutant.added}", flush=True)
    return outcomes


def _outcome(change: Change, mutant: Mutant, relevant: RelevantTests, timeout_s: float) -> str:
    code: int | None = 0
    # A cached result hides from the measurement which other tests run a line: hence a second, wider try.
    for tests in dict.fromkeys((relevant.of(change.path, mutant.line), relevant.of_module(change.path))):
        code = run_tests(tests, change, timeout_s=timeout_s) if tests and code == 0 else code
    return "timeout" if code is None else "survived" if code == 0 else "killed"


def _explained() -> Explained:
    entries = tomllib.loads(EQUIVALENT.read_text()).get("equivalent", [])
    return {(entry["module"], entry["before"], entry["after"]) for entry in entries}


def _import_libraries(relevant: RelevantTests) -> None:
    """Import the libraries once.

    Each forked process would import them again, which is most of a mutant's time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in relevant.libraries:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
