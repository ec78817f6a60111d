"""Default headers of all responses. Pure.

A handler can set another value.
"""

from typing import Final

# Answers contain personal data: no browser or proxy may keep them.
DEFAULTS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def add_defaults(headers: list[tuple[bytes, bytes]], *more: tuple[bytes, bytes]) -> None:
    """Add the default headers that are missing, and more of them for one response."""
    names = {name.lower() for name, _ in headers}
    headers.extend(default for default in (*DEFAULTS, *more) if default[0] not in names)
