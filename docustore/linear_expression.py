"""Regular expressions that match in linear time. Pure.

An expression of the settings meets texts of any client. With Python's own engine, `(a+)+` on a few dozen
characters takes longer than a day and holds the process meanwhile. This engine is the one of Rust, which pydantic
brings: its time is bounded by the length of the text. It has no look-around and no back-references.
See: https://docs.rs/regex/latest/regex/#untrusted-input
"""

from pydantic_core import SchemaError, SchemaValidator, core_schema


class LinearExpression:
    """One expression; a text matches as a whole.

    Raises:
        ValueError: The expression is malformed, or cannot be matched in linear time.
    """

    def __init__(self, pattern: str) -> None:
        # By itself first: a stray parenthesis must not end the group around it.
        _compiled(pattern)
        self._matcher = _compiled(rf"\A(?:{pattern})\z")

    def matches(self, text: str) -> bool:
        """Tell whether the whole text matches."""
        return self._matcher.isinstance_python(text)


def _compiled(pattern: str) -> SchemaValidator:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, strict=True, regex_engine="rust-regex"))
    except SchemaError as exc:
        raise ValueError(_reason(str(exc))) from exc


def _reason(text: str) -> str:
    """Return the last line that says something; the lines before draw the place."""
    found = [
        line.removeprefix("error:").strip() for line in text.splitlines() if line.strip().startswith("error:")
    ]
    return found[-1] if found else "it cannot be compiled"
