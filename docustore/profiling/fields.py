"""The fields that a profile describes. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from docustore.users.field_types import Reading
from docustore.users.fields import FIELDS


class Kind(StrEnum):
    """What a field holds by its declaration.

    A value of another type is counted as `other_type`.
    """

    TEXT = "text"
    LIST = "list"
    FLAG = "flag"
    TIME = "time"


_KINDS: Final = {Reading.LABELS: Kind.LIST, Reading.FLAG: Kind.FLAG, Reading.TIME: Kind.TIME}
# The types of the server that a kind of field may have.
BSON_TYPES: Final = {Kind.TEXT: ("string",), Kind.LIST: ("array",), Kind.FLAG: ("bool",), Kind.TIME: ("date",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledField:
    """One field: its dotted name, and what it holds."""

    name: str
    kind: Kind

    @property
    def path(self) -> str:
        """The path of the field in an expression, such as `$profile.location`."""
        return f"${self.name}"


PROFILED: Final = (
    *(ProfiledField(name=field.name, kind=_KINDS.get(field.wire.reading, Kind.TEXT)) for field in FIELDS),
    ProfiledField(name="updated_at", kind=Kind.TIME),
)
