"""What a check of `docustore doctor` found."""

from dataclasses import dataclass
from enum import StrEnum


class FindingStatus(StrEnum):
    """How bad it is; only `failed` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row: what was looked at, what was seen, and for what is not ok the next step."""

    check: str
    status: FindingStatus
    seen: str
    next_step: str = ""


def ok(check: str, seen: str) -> Finding:
    """Make a finding that needs nobody."""
    return Finding(check=check, status=FindingStatus.OK, seen=seen)


def warning(check: str, seen: str, *, next_step: str) -> Finding:
    """Make a finding that will need somebody one day."""
    return Finding(check=check, status=FindingStatus.WARNING, seen=seen, next_step=next_step)


def failed(check: str, seen: str, *, next_step: str) -> Finding:
    """Make a finding that keeps a deployment from working."""
    return Finding(check=check, status=FindingStatus.FAILED, seen=seen, next_step=next_step)


def skipped(check: str, seen: str) -> Finding:
    """Make a finding about what could not, or need not, be looked at."""
    return Finding(check=check, status=FindingStatus.SKIPPED, seen=seen)
