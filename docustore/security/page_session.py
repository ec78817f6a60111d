"""Whether the session of a browser opens the page."""

from pymongo.errors import PyMongoError

from docustore.errors import UnauthenticatedError
from docustore.security.attempts import proven_principal
from docustore.security.http_client import Connection
from docustore.security.key_ring import Credential, KeyRing
from docustore.transient import is_transient


async def opens_page(connection: Connection, token: str) -> bool:
    """Tell whether a session is valid; True also while the store does not answer.

    The page holds nothing that is secret, and each of its requests is checked again. So it can say what is wrong.

    Raises:
        TooManyRequestsError: The client's address has failed too often.
    """
    key_ring: KeyRing = connection.app.state.key_ring
    credential = Credential(token, is_session=True)
    try:
        if key_ring.known(credential) is None:
            await proven_principal(connection, credential)
    except UnauthenticatedError:
        return False
    except PyMongoError as exc:
        if not is_transient(exc):
            raise
    return True
