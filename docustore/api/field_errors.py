"""pydantic's errors as docustore's own: one `FieldError` for each, none with the value in it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from docustore.errors import FieldError


def field_errors(
    errors: Iterable[Mapping[str, Any]], *, prefix: Sequence[str | int] = ()
) -> tuple[FieldError, ...]:
    """Translate what `ValidationError.errors()` lists, in its order.

    Args:
        prefix: The path under which the validated part stands in the whole document.
    """
    return tuple(
        FieldError(
            pointer=json_pointer((*prefix, *error["loc"])),
            code=_CODES.get(error["type"], error["type"]),
            detail=_DETAILS.get(error["type"], error["msg"]),
        )
        for error in errors
    )


def json_pointer(path: Sequence[str | int]) -> str:
    """Write a path as an RFC 6901 pointer; the empty path is the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


_CODES = {"extra_forbidden": "unknown_field"}
_DETAILS = {"extra_forbidden": "there is no such field", "missing": "this field is required"}
