"""Default headers of all responses. Pure.

A handler can set another value.
"""

from typing import Final

# Answers contain personal data: no browser or proxy may keep them.
DEFAULTS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def add_defaults(headers: list[tuple[bytes, bytes]]) -> None:
    """Add the default headers that are missing."""
    names = {name.lower() for name, _ in headers}
    headers.extend(default for default in DEFAULTS if default[0] not in names)
