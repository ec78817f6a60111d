"""The table of field errors: a stable code and a sentence for each. Pure.

Bodies are checked by pydantic, query parameters by `docustore.api.parameters`. Both use this table. The keys are
pydantic's names of errors and our own. A sentence says what is allowed. It never contains the rejected value.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from docustore.errors import FieldError

_TIME: Final = "a time with a zone, such as 2026-01-31T12:00:00Z"
_INVALID: Final = ("invalid", "this value is not allowed; see the description of the route at /schema")
# kind -> code, sentence. The names in braces are in the context of the error.
SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("missing", "this field is required"),
    "missing_parameter": ("missing", "this parameter is required"),
    "extra_forbidden": ("unknown_field", "unknown field"),
    "unknown_parameter": ("unknown_parameter", "unknown parameter; {choice}"),
    "repeated_parameter": ("repeated_parameter", "send this parameter only once"),
    "string_type": ("wrong_type", "must be text"),
    "bool_type": ("wrong_type", "must be true or false"),
    "int_type": ("wrong_type", "must be a whole number"),
    "list_type": ("wrong_type", "must be a list"),
    "dict_type": ("wrong_type", "must be an object"),
    "model_type": ("wrong_type", "must be an object"),
    "model_attributes_type": ("wrong_type", "must be an object"),
    "enum": ("not_allowed", "must be {expected}"),
    "string_too_short": ("too_short", "must have at least {min_length} characters"),
    "string_too_long": ("too_long", "must have at most {max_length} characters"),
    "too_short": ("too_short", "must have a length of at least {min_length}"),
    "too_long": ("too_long", "must have a length of at most {max_length}"),
    "greater_than_equal": ("out_of_range", "must be at least {ge}"),
    "less_than_equal": ("out_of_range", "must be at most {le}"),
    "time_malformed": ("time_malformed", f"must be {_TIME}"),
    "datetime_parsing": ("time_malformed", f"must be {_TIME}"),
    "datetime_from_date_parsing": ("time_malformed", f"must be {_TIME}"),
    "datetime_object_invalid": ("time_malformed", f"must be {_TIME}"),
    "timezone_aware": ("time_without_zone", f"must be {_TIME}"),
    "string_unicode": ("not_unicode", "must be valid Unicode text"),
    "email_malformed": ("email_malformed", "{reason}"),
    "control_character": ("control_character", "contains a null byte or another control character"),
    "not_http_url": ("not_http_url", "must be an absolute URL that starts with http:// or https://"),
    "webhook_url": ("url_not_allowed", "{reason}"),
    "not_in_language": ("not_in_language", "{reason}"),
    "status_unchanged": ("status_unchanged", "new_status must differ from current_status"),
}


def field_error(pointer: str, kind: str, context: Mapping[str, Any] | None = None) -> FieldError:
    """Make an error of the table; an unknown kind gets a general sentence.

    Args:
        context: The values for the braces of the sentence.
    """
    code, sentence = SENTENCES.get(kind, _INVALID)
    return FieldError(pointer=pointer, code=code, detail=sentence.format_map(context or {}))


def field_errors(
    errors: Iterable[Mapping[str, Any]], *, prefix: Sequence[str | int] = ()
) -> tuple[FieldError, ...]:
    """Translate the list of `ValidationError.errors()`, in its order.

    Args:
        prefix: The path of the validated part in the whole document.
    """
    return tuple(
        field_error(json_pointer((*prefix, *error["loc"])), error["type"], error.get("ctx")) for error in errors
    )


def one_of(words: Sequence[str]) -> str:
    """Write the allowed words as pydantic does: `'a', 'b' or 'c'`."""
    quoted = [f"'{word}'" for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def json_pointer(path: Sequence[str | int]) -> str:
    """Return a path as an RFC 6901 pointer; the empty path is the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
