import getpass

import pytest

from docustore.cli.actor import actor


def test_account_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run under a number."""

    def no_name() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", no_name)

    assert actor() == "cli:unknown"
