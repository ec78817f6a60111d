"""Take requests from quotas, and report the quotas in the response."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from litestar.datastructures import ResponseHeader

from docustore.errors import TooManyRequestsError
from docustore.security.http_client import Connection
from docustore.security.rate_limits import Policy, Verdict

if TYPE_CHECKING:
    from docustore.security.limiter import Limiter

_VERDICT: Final = "docustore_limit"
RATE_LIMIT_HEADERS: Final = (
    ResponseHeader(
        name="RateLimit-Policy", description="the quota `q` per window of `w` seconds", documentation_only=True
    ),
    ResponseHeader(
        name="RateLimit",
        description="`r` requests are left now, the whole quota after `t` seconds",
        documentation_only=True,
    ),
)


async def take(connection: Connection, policy: Policy, subject: str) -> None:
    """Take one request from the quota of a subject.

    Raises:
        TooManyRequestsError: The quota is used up.
    """
    limiter: Limiter = connection.app.state.limiter
    verdict = await limiter.take(policy, subject)
    if verdict is None:
        return
    note(connection, verdict)
    if not verdict.is_allowed:
        raise TooManyRequestsError(
            policy=policy.value,
            quota=verdict.limit.quota,
            retry_after=timedelta(seconds=verdict.retry_after_s),
        )


def note(connection: Connection, verdict: Verdict | None) -> None:
    """Set the quota that the response reports; None reports nothing."""
    state: dict[str, Any] = connection.scope["state"]
    state[_VERDICT] = verdict


def limit_headers(scope: Any) -> list[tuple[bytes, bytes]]:
    """Return the header fields of the quota for the response; empty without one."""
    verdict: Verdict | None = scope["state"].get(_VERDICT)
    if verdict is None:
        return []
    return [(name.lower().encode(), value.encode()) for name, value in verdict.headers().items()]
