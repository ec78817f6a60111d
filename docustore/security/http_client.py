"""The client of a connection: address, scheme, and origin of its page."""

from typing import Any

from litestar.connection import ASGIConnection

from docustore.security.client_address import Client, client_of

Connection = ASGIConnection[Any, Any, Any, Any]


def http_client(connection: Connection) -> Client:
    """Return the client of a request, as trusted proxies report it."""
    scope = connection.scope
    peer = scope.get("client")
    return client_of(
        peer=peer[0] if peer else None,
        scheme=scope["scheme"],
        headers=scope["headers"],
        trusted=connection.app.state.trusted_proxies,
    )


def is_same_origin(connection: Connection) -> bool:
    """Tell whether a browser sent the request from a page of this server."""
    # Browsers send this header on https and localhost. Scripts cannot forge it. Proxies may rewrite Host, but not
    # this header.
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return _is_own(connection, connection.headers.get("origin", ""))


def is_from_another_site(connection: Connection) -> bool:
    """Tell whether a browser says that a page of another server sent the request."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = connection.headers.get("origin")
    return origin is not None and not _is_own(connection, origin)


def _is_own(connection: Connection, origin: str) -> bool:
    client = http_client(connection)
    scheme, _, host = origin.partition("://")
    # A proxy that is not trusted may have removed TLS unseen: so https in the origin is no contradiction to http.
    is_weaker = client.scheme == "https" and scheme != "https"
    return not is_weaker and host == (client.host or connection.headers.get("host"))
