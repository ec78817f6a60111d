"""A process that cannot start says why in one line."""

from pathlib import Path

import pytest

from docustore.config import Settings
from tests.chaos.programs import program

API = ("-m", "docustore.api.server")
WORKER = ("-m", "arq", "workers.settings.WorkerSettings")
LISTENER = ("-m", "workers.listener")
NO_VALKEY = {"DOCUSTORE_REDIS_URL": "redis://127.0.0.1:1/0"}


def wrong_password(settings: Settings) -> dict[str, str]:
    before, _, address = str(settings.mongodb_url).rpartition("@")
    assert before
    return {"DOCUSTORE_MONGODB_URL": f"mongodb://nobody:wrong@{address}"}


@pytest.mark.parametrize(
    ("command", "is_valkey_away", "reason"),
    [
        pytest.param(API, False, "MongoDB refused the user or the password", id="api-mongodb"),
        pytest.param(LISTENER, False, "MongoDB refused the user or the password", id="listener-mongodb"),
        pytest.param(WORKER, False, "MongoDB refused the user or the password", id="worker-mongodb"),
        pytest.param(API, True, "Valkey does not answer", id="api-valkey"),
        pytest.param(WORKER, True, "Valkey does not answer", id="worker-valkey"),
    ],
)
async def test_cause_is_one_line(
    settings: Settings, tmp_path: Path, command: tuple[str, ...], is_valkey_away: bool, reason: str
) -> None:
    extra = NO_VALKEY if is_valkey_away else wrong_password(settings)

    async with program(*command, settings=settings, log=tmp_path / "log", extra=extra) as process:
        assert await process.wait() != 0

    last = process.output.strip().splitlines()[-1]
    assert reason in last
    assert "Traceback" not in process.output
    assert "wrong" not in process.output.replace("wrong password", "")
    assert len(process.output) < 2000


async def test_malformed_setting_is_one_line(settings: Settings, tmp_path: Path) -> None:
    extra = {"DOCUSTORE_LOG_FORMAT": "yaml"}
    for command in (API, WORKER, LISTENER):
        async with program(*command, settings=settings, log=tmp_path / command[-1], extra=extra) as process:
            assert await process.wait() != 0
        assert "log_format" in process.output
        assert "Traceback" not in process.output
