"""Invalid settings are refused with a reason before a process starts."""

import json
from pathlib import Path
from typing import Any

import pytest

from docustore.config_loading import load_settings
from docustore.errors import ConfigurationError

HTTP = {"kind": "http", "url": "https://crm.example.org/users"}


def set_source(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("DOCUSTORE_SOURCES", json.dumps({"crm": {**HTTP, **fields}}))


@pytest.mark.parametrize(
    ("fields", "named", "reason"),
    [
        ({"url": "crm.example.org/users"}, "sources.crm", "http:// or https://"),
        ({"url": "https://"}, "sources.crm", "http:// or https://"),
        ({"url": "http://[::1"}, "sources.crm", "http:// or https://"),
        ({"required": ["email", "firstName"]}, "sources.crm.required", "no field 'firstName'"),
        ({"headers": {"X-Name": "Jörg"}}, "sources.crm.headers", "X-Name"),
        ({"headers": {"Authorization": "Bearer a\nb"}}, "sources.crm.headers", "Authorization"),
        ({"headers": {"a b": "c"}}, "sources.crm.headers", "a b"),
        ({"kind": "ftp"}, "sources.crm.kind", "'file', 'http', 'mongodb', 'scim' or 'sql'"),
    ],
)
def test_invalid_source_is_refused(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], named: str, reason: str
) -> None:
    set_source(monkeypatch, **fields)

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert caught.value.setting == named
    assert reason in str(caught.value)


def test_secrets_stay_out_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    set_source(monkeypatch, headers={"Authorization": "Bearer sécret"})

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/users?tenant=5", "https://[::1]/users"])
def test_source_with_any_http_url_is_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    set_source(monkeypatch, url=url, headers={"Authorization": "Bearer abc"}, required=["profile.location"])

    assert load_settings().sources["crm"].url == url


def test_file_source_accepts_any_path(monkeypatch: pytest.MonkeyPatch) -> None:
    set_source(monkeypatch, kind="file", url="users.csv")

    assert load_settings().sources["crm"].url == "users.csv"


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and shells pass unset variables as empty strings."""
    monkeypatch.setenv("DOCUSTORE_ADMIN_KEY", "")
    monkeypatch.setenv("DOCUSTORE_MONGODB_URL", "")

    settings = load_settings()

    assert (settings.admin_key, settings.mongodb_url) == (None, None)


def test_malformed_list_names_the_json_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUSTORE_ALERT_URLS", "https://alerts.example.org/hook")

    with pytest.raises(ConfigurationError, match=r"DOCUSTORE_ALERT_URLS: must be JSON") as caught:
        load_settings()

    assert "example.org" not in str(caught.value)


def test_unknown_name_in_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "docustore.toml"
    path.write_text("prot = 8001\n")
    monkeypatch.setenv("DOCUSTORE_CONFIG", str(path))

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert caught.value.setting == "prot"


def test_environment_sources_replace_file_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merged sources would make a demonstration read the real systems of a file."""
    file = tmp_path / "docustore.toml"
    file.write_text(
        'port = 8123\n[sources.crm]\nkind = "http"\nurl = "http://crm.example/"\nheaders = { a = "b" }\n'
    )
    monkeypatch.setenv("DOCUSTORE_CONFIG", str(file))
    monkeypatch.setenv("DOCUSTORE_SOURCES", '{"hr": {"kind": "file", "url": "/hr.csv"}}')

    settings = load_settings()

    assert set(settings.sources) == {"hr"}
    assert settings.port == 8123
