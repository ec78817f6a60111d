"""The one list of a user's fields. Pure.

These declarations define the stored model, the API's input, the projection of a response, the defaults for
documents of other clients, the values of an identity and their order, the names that records may use, the names
that a source may require, and the collection's validator.

To add a field: declare it in `WritableFields`, `Profile` or `Preferences`; add it to the response in `views.py`;
raise `HASH_VERSION`; add its row to the README. A test fails for each forgotten step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from docustore.users.field_types import MAX_EMAIL_CHARS, MAX_NAME_CHARS, PersonName, Reading, Wire
from docustore.users.profile import Profile, UserStatus
from docustore.users.stored_email import STORED_EMAIL_PATTERN

# The version of the digests in `identities.hash`. Raise it with every change of the list of fields. Then the next
# full read writes every record again, with the values of the new fields.
HASH_VERSION: Final = 3

# For the collection's validator, which does not read `pattern`; see `indexes.validators`.
_STORED_EMAIL: Final = Field(json_schema_extra={"x-server-pattern": STORED_EMAIL_PATTERN})

# The mapped fields of one identity, by name, in the order of the declarations.
Values = dict[str, Any]


class WritableFields(BaseModel):
    """The fields that sources and API clients give."""

    email: Annotated[str, Field(max_length=MAX_EMAIL_CHARS), _STORED_EMAIL, Wire(Reading.EMAIL)]
    first_name: Annotated[PersonName, Wire(Reading.WORDS, names=("firstName",), max_chars=MAX_NAME_CHARS)] = ""
    last_name: Annotated[PersonName, Wire(Reading.WORDS, names=("lastName",), max_chars=MAX_NAME_CHARS)] = ""
    status: Annotated[UserStatus, Wire(Reading.STATUS, is_requirable=False)] = UserStatus.ACTIVE
    profile: Profile = Field(default_factory=Profile)
    roles: Annotated[list[str], Wire(Reading.LABELS)] = Field(default_factory=list)
    tags: Annotated[list[str], Wire(Reading.LABELS)] = Field(default_factory=list)


class MappedFields(WritableFields):
    """The fields of an identity: the writable fields and the registration time."""

    created_at: Annotated[datetime | None, Wire(Reading.TIME, names=("createdAt",))] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserField:
    """One field as the other modules see it.

    `path` is the path of the field in the user's document. `pointer` is the same path as a JSON pointer. `default`
    is the value for a document without the field.
    """

    path: tuple[str, ...]
    pointer: str
    wire: Wire
    default: Any

    @property
    def name(self) -> str:
        """The dotted path, such as `profile.location`."""
        return ".".join(self.path)

    @property
    def wire_names(self) -> tuple[str, ...]:
        """The keys that a record may use for the field; the preferred key is first."""
        return (self.path[-1], *self.wire.names)


def _fields_of(model: type[BaseModel], *path: str) -> Iterator[UserField]:
    for name, info in model.model_fields.items():
        wire = next((note for note in info.metadata if isinstance(note, Wire)), None)
        if wire is not None:
            full = (*path, name)
            yield UserField(path=full, pointer="/" + "/".join(full), wire=wire, default=_default_of(info))
        elif isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _fields_of(info.annotation, *path, name)
        else:
            msg = f"field {'.'.join((*path, name))} has no Wire; add one that tells how a record gives it"
            raise TypeError(msg)


def _default_of(info: FieldInfo) -> Any:
    default = "" if info.is_required() else info.get_default(call_default_factory=True)
    return default.value if isinstance(default, StrEnum) else default


WRITABLE: Final = tuple(WritableFields.model_fields)
MAPPED: Final = tuple(MappedFields.model_fields)
# All leaves, in the order of the declarations.
FIELDS: Final = tuple(_fields_of(MappedFields))
REQUIRABLE: Final = tuple(field.name for field in FIELDS if field.wire.is_requirable)
PROFILE_WIRE_NAMES: Final = frozenset(
    name for field in FIELDS if field.path[0] == "profile" for name in field.wire_names
)
IN_RESPONSE: Final = (*MAPPED, "updated_at", "version", "deleted_at")

# Top-level fields without parts: lists, which each document needs for itself, and all others.
_LISTS: Final = tuple(f.name for f in FIELDS if len(f.path) == 1 and isinstance(f.default, list))
_PLAIN: Final = tuple((f.name, f.default) for f in FIELDS if len(f.path) == 1 and f.name not in _LISTS)
_PROFILE_DEFAULTS: Final[Mapping[str, Any]] = Profile().model_dump(mode="json")
_PREFERENCE_DEFAULTS: Final[Mapping[str, Any]] = _PROFILE_DEFAULTS["preferences"]


def completed_fields(user: Mapping[str, Any]) -> Values:
    """Read the mapped fields of a raw user, with defaults.

    A field gets its default if it is missing, or if it must be a list or a profile and is neither.
    """
    # One pass per kind of field: this runs for every user of every response.
    values: Values = dict.fromkeys(MAPPED)
    get = user.get
    for name, default in _PLAIN:
        value = get(name)
        values[name] = value if value or value is False else default
    for name in _LISTS:
        value = get(name)
        values[name] = value if isinstance(value, list) else []
    values["profile"] = completed_profile(get("profile"))
    return values


def default_profile() -> dict[str, Any]:
    """Return a new profile of defaults, in the declared order."""
    return {**_PROFILE_DEFAULTS, "preferences": dict(_PREFERENCE_DEFAULTS)}


def default_preferences() -> dict[str, Any]:
    """Return new preferences of defaults, in the declared order."""
    return dict(_PREFERENCE_DEFAULTS)


def completed_profile(profile: object) -> dict[str, Any]:
    """Copy a raw profile in the declared order; a missing field gets its default."""
    if not isinstance(profile, dict):
        return default_profile()
    complete = _completed(profile, _PROFILE_DEFAULTS)
    chosen = complete["preferences"]
    complete["preferences"] = _completed(chosen if isinstance(chosen, dict) else {}, _PREFERENCE_DEFAULTS)
    return complete


def _completed(given: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    # Almost every user has all fields and no other ones: then there is nothing to look up.
    if given.keys() == defaults.keys():
        return {**defaults, **given}
    return {name: given.get(name, default) for name, default in defaults.items()}


def leaf(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Read one leaf of the mapped fields; None if a part of the path is missing."""
    found: Any = values
    for part in path:
        # The first test is ten times as fast as the second one.
        found = found.get(part) if type(found) is dict or isinstance(found, Mapping) else None
    return found
