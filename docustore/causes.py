"""The cause of a failure, as one sentence with the next step.

Drivers' own messages have many lines, and may quote an address with its password. An unknown failure has no
sentence: its caller shows the traceback, or where to find it.
"""

import errno
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

import structlog
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from redis.exceptions import AuthenticationError as RedisAuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from docustore.errors import DocustoreError
from docustore.transient import is_transient, server_codes

log: Final = structlog.get_logger()
AUTHENTICATION_FAILED: Final = 18
OUT_OF_DISK_SPACE: Final = 14031
# MongoDB ends itself, and Valkey refuses writes, when a file cannot grow any more.
FULL_DISK_BYTES: Final = 16 * 2**20
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
AGAIN: Final = "then start again; nothing that was confirmed is lost"
FREE_SOME: Final = f"free some space, {AGAIN}"


def cause_of(error: BaseException, *, data_dir: Path | None = None) -> str | None:
    """Describe a known failure in one sentence; None if it is unknown.

    Args:
        data_dir: The folder of the embedded servers: a full disk there explains why they do not answer.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    match error:
        case DocustoreError():
            return str(error)
        case OSError(errno=number) if number in _DISK_FULL:
            place = f" of {error.filename}" if error.filename else ""
            return f"the disk{place} is full: {FREE_SOME}"
        case OSError(errno=errno.EFBIG):
            place = f" {error.filename}" if error.filename else ""
            return f"the file{place} is larger than allowed here: raise `ulimit -f` or use another disk, {AGAIN}"
        case PyMongoError():
            return _mongodb_cause(error, data_dir)
        case RedisError():
            return _valkey_cause(error, data_dir)
        case _:
            return None


def is_disk_full(folder: Path) -> bool:
    """Tell whether the disk of a folder has no room for the files of a server."""
    try:
        return shutil.disk_usage(folder).free < FULL_DISK_BYTES
    except OSError:
        return False


def report_failed_start(process: str) -> None:
    """Let this process end with one line in its log after a known failure.

    An unknown failure still ends with its traceback.
    """
    unknown: Callable[..., object] = sys.excepthook

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if (cause := cause_of(error)) is None:
            unknown(kind, error, trace)
        else:
            log.error("process.failed", process=process, reason=cause)

    sys.excepthook = report


def _mongodb_cause(error: PyMongoError, data_dir: Path | None) -> str | None:
    codes = server_codes(error)
    if OUT_OF_DISK_SPACE in codes:
        return f"the disk of MongoDB is full: {FREE_SOME}"
    if AUTHENTICATION_FAILED in codes:
        return "MongoDB refused the user or the password: correct DOCUSTORE_MONGODB_URL"
    if isinstance(error, ConnectionFailure):
        # Also when a server's own disk is full: it ends, and answers nothing.
        if data_dir is not None and is_disk_full(data_dir):
            return f"MongoDB does not answer, and the disk of {data_dir} is full: {FREE_SOME}"
        return "MongoDB does not answer: check DOCUSTORE_MONGODB_URL; `docustore doctor` says more"
    return _refusal_cause(error)


def _refusal_cause(error: PyMongoError) -> str | None:
    if isinstance(error, OperationFailure) and (error.details or {}).get("codeName") == "Unauthorized":
        return "the user of DOCUSTORE_MONGODB_URL lacks a right: give it the roles that the README names"
    if is_transient(error):
        numbers = ", ".join(map(str, sorted(server_codes(error))))
        return f"MongoDB was too slow or changed its primary (server code {numbers}): run the command again"
    return None


def _valkey_cause(error: RedisError, data_dir: Path | None) -> str | None:
    if isinstance(error, RedisAuthenticationError) or str(error).startswith(("WRONGPASS", "NOAUTH")):
        return "Valkey refused the user or the password: correct DOCUSTORE_REDIS_URL"
    if str(error).startswith("MISCONF"):
        return f"Valkey cannot save its data, which usually means that its disk is full: {FREE_SOME}"
    if isinstance(error, RedisConnectionError | RedisTimeoutError):
        if data_dir is not None and is_disk_full(data_dir):
            return f"Valkey does not answer, and the disk of {data_dir} is full: {FREE_SOME}"
        return "Valkey does not answer: check DOCUSTORE_REDIS_URL; `docustore doctor` says more"
    return None
