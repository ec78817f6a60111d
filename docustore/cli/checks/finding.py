"""The result of one check of `docustore doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class FindingStatus(StrEnum):
    """Severity of a finding; only `failed` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check, its result, and the next step when it is not ok."""

    check: str
    status: FindingStatus
    seen: str
    next_step: str = ""


def ok(check: str, seen: str) -> Finding:
    """Make a finding that needs no action."""
    return Finding(check=check, status=FindingStatus.OK, seen=seen)


def warning(check: str, seen: str, *, next_step: str) -> Finding:
    """Make a finding that will need action later."""
    return Finding(check=check, status=FindingStatus.WARNING, seen=seen, next_step=next_step)


def failed(check: str, seen: str, *, next_step: str) -> Finding:
    """Make a finding that prevents a deployment from working."""
    return Finding(check=check, status=FindingStatus.FAILED, seen=seen, next_step=next_step)


def not_read(check: str, error: Exception) -> Finding:
    """Make the finding of a check whose query the server has refused."""
    return failed(check, f"not read ({type(error).__name__})", next_step="check the rights of the user")


def skipped(check: str, seen: str) -> Finding:
    """Make a finding for a check that was not possible or not needed."""
    return Finding(check=check, status=FindingStatus.SKIPPED, seen=seen)
