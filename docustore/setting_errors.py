"""Say what is wrong with a setting, in words of the settings. Pure."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

_WHOLE: Final = "must be a whole number"
_NUMBER: Final = "must be a number"
_TRUTH: Final = "must be true or false"
# pydantic's names of errors; the names in braces are in the context of the error.
_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": "must be text",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}


def setting_sentence(error: Mapping[str, Any], *, names: Iterable[str]) -> str:
    """Tell what is wrong, without the value.

    Args:
        error: One of `ValidationError.errors()`.
        names: The settings that exist at its place, to propose one for an unknown name.
    """
    if error["type"] == "extra_forbidden":
        close = get_close_matches(str(error["loc"][-1]), list(names), n=1)
        hint = f"did you mean {close[0]}?" if close else "`docustore init` writes all settings with their meaning"
        return f"is no setting; {hint}"
    sentence = _SENTENCES.get(error["type"])
    if sentence is None:
        return str(error["msg"]).removeprefix("Value error, ")
    return sentence.format_map(error.get("ctx") or {})
