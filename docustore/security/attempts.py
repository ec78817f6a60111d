"""Attempts to prove who one is: limited per client address, and logged.

An attempt takes one request of the address's quota before the store is asked, and gets it back if it succeeds. So
the number of failures is exact, however many are sent at once. What was valid lately is no attempt: an attacker
cannot lock out the clients behind the same address. The attempts of an address take turns: after a restart many
valid requests may come at once. Together they must not use up the quota before the first one is answered.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakValueDictionary

import structlog

from docustore.errors import TooManyRequestsError, UnauthenticatedError
from docustore.security.api_keys import Principal
from docustore.security.http_client import Connection, http_client
from docustore.security.key_ring import Credential
from docustore.security.rate_limits import Policy, address_subject
from docustore.security.route_limits import note, take

if TYPE_CHECKING:
    from docustore.security.key_ring import KeyRing
    from docustore.security.limiter import Limiter

Proof = TypeVar("Proof")
BLOCK_LOGGED_EVERY_S: Final = 60.0
LOGGED_SUBJECTS: Final = 1000
# Attempts of one address at a time, in each process.
TURNS: Final = 2
# A store that does not answer must not make one request wait for the other.
LONGEST_WAIT_S: Final = 1.0

log: Final = structlog.get_logger()
_blocks_logged_at: Final[dict[str, float]] = {}
_turns: Final[WeakValueDictionary[str, asyncio.Semaphore]] = WeakValueDictionary()


async def proven_principal(connection: Connection, credential: Credential | None) -> Principal:
    """Return the principal of a credential that is not in the cache.

    Raises:
        UnauthenticatedError: It is missing, unknown, expired or revoked.
        TooManyRequestsError: The client's address has failed too often. The credential was not looked at.
    """
    key_ring: KeyRing = connection.app.state.key_ring
    if credential is None:
        return await attempt(connection, _refused)

    # The request before this one may have proven the same credential, so the cache is asked again.
    async def looked_up() -> Principal:
        return await key_ring.principal_of(credential)

    if not key_ring.is_proven(credential):
        return await attempt(connection, looked_up)
    try:
        return await looked_up()
    except UnauthenticatedError:
        # It was valid and has ended, or was revoked: this costs an attempt like any other.
        return await attempt(connection, _refused)


async def attempt(connection: Connection, prove: Callable[[], Awaitable[Proof]]) -> Proof:
    """Call `prove` as one attempt of the client's address.

    Raises:
        UnauthenticatedError: `prove` refused.
        TooManyRequestsError: The client's address has failed too often; `prove` was not called.
    """
    address = http_client(connection).address
    subject = address_subject(address)
    async with _turn(subject):
        return await _attempt(connection, prove, address=address, subject=subject)


async def _attempt(
    connection: Connection, prove: Callable[[], Awaitable[Proof]], *, address: str, subject: str
) -> Proof:
    limiter: Limiter = connection.app.state.limiter
    try:
        await take(connection, Policy.AUTH, subject)
    except TooManyRequestsError as exc:
        _log_block(subject, quota=exc.quota)
        raise
    try:
        proof = await prove()
    except UnauthenticatedError:
        log.warning("auth.refused", client=address, route=connection.scope.get("path_template"))
        raise
    except BaseException:
        # Not the client's fault: the store does not answer, for example.
        await limiter.give_back(Policy.AUTH, subject)
        raise
    note(connection, None)
    await limiter.give_back(Policy.AUTH, subject)
    return proof


@asynccontextmanager
async def _turn(subject: str) -> AsyncIterator[None]:
    """Wait for a turn of the address, but not longer than `LONGEST_WAIT_S`."""
    turns = _turns.setdefault(subject, asyncio.Semaphore(TURNS))
    has_turn = False
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_WAIT_S):
            has_turn = await turns.acquire()
    try:
        yield
    finally:
        if has_turn:
            turns.release()


async def _refused() -> Principal:
    raise UnauthenticatedError


def _log_block(subject: str, *, quota: int) -> None:
    """Log a block once a minute: an attack must not fill the log."""
    now = monotonic()
    if now - _blocks_logged_at.get(subject, -BLOCK_LOGGED_EVERY_S) < BLOCK_LOGGED_EVERY_S:
        return
    if len(_blocks_logged_at) >= LOGGED_SUBJECTS:
        _blocks_logged_at.clear()
    _blocks_logged_at[subject] = now
    log.warning("auth.blocked", client=subject, quota_per_min=quota)
