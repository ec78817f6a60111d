"""The fields that a mapping may give, and the keys that it replaces. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from docustore.etl.records import ID_NAMES, MODIFIED_NAMES
from docustore.users.field_types import Reading
from docustore.users.fields import FIELDS

FULL_NAME: Final = "full_name"
DELETED: Final = "deleted"
ID: Final = ID_NAMES[0]
MODIFIED_AT: Final = MODIFIED_NAMES[0]
FIRST_NAME: Final = "first_name"
LAST_NAME: Final = "last_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A field that a mapping may give.

    `path` is its place in a record. `names` are all keys that a record without a mapping may use for it.
    """

    path: tuple[str, ...]
    names: tuple[str, ...]
    reading: Reading

    @property
    def name(self) -> str:
        """The dotted path, such as `profile.location`."""
        return ".".join(self.path)

    @property
    def pointer(self) -> str:
        """The JSON pointer, such as `/profile/location`."""
        return "/" + "/".join(self.path)


_TARGETS: Final = (
    Target(path=(ID,), names=ID_NAMES, reading=Reading.TEXT),
    *(Target(path=field.path, names=field.wire_names, reading=field.wire.reading) for field in FIELDS),
    Target(path=(MODIFIED_AT,), names=MODIFIED_NAMES, reading=Reading.TIME),
    Target(path=(DELETED,), names=(DELETED,), reading=Reading.FLAG),
    # Gives the first and the last name together.
    Target(path=(FULL_NAME,), names=(FULL_NAME,), reading=Reading.WORDS),
)
TARGETS: Final[Mapping[str, Target]] = {target.name: target for target in _TARGETS}
_BY_SPELLING: Final = {name: target.name for target in _TARGETS for name in (target.name, *target.names)}
_CONTAINERS: Final = ("profile", "preferences")


def target_name(given: str) -> str:
    """Return the name of the field for any of its spellings.

    Raises:
        ValueError: There is no such field; the message names a similar one, and all of them.
    """
    if given in _BY_SPELLING:
        return _BY_SPELLING[given]
    similar = get_close_matches(given, _BY_SPELLING, n=1)
    hint = f"did you mean {similar[0]}? The fields are" if similar else "the fields are"
    msg = f"there is no field {given}; {hint} {', '.join(TARGETS)}"
    raise ValueError(msg)


def flattened(given: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """Turn `{"profile": {"location": ...}}` into `{"profile.location": ...}`."""
    flat: dict[str, Any] = {}
    for name, value in given.items():
        full = (*path, name)
        if name in _CONTAINERS and isinstance(value, Mapping):
            flat.update(flattened(value, *full))
        else:
            flat[".".join(full)] = value
    return flat
