"""The body of a report names the member that is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from docustore.api.field_errors import field_errors
from docustore.reports.bodies import ReportInput

REPORT = {"query": "admins", "schedule": "0 7 * * 1", "webhook_url": "https://example.org/reports"}


@pytest.mark.parametrize(
    ("parts", "pointer", "detail"),
    [
        ({"schedule": "61 * * * *"}, "/schedule", "no cron expression"),
        ({"schedule": "0 0 30 2 *", "timezone": "Asia/Kathmandu"}, "/schedule", "no cron expression"),
        ({"schedule": "now and then"}, "/schedule", "no schedule"),
        ({"schedule": "off"}, "/schedule", "paused instead"),
        ({"timezone": "Mars/Base"}, "/timezone", "no time zone"),
    ],
)
def test_wrong_member_is_named(parts: dict[str, Any], pointer: str, detail: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ReportInput.model_validate({**REPORT, **parts})

    [error] = field_errors(caught.value.errors())
    assert error.pointer == pointer
    assert detail in error.detail


@pytest.mark.parametrize("schedule", ["hourly", "every 6h", "30 2 * * 1-5"])
def test_schedules_of_any_zone_are_taken(schedule: str) -> None:
    given = ReportInput.model_validate({**REPORT, "schedule": schedule, "timezone": "Australia/Lord_Howe"})

    assert (given.schedule, given.timezone) == (schedule, "Australia/Lord_Howe")
