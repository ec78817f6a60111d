"""What the address of each kind of source looks like. Pure."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from docustore.source_options.kind import SourceKind

HTTP_SCHEMES: Final = frozenset({"http", "https"})
SCIM_PREFIX: Final = "scim+"
MONGODB_SCHEMES: Final = frozenset({"mongodb", "mongodb+srv"})


def address_problem(kind: SourceKind, url: str) -> str | None:
    """Tell why a source of this kind cannot have this address; None if it can.

    The sentence never contains the address, which may contain a password.
    """
    rule = _RULES.get(kind)
    if rule is None or rule[0](url):
        return None
    return rule[1]


def is_http_url(url: str) -> bool:
    """Tell whether an address is an http(s) URL with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in HTTP_SCHEMES and bool(parts.hostname)


def mongodb_place(url: str) -> tuple[str, str] | None:
    """Return the database and the collection of an address; None without."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    database, dot, collection = parts.path.removeprefix("/").partition(".")
    if parts.scheme not in MONGODB_SCHEMES or not (parts.netloc and database and dot and collection):
        return None
    return database, collection


def _is_scim_url(url: str) -> bool:
    return is_http_url(url.removeprefix(SCIM_PREFIX))


def _is_mongodb_url(url: str) -> bool:
    return mongodb_place(url) is not None


def _is_sql_url(url: str) -> bool:
    scheme, separator, rest = url.partition("://")
    return bool(scheme and separator and rest)


_RULES: Final[Mapping[SourceKind, tuple[Callable[[str], bool], str]]] = {
    SourceKind.HTTP: (is_http_url, "url must start with http:// or https:// and name a host"),
    SourceKind.SCIM: (_is_scim_url, "url must start with http(s):// or scim+http(s):// and name a host"),
    SourceKind.MONGODB: (_is_mongodb_url, "url must be mongodb://HOST/DATABASE.COLLECTION"),
    SourceKind.SQL: (_is_sql_url, "url must be an address of SQLAlchemy, such as postgresql://HOST/DATABASE"),
}
