"""The filters of users on a command line: the parameters of `GET /users`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import click

from docustore.cli.utc_time import UtcTime
from docustore.users.listing import UserFilter
from docustore.users.profile import UserStatus

_TIMES: Final[Mapping[str, str]] = {
    "created_at[gte]": "created_from",
    "created_at[gt]": "created_after",
    "created_at[lt]": "created_before",
    "created_at[lte]": "created_until",
}
_TEXTS: Final = ("role", "tag", "location")
NAMES: Final = ("status", *_TEXTS, *_TIMES)


def user_filter(given: Iterable[str]) -> UserFilter:
    """Read `NAME=VALUE` pairs.

    Raises:
        BadParameter: A name is unknown or repeated, or a value is malformed.
    """
    values: dict[str, Any] = {}
    for pair in given:
        name, separator, value = pair.partition("=")
        if not separator or name not in NAMES:
            raise _bad(f"{pair!r} is no filter; write NAME=VALUE, with NAME one of {', '.join(NAMES)}")
        field = _TIMES.get(name, name)
        if field in values:
            raise _bad(f"{name} is given twice")
        values[field] = _value(name, value)
    return UserFilter(**values)


def _value(name: str, text: str) -> str | datetime | UserStatus:
    if name in _TIMES:
        return UtcTime().convert(text, None, None)
    if name != "status":
        return text
    try:
        return UserStatus(text)
    except ValueError as exc:
        raise _bad(f"{text!r} is no status; use {', '.join(UserStatus)}") from exc


def _bad(problem: str) -> click.BadParameter:
    return click.BadParameter(problem, param_hint="--filter")
