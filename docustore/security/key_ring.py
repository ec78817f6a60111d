"""Look up the keys and session tokens of requests, through a cache."""

from collections.abc import Callable
from hmac import compare_digest
from time import monotonic
from typing import Final, NamedTuple

from pydantic import SecretStr

from docustore.clock import now_utc
from docustore.errors import UnauthenticatedError
from docustore.security.api_keys import (
    CACHE_SECONDS,
    KEY_PREFIX,
    Principal,
    digest_of,
    note_use,
    usable_key,
)
from docustore.security.models import Scope
from docustore.security.sessions import ADMIN_ID, end_session, session_principal

CACHE_ENTRIES: Final = 1024
# What was valid once in this process needs no attempt of the client's address for this time. Otherwise an attacker
# behind the same address could lock out a client that sends its key only now and then.
PROVEN_SECONDS: Final = 24 * 3600.0


class Credential(NamedTuple):
    """What a request sends to prove who it is: a key, or the token of a session."""

    secret: str
    is_session: bool

    @property
    def digest(self) -> str:
        """The key of the cache; a key and a token never share an entry."""
        return f"{'session' if self.is_session else 'key'}:{digest_of(self.secret)}"


class _Entry(NamedTuple):
    principal: Principal
    known_until: float
    proven_until: float


class KeyRing:
    """A cache from credentials to principals; entries are valid for `CACHE_SECONDS`.

    Unknown credentials are not cached, so many wrong ones cannot evict valid ones.
    """

    def __init__(self, *, admin_key: SecretStr | None, clock: Callable[[], float] = monotonic) -> None:
        self._admin_digest = digest_of(admin_key.get_secret_value()) if admin_key else None
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._ended_sessions = 0

    def known(self, credential: Credential) -> Principal | None:
        """Return the cached principal; None if the store must be asked."""
        entry = self._entries.get(credential.digest)
        return entry.principal if entry is not None and entry.known_until > self._clock() else None

    def is_proven(self, credential: Credential) -> bool:
        """Tell whether the credential was valid in this process during the last day."""
        entry = self._entries.get(credential.digest)
        return entry is not None and entry.proven_until > self._clock()

    async def principal_of(self, credential: Credential) -> Principal:
        """Return the principal of a key or a session.

        Raises:
            UnauthenticatedError: It is unknown, expired or revoked.
        """
        known = self.known(credential)
        if known is not None:
            return known
        ended_before = self._ended_sessions
        principal = await (self._of_session if credential.is_session else self._of_key)(credential.secret)
        if principal is None:
            self._entries.pop(credential.digest, None)
            raise UnauthenticatedError
        # A session may have been ended while the store was asked. It must not enter the cache after that.
        if ended_before == self._ended_sessions:
            self._remember(credential.digest, principal)
        return principal

    async def end_session(self, token: str) -> None:
        """End a session; this process refuses it at once, others within `CACHE_SECONDS`."""
        await end_session(token)
        self._ended_sessions += 1
        self._entries.pop(Credential(token, is_session=True).digest, None)

    async def _of_key(self, key: str) -> Principal | None:
        digest, now = digest_of(key), now_utc()
        if self._admin_digest is not None and compare_digest(digest, self._admin_digest):
            return Principal(key_id=ADMIN_ID, scope=Scope.ADMIN)
        if not key.startswith(KEY_PREFIX):
            return None
        record = await usable_key(hash=digest, now=now)
        if record is None:
            return None
        await note_use(record, now=now)
        return Principal(key_id=record.id, scope=record.scope)

    async def _of_session(self, token: str) -> Principal | None:
        return await session_principal(token, admin_digest=self._admin_digest, now=now_utc())

    def _remember(self, digest: str, principal: Principal) -> None:
        self._entries.pop(digest, None)
        if len(self._entries) >= CACHE_ENTRIES:
            self._entries.pop(next(iter(self._entries)))
        now = self._clock()
        self._entries[digest] = _Entry(principal, now + CACHE_SECONDS, now + PROVEN_SECONDS)
