"""The limiter on a real Valkey, and while Valkey is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from docustore.config import Settings
from docustore.database import Database
from docustore.security import limiter as limiter_module
from docustore.security.limiter import LOCAL_SUBJECTS, PAUSE_S, Limiter
from docustore.security.rate_limits import Policy
from tests.tcp_proxy import tcp_proxy
from tests.waiting import until

QUOTA = 5
ADDRESS = "192.0.2.7"
# Nothing listens there.
NOWHERE = "redis://127.0.0.1:1"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def limited(settings: Settings, database: Database) -> Settings:
    return settings.model_copy(update={"auth_failures_per_min": QUOTA, "searches_per_min": QUOTA})


@pytest.fixture
async def valkey(limited: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(str(limited.redis_url)) as client:
        await Limiter(client, limited).clear(None)
        yield client
        await Limiter(client, limited).clear(None)


async def allowed(*limiters: Limiter, times: int) -> int:
    taken = await asyncio.gather(
        *(limiter.take(Policy.AUTH, ADDRESS) for limiter in limiters for _ in range(times))
    )
    return sum(verdict is not None and verdict.is_allowed for verdict in taken)


async def test_quota_is_exact_over_processes(
    limited: Settings, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An answer that comes too late would be counted locally.
    monkeypatch.setattr(limiter_module, "TIMEOUT_S", 30.0)
    async with Redis.from_url(str(limited.redis_url)) as second:
        both = Limiter(valkey, limited), Limiter(second, limited)

        assert await allowed(*both, times=20) == QUOTA


async def test_refusal_says_when_to_retry(limited: Settings, valkey: Redis) -> None:
    limiter = Limiter(valkey, limited)
    await allowed(limiter, times=QUOTA)

    verdict = await limiter.take(Policy.AUTH, ADDRESS)

    assert verdict is not None
    assert (verdict.is_allowed, verdict.remaining) == (False, 0)
    assert 0 < verdict.retry_after_s <= 60 / QUOTA


async def test_subjects_and_policies_do_not_share(limited: Settings, valkey: Redis) -> None:
    limiter = Limiter(valkey, limited)
    await allowed(limiter, times=QUOTA + 1)

    other = await limiter.take(Policy.AUTH, "192.0.2.8")
    search = await limiter.take(Policy.SEARCH, ADDRESS)

    assert other is not None
    assert other.is_allowed
    assert search is not None
    assert search.is_allowed


async def test_given_back_requests_leave_nothing(limited: Settings, valkey: Redis) -> None:
    limiter = Limiter(valkey, limited)
    for _ in range(QUOTA + 3):
        await limiter.take(Policy.AUTH, ADDRESS)
        await limiter.give_back(Policy.AUTH, ADDRESS)

    assert await limiter.usages() == []
    assert await allowed(limiter, times=QUOTA) == QUOTA


async def test_policy_that_is_off_asks_nobody(limited: Settings, valkey: Redis) -> None:
    off = limited.model_copy(update={"auth_failures_per_min": 0})

    async with Redis.from_url(NOWHERE) as away:
        assert await Limiter(away, off).take(Policy.AUTH, ADDRESS) is None


async def test_blocked_subject_is_listed_and_cleared(limited: Settings, valkey: Redis) -> None:
    limiter = Limiter(valkey, limited)
    await allowed(limiter, times=QUOTA)
    await limiter.take(Policy.SEARCH, "key")

    listed = [(usage.policy, usage.subject, usage.is_blocked) for usage in await limiter.usages()]
    cleared = await limiter.clear(ADDRESS)

    assert listed == [(Policy.AUTH, ADDRESS, True), (Policy.SEARCH, "key", False)]
    assert cleared == 1
    assert await allowed(limiter, times=QUOTA) == QUOTA
    assert [usage.subject for usage in await limiter.usages()] == [ADDRESS, "key"]


async def test_each_process_counts_while_valkey_is_away(limited: Settings) -> None:
    async with Redis.from_url(NOWHERE) as away:
        limiter = Limiter(away, limited)
        with capture_logs() as logs:
            assert await allowed(limiter, times=QUOTA * 3) == QUOTA

    assert {entry["event"] for entry in logs} == {"limits.counted_locally"}


async def test_frozen_valkey_delays_one_request_per_pause(limited: Settings) -> None:
    """A server that accepts connections and never answers."""
    waiting = closed = 0

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting, closed
        waiting += 1
        await reader.read()
        writer.close()
        await writer.wait_closed()
        closed += 1

    async def are_all_closed() -> bool:
        return closed == waiting

    clock = Clock()
    server = await asyncio.start_server(never, "127.0.0.1", 0)
    frozen = Redis.from_url(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    limiter = Limiter(frozen, limited, clock=clock)
    async with server:
        first = await allowed(limiter, times=1)
        later = [await allowed(limiter, times=1) for _ in range(QUOTA)]
        connections = waiting
        clock.now_s += PAUSE_S
        await allowed(limiter, times=10)
        await frozen.aclose()
        await until(are_all_closed, what="the end of each connection")

    assert (first, sum(later)) == (1, QUOTA - 1)
    assert connections == 1
    assert waiting == 2


async def test_valkey_counts_again_when_it_is_back(limited: Settings, valkey: Redis) -> None:
    address = valkey.connection_pool.connection_kwargs
    clock = Clock()
    async with tcp_proxy(address["host"], address["port"]) as proxy:
        through = Redis.from_url(str(limited.redis_url).replace(str(address["port"]), str(proxy.port)))
        limiter = Limiter(through, limited, clock=clock)
        target, proxy._target = proxy._target, ("127.0.0.1", 1)
        await allowed(limiter, times=1)
        stored_while_away = await limiter_usages(valkey, limited)
        proxy._target = target
        clock.now_s += PAUSE_S
        await allowed(limiter, times=1)
        await through.aclose()

    assert stored_while_away == []
    assert await limiter_usages(valkey, limited) == [ADDRESS]


async def limiter_usages(valkey: Redis, settings: Settings) -> list[str]:
    return [usage.subject for usage in await Limiter(valkey, settings).usages()]


async def test_local_counters_are_bounded(limited: Settings) -> None:
    async with Redis.from_url(NOWHERE) as away:
        limiter = Limiter(away, limited)
        for number in range(LOCAL_SUBJECTS + 10):
            await limiter.take(Policy.AUTH, str(number))

    assert len(limiter._local) == LOCAL_SUBJECTS
