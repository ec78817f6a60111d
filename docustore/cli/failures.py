"""The exit codes of commands, and the report of a failed one."""

from importlib import import_module
from pathlib import Path
from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
DRIFT: Final = 2
_REPORT: Final = "docustore.cli.failure_report"


def report(error: BaseException, *, as_json: bool, debug: bool, data_dir: Path | None = None) -> None:
    """Print a failure, see `docustore.cli.failure_report`.

    That module is imported only after a failure: it knows the errors of every driver, and their imports take most
    of the start of `docustore --help`.
    """
    import_module(_REPORT).report(error, as_json=as_json, debug=debug, data_dir=data_dir)
