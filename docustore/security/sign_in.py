"""Sign in a browser: by a key, or by a login link."""

from docustore.errors import UnauthenticatedError
from docustore.security.attempts import attempt, proven_principal
from docustore.security.http_client import Connection
from docustore.security.key_ring import Credential
from docustore.security.sessions import NewSession, start_session, start_session_by_link


async def sign_in_by_key(connection: Connection, key: str) -> NewSession:
    """Start a session for the owner of a key.

    A key that was valid lately is no attempt, as for every other request.

    Raises:
        UnauthenticatedError: The key is unknown, expired or revoked.
        TooManyRequestsError: The client's address has failed too often.
    """
    principal = await proven_principal(connection, Credential(key, is_session=False))
    return await start_session(key=key, principal=principal)


async def sign_in_by_link(connection: Connection, token: str) -> NewSession:
    """Use a login link and start its session.

    Raises:
        UnauthenticatedError: The link is unknown, expired or already used.
        TooManyRequestsError: The client's address has failed too often.
    """

    async def used() -> NewSession:
        session = await start_session_by_link(token)
        if session is None:
            raise UnauthenticatedError
        return session

    return await attempt(connection, used)
