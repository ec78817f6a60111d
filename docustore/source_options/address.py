"""What the address of each kind of source looks like. Pure."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from docustore.source_options.kind import SourceKind

HTTP_SCHEMES: Final = frozenset({"http", "https"})


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


_RULES: Final[Mapping[SourceKind, tuple[Callable[[str], bool], str]]] = {
    SourceKind.HTTP: (is_http_url, "url must start with http:// or https:// and name a host"),
}
