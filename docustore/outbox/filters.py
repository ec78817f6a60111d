"""Check the filters of destinations. Pure."""

from collections.abc import Iterable
from typing import Final

from docustore.errors import ConfigurationError
from docustore.users.fields import FIELDS

# All fields and the documents that contain them: `profile.location` and `profile`.
FIELD_NAMES: Final = tuple(
    dict.fromkeys(".".join(field.path[:length]) for field in FIELDS for length in range(1, len(field.path) + 1))
)


def unknown_fields(names: Iterable[str]) -> list[str]:
    """List the names that are no fields of users."""
    return [name for name in names if name not in FIELD_NAMES]


def refuse_unknown_fields(names: Iterable[str]) -> None:
    """Refuse a misspelt filter: it would never match.

    Raises:
        ConfigurationError: A name is no field of users.
    """
    if unknown := unknown_fields(names):
        problem = f"no field {unknown[0]!r}; use {', '.join(FIELD_NAMES)}"
        raise ConfigurationError(setting="fields", problem=problem)
