from dataclasses import asdict
from pathlib import Path

import pytest

from docustore.embedded.credentials import Credentials, folder_credentials


def stored(data_dir: Path) -> Path:
    return data_dir / "secrets" / "credentials.json"


def test_credentials_are_made_once(tmp_path: Path) -> None:
    first = folder_credentials(tmp_path)

    assert folder_credentials(tmp_path) == first
    assert [path.name for path in stored(tmp_path).parent.iterdir()] == ["credentials.json"]


def test_every_folder_has_its_own_secrets(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()

    secrets = [secret for folder in folders for secret in asdict(folder_credentials(folder)).values()]

    assert len(set(secrets)) == len(secrets) == 8
    # At least 128 bits each, in letters and digits, because they are part of URLs.
    assert all(len(secret) >= 32 and secret.isalnum() for secret in secrets)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"mongodb_password": "x"}'])
def test_damaged_file_is_replaced(tmp_path: Path, text: str) -> None:
    """The folder would be useless otherwise; its owner can make new passwords anyway."""
    before = folder_credentials(tmp_path)
    stored(tmp_path).write_text(text)

    after = folder_credentials(tmp_path)

    assert after != before
    assert folder_credentials(tmp_path) == after


@pytest.mark.parametrize("wrong", ['"p@ss"', '""', "1", "null"])
def test_password_that_breaks_urls_is_replaced(tmp_path: Path, wrong: str) -> None:
    before = folder_credentials(tmp_path)
    text = stored(tmp_path).read_text()
    stored(tmp_path).write_text(text.replace(f'"{before.valkey_password}"', wrong))

    assert folder_credentials(tmp_path) != before


def test_open_folder_is_closed(tmp_path: Path) -> None:
    """An archive program may have restored the folder with other modes."""
    folder_credentials(tmp_path)
    file = stored(tmp_path)
    file.chmod(0o644)
    file.parent.chmod(0o755)

    folder_credentials(tmp_path)

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_unreadable_file_is_not_replaced(tmp_path: Path) -> None:
    """A file of another user is a mistake that a person must see."""
    stored(tmp_path).mkdir(parents=True)

    with pytest.raises(OSError, match="directory"):
        folder_credentials(tmp_path)


def test_secrets_do_not_appear_in_a_repr() -> None:
    credentials = Credentials()

    assert not [secret for secret in asdict(credentials).values() if secret in repr(credentials)]
