from pathlib import Path

import pytest

from docustore.config_loading import load_settings
from docustore.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "prot: is no setting; did you mean port?"),
        ("zzz = 1", "zzz: is no setting; `docustore init` writes all settings with their meaning"),
        ('port = "x"', "port: must be a whole number"),
        ("port = -1", "port: must be at least 0"),
        ("[sources.hr]\nkind = 'file'", "sources.hr.url: is required"),
        (
            "[sources.hr]\nkind = 'file'\nurl = 'a'\nshedule = 'off'",
            "sources.hr.shedule: is no setting; did you mean schedule?",
        ),
    ],
)
def test_wrong_setting_is_told_in_words_of_the_settings(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docustore.toml"
    path.write_text(text)
    monkeypatch.setenv("DOCUSTORE_CONFIG", str(path))

    with pytest.raises(ConfigurationError) as raised:
        load_settings()

    assert str(raised.value) == told


def test_malformed_list_in_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS", "127.0.0.0/8")

    with pytest.raises(ConfigurationError) as raised:
        load_settings()

    assert str(raised.value).startswith("DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS: must be JSON")
