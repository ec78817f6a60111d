"""Looking up a configured source; the ledger itself is tested against a server."""

import pytest

from docustore.errors import NotFoundError
from docustore.etl.schedule import known_source
from docustore.source_settings import SourceSettings

CRM = SourceSettings.model_validate({"kind": "file", "url": "users.json"})


def test_configured_source_is_found_by_its_name() -> None:
    assert known_source({"crm": CRM, "hr": CRM.model_copy()}, "crm") is CRM


@pytest.mark.parametrize(("names", "listed"), [((), "none"), (("hr", "crm"), "crm, hr")])
def test_unknown_source_is_refused_with_those_configured(names: tuple[str, ...], listed: str) -> None:
    with pytest.raises(NotFoundError, match=f"shop; configured: {listed}"):
        known_source(dict.fromkeys(names, CRM), "shop")
