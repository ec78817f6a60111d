"""Secrets that the settings name."""

from pathlib import Path

import pytest

from docustore.errors import ConfigurationError
from docustore.source_options.secret import is_reference, revealed


@pytest.mark.parametrize("text", ["env:CRM_TOKEN", "file:/run/secrets/crm", "file:crm.txt"])
def test_reference_is_known(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize("text", ["", "env:", "file:", "file:///a.csv", "https://crm", "Bearer env:A", "ENV:A"])
def test_other_text_is_the_value_itself(text: str) -> None:
    assert not is_reference(text)
    assert revealed(text, setting="x") == text


def test_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "hunter2")

    assert revealed("env:CRM_TOKEN", setting="x") == "hunter2"


def test_secret_of_a_file_ends_before_its_line_break(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")

    assert revealed(f"file:{tmp_path / 'token'}", setting="x") == "hunter2"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
def test_missing_secret_names_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"^sources\.crm\.token: .*token"):
        revealed(f"file:{path}", setting="sources.crm.token")
    monkeypatch.setenv("EMPTY_ONE", "")
    for name in ("EMPTY_ONE", "NO_SUCH_ONE"):
        with pytest.raises(ConfigurationError, match=f"^sources.crm.token: .*{name} is not set"):
            revealed(f"env:{name}", setting="sources.crm.token")
