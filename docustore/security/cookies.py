"""The cookie that holds the token of a session."""

from datetime import timedelta
from typing import Final

from litestar.datastructures import Cookie

from docustore.security.http_client import Connection, http_client

COOKIE_NAME: Final = "docustore_session"
# Browsers accept this prefix only with Secure, path / and no domain: no other host of the domain can set it.
SECURE_COOKIE_NAME: Final = f"__Host-{COOKIE_NAME}"
# The cookie of earlier versions held a key. It is not read any more, and deleted where it is met.
OLD_COOKIE_NAME: Final = "docustore_key"


def session_token(connection: Connection) -> str | None:
    """Return the token in the cookie; None if there is none."""
    cookies = connection.cookies
    if SECURE_COOKIE_NAME in cookies:
        return cookies[SECURE_COOKIE_NAME]
    # Over https only the prefixed cookie counts: another host of the domain can set the other one.
    if COOKIE_NAME not in cookies or http_client(connection).scheme == "https":
        return None
    return cookies[COOKIE_NAME]


def session_cookie(connection: Connection, token: str, *, lasts: timedelta) -> Cookie:
    """Make the cookie of a session.

    Scripts cannot read it, and other sites cannot send it.
    """
    is_secure = http_client(connection).scheme == "https"
    return Cookie(
        key=SECURE_COOKIE_NAME if is_secure else COOKIE_NAME,
        value=token,
        max_age=int(lasts.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=is_secure,
    )


def cleared_cookies(connection: Connection) -> list[Cookie]:
    """Return the cookies that delete the present and the earlier cookie."""
    cleared = session_cookie(connection, "", lasts=timedelta(0))
    return [cleared, Cookie(key=OLD_COOKIE_NAME, value="", max_age=0, path="/", httponly=True, samesite="strict")]
