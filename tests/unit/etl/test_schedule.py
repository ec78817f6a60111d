"""Looking up a configured source; the ledger itself is tested against a server."""

from datetime import UTC, datetime

import pytest

from docustore.errors import NotFoundError
from docustore.etl.schedule import known_source, slot_of
from docustore.source_settings import SourceSettings

CRM = SourceSettings.model_validate({"kind": "file", "url": "users.json"})


def test_configured_source_is_found_by_its_name() -> None:
    assert known_source({"crm": CRM, "hr": CRM.model_copy()}, "crm") is CRM


@pytest.mark.parametrize(("names", "listed"), [((), "none"), (("hr", "crm"), "crm, hr")])
def test_unknown_source_is_refused_with_those_configured(names: tuple[str, ...], listed: str) -> None:
    with pytest.raises(NotFoundError, match=f"shop; configured: {listed}"):
        known_source(dict.fromkeys(names, CRM), "shop")


@pytest.mark.parametrize(
    ("hour", "minute", "second", "microsecond", "slot_hour"),
    [(12, 0, 0, 0, 12), (12, 0, 0, 1, 12), (12, 0, 1, 0, 12), (12, 1, 0, 0, 12), (12, 59, 59, 999_999, 12)],
)
def test_slot_is_the_start_of_the_hour(
    hour: int, minute: int, second: int, microsecond: int, slot_hour: int
) -> None:
    now = datetime(2026, 11, 1, hour, minute, second, microsecond, tzinfo=UTC)

    assert slot_of(now) == datetime(2026, 11, 1, slot_hour, tzinfo=UTC)
