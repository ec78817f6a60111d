"""Count requests against their limits, exactly over all processes.

One atomic script in Valkey decides, on the clock of Valkey. While Valkey does not answer, each process counts by
itself: the limit is then per process, and no request fails for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from docustore.config import Settings
from docustore.security.rate_limits import MICROSECONDS, Limit, Policy, Verdict, limits_of, moved

# A frozen Valkey must not hold up requests. It is asked again after the pause, by one request at a time.
TIMEOUT_S: Final = 0.25
PAUSE_S: Final = 1.0
LOCAL_SUBJECTS: Final = 10_000
# The same arithmetic as `rate_limits.moved`. Times are microseconds and fit into the 53 bits of a Lua number.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local present = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local after = math.max(now, present + cost * interval)
if cost > 0 and after > now + burst then return {0, present - now} end
if cost ~= 0 then
  if after > now then
    redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
  else
    redis.call('DEL', KEYS[1])
  end
end
return {1, after - now}
"""

log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The state of one subject under one policy."""

    policy: Policy
    subject: str
    verdict: Verdict

    @property
    def is_blocked(self) -> bool:
        """Tell whether the next request is refused."""
        return self.verdict.remaining == 0


class Limiter:
    """Takes requests from the quotas of subjects: client addresses or key ids."""

    def __init__(self, valkey: Redis, settings: Settings, *, clock: Callable[[], float] = monotonic) -> None:
        self._valkey = valkey
        self._limits = limits_of(_quotas(settings))
        self._prefix = f"docustore:limit:{settings.mongodb_database}:"
        self._script = valkey.register_script(_SCRIPT)
        self._clock = clock
        self._ask_again_at = 0.0
        self._local: dict[str, int] = {}

    async def take(self, policy: Policy, subject: str) -> Verdict | None:
        """Take one request from the quota; None if the policy is off."""
        return await self._move(policy, subject, cost=1)

    async def give_back(self, policy: Policy, subject: str) -> None:
        """Return one request to the quota, because it is not of the limited kind."""
        await self._move(policy, subject, cost=-1)

    async def usages(self) -> list[Usage]:
        """List the subjects whose quota is not full, the most used first.

        Raises:
            RedisError: Valkey does not answer.
        """
        found = [usage async for usage in self._stored()]
        return sorted(found, key=lambda usage: (usage.verdict.remaining, -usage.verdict.reset_s))

    async def clear(self, subject: str | None) -> int:
        """Give a subject its whole quota again, under every policy.

        None clears all subjects. A process that counts by itself while Valkey is away is not reached.

        Returns:
            The number of counters that were deleted.

        Raises:
            RedisError: Valkey does not answer.
        """
        names = [self._name(usage.policy, usage.subject) async for usage in self._stored()]
        if subject is not None:
            names = [name for name in names if name.removeprefix(self._prefix).partition(":")[2] == subject]
        return int(await self._valkey.delete(*names)) if names else 0

    async def _move(self, policy: Policy, subject: str, *, cost: int) -> Verdict | None:
        limit = self._limits.get(policy)
        if limit is None:
            return None
        name = self._name(policy, subject)
        if self._clock() < self._ask_again_at:
            return self._count(name, limit, cost)
        was_away = self._ask_again_at > 0
        if was_away:
            # This request asks. The others must not wait meanwhile for a server that may still be frozen.
            self._ask_again_at = self._clock() + PAUSE_S
        try:
            verdict = await self._ask(name, limit, cost)
        except (RedisError, OSError, TimeoutError) as exc:
            if not self._ask_again_at:
                log.warning("limits.counted_locally", error=type(exc).__name__)
            self._ask_again_at = self._clock() + PAUSE_S
            return self._count(name, limit, cost)
        if was_away:
            log.info("limits.counted_in_valkey")
            self._ask_again_at = 0.0
        return verdict

    async def _ask(self, name: str, limit: Limit, cost: int) -> Verdict:
        async with asyncio.timeout(TIMEOUT_S):
            answer: Any = await self._script(keys=[name], args=[limit.interval_us, limit.burst_us, cost])
        return limit.verdict(is_allowed=bool(answer[0]), backlog_us=int(answer[1]))

    def _count(self, name: str, limit: Limit, cost: int) -> Verdict:
        now_us = int(self._clock() * MICROSECONDS)
        # The oldest goes first. An attacker with many addresses can push others out, but cannot fill the memory.
        if len(self._local) >= LOCAL_SUBJECTS and name not in self._local:
            self._local.pop(next(iter(self._local)))
        is_allowed, after_us = moved(self._local.pop(name, None), now_us=now_us, limit=limit, cost=cost)
        self._local[name] = after_us
        return limit.verdict(is_allowed=is_allowed, backlog_us=after_us - now_us)

    async def _stored(self) -> AsyncIterator[Usage]:
        async for raw in self._valkey.scan_iter(match=f"{self._prefix}*", count=1000):
            name = raw.decode()
            policy, _, subject = name.removeprefix(self._prefix).partition(":")
            if limit := self._limits.get(Policy(policy)):
                answer: Any = await self._script(keys=[name], args=[limit.interval_us, limit.burst_us, 0])
                verdict = limit.verdict(is_allowed=True, backlog_us=int(answer[1]))
                yield Usage(policy=limit.policy, subject=subject, verdict=verdict)

    def _name(self, policy: Policy, subject: str) -> str:
        return f"{self._prefix}{policy.value}:{subject}"


def _quotas(settings: Settings) -> Mapping[Policy, int]:
    return {
        Policy.AUTH: settings.auth_failures_per_min,
        Policy.PASSWORD: settings.password_writes_per_min,
        Policy.SEARCH: settings.searches_per_min,
        Policy.EXPORT: settings.exports_per_min,
        Policy.QUERY: settings.queries_per_min,
    }
