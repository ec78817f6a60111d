"""Why a server ended, read from the end of its log."""

import json
from pathlib import Path
from typing import Final

TAIL_BYTES: Final = 64 * 1024
# The first line of each start. A log holds earlier starts, too.
STARTS: Final = ('"id":20698,', "is starting oO0O")
NO_SPACE: Final = "No space left on device"
# Severities of MongoDB's log: fatal, error. Valkey marks a warning or worse with this sign.
_SEVERE: Final = frozenset({"F", "E"})
_VALKEY_SEVERE: Final = " # "
MAX_CHARS: Final = 300


def has_no_space_left(path: Path) -> bool:
    """Tell whether the last start failed because of a full disk."""
    return any(NO_SPACE in line for line in _lines_of_last_start(path))


def last_error(path: Path) -> str:
    """Return the first error of the last start in one line.

    Without an error it is the last line. Without a log it is empty.
    """
    lines = _lines_of_last_start(path)
    severe = [found for line in lines if (found := _severe(line))]
    return (severe or lines[-1:] or [""])[0][:MAX_CHARS]


def _lines_of_last_start(path: Path) -> list[str]:
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return []
    starts = [number for number, line in enumerate(lines) if any(mark in line for mark in STARTS)]
    return lines[starts[-1] :] if starts else lines


def _severe(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return line.partition(_VALKEY_SEVERE)[2].strip() or None
    if not isinstance(entry, dict) or entry.get("s") not in _SEVERE:
        return None
    attributes = entry.get("attr") or {}
    detail = attributes.get("error") or attributes.get("message") or ""
    return f"{entry.get('msg', '')} {detail}".strip()
