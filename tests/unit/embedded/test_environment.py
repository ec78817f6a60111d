from pathlib import Path

import pytest

from docustore.config import Settings
from docustore.config_loading import load_settings
from docustore.embedded.environment import child_environment

GIVEN = Settings(
    mongodb_url="mongodb://db/?replicaSet=rs0",
    redis_url="redis://queue/0",
    port=8123,
    admin_key="a secret",
    alert_urls=("https://alerts.example/",),
    etl_quarantine_budget_pct=12.5,
    data_dir=Path("elsewhere"),
    sources={"crm": {"kind": "http", "url": "http://crm/", "headers": {"Authorization": "Bearer x"}}},
)


def test_child_reads_the_settings_we_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child gets every setting of our command line, file and environment."""
    for name, value in child_environment(GIVEN).items():
        monkeypatch.setenv(name, value)

    assert load_settings() == GIVEN


def test_defaults_are_not_passed_to_the_child() -> None:
    names = {name for name in child_environment(Settings()) if name.startswith("DOCUSTORE_")}

    assert "DOCUSTORE_PORT" not in names
