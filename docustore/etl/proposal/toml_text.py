"""Write settings as TOML. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_DELETE: Final = "\x7f"


def toml_value(value: object) -> str:
    """Write a text, number, flag, list or table on one line."""
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{_key(name)} = {toml_value(part)}" for name, part in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    # JSON's texts are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace(_DELETE, "\\u007f")


def toml_line(name: str, value: Any) -> str:
    """Write one setting; a dotted name is a path of tables."""
    return f"{name if _BARE_KEY.fullmatch(name) else toml_value(name)} = {toml_value(value)}"


def comment(text: str) -> str:
    """Write a comment; line breaks of a header must not end it."""
    return "# " + "".join(char if char.isprintable() else " " for char in text)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_value(name)
