"""The fields that a rule of the settings may name. Pure.

A misspelt field is missing in every user, and a field of another type fits none: such a rule would pass, or be
violated, whatever the users contain.
"""

from collections.abc import Iterable
from typing import Final

from docustore.quality_settings import RuleKind
from docustore.users.field_types import Reading
from docustore.users.fields import FIELDS

# Everything that a client of the API may see.
HIDDEN: Final = frozenset({"password_hash", "identities", "search_terms"})
READABLE: Final = (*(field.name for field in FIELDS), "updated_at", "version")
_TIMES: Final = (*(field.name for field in FIELDS if field.wire.reading is Reading.TIME), "updated_at")
_LISTS: Final = tuple(field.name for field in FIELDS if field.wire.reading is Reading.LABELS)
_TEXTS: Final = tuple(
    field.name for field in FIELDS if field.wire.reading not in {Reading.TIME, Reading.LABELS, Reading.FLAG}
)
# A field and what holds it: `profile` too.
_READABLE: Final = frozenset(
    ".".join(parts[:end]) for name in READABLE if (parts := name.split(".")) for end in range(1, len(parts) + 1)
)
_FITTING: Final = {
    RuleKind.PATTERN: (*_TEXTS, *_LISTS),
    RuleKind.ONE_OF: (*_TEXTS, *_LISTS),
    RuleKind.UNIQUE: _TEXTS,
    RuleKind.MAX_AGE: _TIMES,
}


def field_problem(kind: RuleKind, field: str, *, conditions: Iterable[str]) -> str | None:
    """Tell why a rule cannot look at its fields; None if it can.

    Args:
        conditions: The fields of `when`.
    """
    for read in (field, *conditions):
        if (first := read.partition(".")[0]) in HIDDEN:
            return f"rules cannot read the field {first}"
        if read not in _READABLE:
            return f"users have no field {read!r}; use one of {', '.join(READABLE)}"
    fitting = _FITTING.get(kind)
    if fitting is not None and field not in fitting:
        return f"a rule of kind {kind} cannot judge {field}; use one of {', '.join(fitting)}"
    return None
