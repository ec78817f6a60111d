"""The finding of `docustore doctor` about the last full check of the quality."""

from datetime import UTC, datetime, timedelta

import pytest

from docustore.cli.checks.finding import FindingStatus
from docustore.cli.checks.quality import finding_of
from docustore.quality.checks import CheckView

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def check(age: timedelta, *differences: str) -> CheckView:
    return {"at": NOW - age, "duration_s": 3.0, "trigger": "night", "differences": list(differences)}


@pytest.mark.parametrize(
    ("found", "at", "status"),
    [
        (None, "02:30", FindingStatus.SKIPPED),
        (None, "off", FindingStatus.SKIPPED),
        (check(timedelta(hours=9)), "02:30", FindingStatus.OK),
        (check(timedelta(days=3)), "02:30", FindingStatus.WARNING),
        (check(timedelta(days=3)), "off", FindingStatus.OK),
        (check(timedelta(hours=9), "wrong"), "02:30", FindingStatus.FAILED),
        (check(timedelta(days=3), "wrong"), "off", FindingStatus.FAILED),
    ],
)
def test_finding(found: CheckView | None, at: str, status: FindingStatus) -> None:
    finding = finding_of(found, at=at, now=NOW)

    assert finding.status is status
    assert (status in {FindingStatus.OK, FindingStatus.SKIPPED}) is (finding.next_step == "")
