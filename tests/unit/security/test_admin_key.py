import re
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from docustore.cli.checks.admin_key import admin_key_finding
from docustore.cli.checks.finding import FindingStatus
from docustore.config import Settings
from docustore.errors import ConfigurationError
from docustore.security.admin_key import is_loopback, require_strong_admin_key, warn_of_short_admin_key

ROOT = Path(__file__).parents[3]
EVERYWHERE = "0.0.0.0"  # noqa: S104


def given(key: str | None, host: str = "127.0.0.1") -> Settings:
    return Settings(admin_key=None if key is None else SecretStr(key), host=host)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "api.example.org"])
def test_short_key_is_refused_where_others_reach_the_api(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"DOCUSTORE_ADMIN_KEY.*openssl rand -hex 32") as refusal:
        require_strong_admin_key(given("k" * 31, host))

    assert "kkk" not in str(refusal.value)


@pytest.mark.parametrize(("key", "host"), [("k" * 32, EVERYWHERE), (None, EVERYWHERE), ("short", "::1")])
def test_other_keys_are_accepted(key: str | None, host: str) -> None:
    require_strong_admin_key(given(key, host))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)


def test_short_key_is_warned_of() -> None:
    with capture_logs() as logs:
        warn_of_short_admin_key(given("short"))
        warn_of_short_admin_key(given("k" * 32))
        warn_of_short_admin_key(given(None))

    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("admin_key.short", "warning")]


@pytest.mark.parametrize(
    ("key", "host", "status"),
    [
        ("k" * 32, EVERYWHERE, FindingStatus.OK),
        ("short", "127.0.0.1", FindingStatus.WARNING),
        ("short", EVERYWHERE, FindingStatus.FAILED),
    ],
)
def test_doctor_names_a_short_key(key: str, host: str, status: FindingStatus) -> None:
    assert admin_key_finding(given(key, host)).status is status


def test_deployment_makes_a_long_key(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for name in ("deploy/make-secrets.sh", ".env.example"):
        (tmp_path / name).write_text((ROOT / name).read_text())

    subprocess.run(["bash", "deploy/make-secrets.sh"], cwd=tmp_path, check=True, capture_output=True)

    key = re.search(r"^DOCUSTORE_ADMIN_KEY=(\w+)$", (tmp_path / ".env").read_text(), re.MULTILINE)
    assert key is not None
    require_strong_admin_key(given(key[1], EVERYWHERE))
