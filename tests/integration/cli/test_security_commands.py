"""The commands that show and lift what the security of the API does."""

import pytest
from redis.asyncio import Redis

from docustore.config import Settings
from docustore.database import Database
from docustore.security.limiter import Limiter
from docustore.security.models import Scope
from docustore.security.rate_limits import Policy
from docustore.security.sessions import NewSession, create_link_token, list_sessions, start_session_by_link
from tests.integration.cli.docustore_command import addresses, run_docustore

EVERYWHERE = "0.0.0.0"  # noqa: S104


async def session() -> NewSession:
    started = await start_session_by_link(await create_link_token(Scope.READ))
    assert started is not None
    return started


async def test_login_prints_a_link_that_works_once(settings: Settings, database: Database) -> None:
    outcome = await run_docustore(
        "login", "--scope", "read", "--url", "https://u.example.org/", **addresses(settings)
    )

    link, _, token = outcome.stdout.strip().partition("#token=")
    assert (outcome.exit_code, link) == (0, "https://u.example.org/login")
    assert await start_session_by_link(token) is not None
    assert await start_session_by_link(token) is None
    assert [found.scope for found in await list_sessions()] == [Scope.READ]


async def test_link_names_the_configured_address(settings: Settings, database: Database) -> None:
    outcome = await run_docustore(
        "login",
        "--json",
        **addresses(settings),
        DOCUSTORE_HOST=EVERYWHERE,
        DOCUSTORE_PORT="8123",
    )

    assert outcome.document["login_url"].startswith("http://127.0.0.1:8123/login#token=")


async def test_sessions_are_listed_and_revoked(settings: Settings, database: Database) -> None:
    tokens = [(await session()).token for _ in range(3)]
    listed = await run_docustore("sessions", "list", "--json", **addresses(settings))
    first = await run_docustore("sessions", "revoke", listed.document[0]["id"], **addresses(settings))
    left_after_one = len(await list_sessions())
    others = await run_docustore("sessions", "revoke", "--all", "--json", **addresses(settings))

    assert [row["scope"] for row in listed.document] == ["read"] * 3
    assert not any(token in listed.stdout for token in tokens)
    assert (first.exit_code, left_after_one) == (0, 2)
    assert others.document == {"revoked": 2}
    assert await list_sessions() == []


@pytest.mark.parametrize("command", ["sessions revoke", "limits clear", "sessions revoke x --all"])
async def test_one_or_all_must_be_named(settings: Settings, command: str) -> None:
    outcome = await run_docustore(*command.split(), **addresses(settings))

    assert outcome.exit_code == 2


async def test_blocked_address_is_shown_and_unblocked(settings: Settings, database: Database) -> None:
    limited = settings.model_copy(update={"auth_failures_per_min": 2})
    environment = {**addresses(settings), "DOCUSTORE_AUTH_FAILURES_PER_MIN": "2"}
    async with Redis.from_url(str(settings.redis_url)) as valkey:
        limiter = Limiter(valkey, limited)
        await limiter.clear(None)
        for _ in range(2):
            await limiter.take(Policy.AUTH, "192.0.2.7")

        listed = await run_docustore("limits", "list", "--json", **environment)
        cleared = await run_docustore("limits", "clear", "192.0.2.7", "--json", **environment)
        after = await limiter.take(Policy.AUTH, "192.0.2.7")
        await limiter.clear(None)

    [row] = listed.document
    assert (row["policy"], row["subject"], row["is_blocked"]) == ("auth", "192.0.2.7", True)
    assert cleared.document == {"cleared": 1}
    assert after is not None
    assert after.is_allowed


async def test_short_admin_key_stops_the_start(settings: Settings) -> None:
    for command in (("api",), ("up", "--port", "0")):
        outcome = await run_docustore(
            *command,
            "--host",
            EVERYWHERE,
            **addresses(settings),
            DOCUSTORE_ADMIN_KEY="hunter2",
        )

        assert outcome.exit_code == 1
        assert "DOCUSTORE_ADMIN_KEY: shorter than 32 characters" in outcome.stderr
        assert "hunter2" not in outcome.stderr
        assert "Traceback" not in outcome.stderr
