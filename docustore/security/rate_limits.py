"""Rate limits: the arithmetic, and the header fields that report them. Pure.

The algorithm is GCRA. A subject has one number, the theoretical arrival time: the time at which all requests that
it has sent would be paid for. Each request moves it by one interval. A request that would move it further than one
window ahead is refused. A refused request moves nothing.

Header fields: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

WINDOW_S: Final = 60
MICROSECONDS: Final = 1_000_000
# A provider gives a customer at least this much of the IPv6 space: one host can use all addresses of it.
IPV6_PREFIX_BITS: Final = 64


class Policy(StrEnum):
    """What is limited; each policy has its own setting and its own counters."""

    AUTH = "auth"
    PASSWORD = "password"  # noqa: S105  # a name
    SEARCH = "search"
    EXPORT = "export"
    QUERY = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `quota` requests per window and subject; 0 is no limit."""

    policy: Policy
    quota: int

    @property
    def interval_us(self) -> int:
        """Microseconds after which one request is available again."""
        return ceil(WINDOW_S * MICROSECONDS / self.quota)

    @property
    def burst_us(self) -> int:
        """Microseconds that a subject may be ahead: a whole quota at once."""
        return self.interval_us * self.quota

    def verdict(self, *, is_allowed: bool, backlog_us: int) -> "Verdict":
        """Describe the state of a subject that is `backlog_us` ahead."""
        over_us = backlog_us + self.interval_us - self.burst_us
        return Verdict(
            limit=self,
            is_allowed=is_allowed,
            remaining=max(0, (self.burst_us - backlog_us) // self.interval_us),
            reset_s=ceil(backlog_us / MICROSECONDS),
            retry_after_s=max(1, ceil(over_us / MICROSECONDS)) if over_us > 0 else 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of a limiter.

    `remaining` requests are available now, and the whole quota after `reset_s` seconds. `retry_after_s` is 0 while
    a request is available.
    """

    limit: Limit
    is_allowed: bool
    remaining: int
    reset_s: int
    retry_after_s: int

    def headers(self) -> dict[str, str]:
        """Return the fields `RateLimit-Policy` and `RateLimit`."""
        name = self.limit.policy.value
        return {
            "RateLimit-Policy": f'"{name}";q={self.limit.quota};w={WINDOW_S}',
            "RateLimit": f'"{name}";r={self.remaining};t={self.reset_s}',
        }


def moved(arrival_us: int | None, *, now_us: int, limit: Limit, cost: int) -> tuple[bool, int]:
    """Return whether a request is allowed, and the arrival time after it.

    Args:
        arrival_us: The subject's theoretical arrival time; None for a new subject.
        cost: 1 takes a request, -1 gives it back, 0 only looks.
    """
    present = max(now_us, arrival_us or 0)
    after = max(now_us, present + cost * limit.interval_us)
    if cost > 0 and after > now_us + limit.burst_us:
        return False, present
    return True, after


def address_subject(address: str) -> str:
    """Return the subject of a client address.

    It is the address itself, or the /64 network of an IPv6 address.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = int(parsed) >> (128 - IPV6_PREFIX_BITS) << (128 - IPV6_PREFIX_BITS)
    return f"{IPv6Address(network)}/{IPV6_PREFIX_BITS}"


def limits_of(quotas: Mapping[Policy, int]) -> dict[Policy, Limit]:
    """Return the limits that are on."""
    return {policy: Limit(policy=policy, quota=quota) for policy, quota in quotas.items() if quota > 0}
