"""Translation of pydantic's errors into `FieldError`. Pure.

Each pydantic error becomes one `FieldError`. A `FieldError` never contains the rejected value.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from docustore.errors import FieldError


def field_errors(
    errors: Iterable[Mapping[str, Any]], *, prefix: Sequence[str | int] = ()
) -> tuple[FieldError, ...]:
    """Translate the list of `ValidationError.errors()`, in its order.

    Args:
        prefix: The path of the validated part in the whole document.
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
    """Return a path as an RFC 6901 pointer; the empty path is the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


_CODES = {"extra_forbidden": "unknown_field"}
_DETAILS = {"extra_forbidden": "unknown field", "missing": "this field is required"}
