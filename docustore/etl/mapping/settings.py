"""The settings of a mapping: the table `[sources.NAME.map]`. Pure.

    email = "E-Mail"                                           the value of a key
    last_name = "Name.Family"                                  a key inside an object
    full_name = { from = "Name", order = "last first" }        gives first and last name
    status = { from = "Status", values = { "aktiv" = "active", "ausgeschieden" = "inactive" } }
    roles = { from = "Rollen", split = "/" }
    tags = { value = ["hr"] }                                  a constant
    modified_at = { from = "Stand", format = "%d.%m.%Y", zone = "Europe/Berlin" }
    deleted = { from = "gone", equals = "yes" }

A field that the table does not name keeps its default keys.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from docustore.etl.mapping.full_names import NameOrder
from docustore.etl.mapping.key_path import keys_of, parts_of
from docustore.etl.mapping.local_times import check_format
from docustore.etl.mapping.targets import (
    DELETED,
    FIRST_NAME,
    FULL_NAME,
    ID,
    LAST_NAME,
    TARGETS,
    flattened,
    target_name,
)
from docustore.recurrence import parse_zone
from docustore.users.field_types import Reading

Scalar = str | bool | int
_EXAMPLE: Final = 'write a key, such as "E-Mail", or a table, such as { from = "E-Mail" }'


def _tuple(given: object) -> object:
    return (given,) if isinstance(given, str | bool | int) else given


Texts = Annotated[tuple[str, ...], BeforeValidator(_tuple)]


class FieldMap(BaseModel):
    """How a record gives one field: the value of a key, or a constant."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_by_name=True)

    source: Texts = Field((), alias="from", description="the key, or several: the first one with a value counts")
    value: Scalar | tuple[str, ...] | None = Field(None, description="a constant")
    default: Scalar | tuple[str, ...] | None = Field(None, description="the value of a record without the key")
    values: dict[str, Scalar | tuple[str, ...]] = Field(
        default_factory=dict, description="values by the words of the source; other words stay as they are"
    )
    split: str | None = Field(None, min_length=1, description="lists: the text between two entries")
    format: Texts = Field((), description="times: such as %d.%m.%Y, or several")
    zone: str | None = Field(None, description="times: the IANA zone of times without one, such as Europe/Berlin")
    order: NameOrder | None = Field(None, description="full_name: `auto`, `first last` or `last first`")
    equals: Texts = Field((), description="deleted: the words that mean yes; all others mean no")

    @field_validator("source")
    @classmethod
    def _paths_are_well_formed(cls, source: tuple[str, ...]) -> tuple[str, ...]:
        for path in source:
            parts_of(path)
            if not path:
                msg = f"the key is empty; {_EXAMPLE}"
                raise ValueError(msg)
        return source

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        if zone is not None:
            parse_zone(zone)
        return zone

    @field_validator("format")
    @classmethod
    def _formats_give_dates(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in formats:
            check_format(pattern)
        return formats

    @model_validator(mode="after")
    def _key_or_constant(self) -> Self:
        if bool(self.source) == (self.value is not None):
            msg = 'give either a key or a constant: { from = "E-Mail" } or { value = "active" }'
            raise ValueError(msg)
        others = self.model_copy(update={"value": None})
        if self.value is not None and others.model_dump(exclude_defaults=True):
            msg = "a constant takes no other settings"
            raise ValueError(msg)
        return self


# The settings that only some fields take.
_ONLY_FOR: Final[Mapping[str, tuple[str, Any]]] = {
    "split": ("lists", lambda target: target.reading is Reading.LABELS),
    "format": ("times", lambda target: target.reading is Reading.TIME),
    "zone": ("times", lambda target: target.reading is Reading.TIME),
    "order": (FULL_NAME, lambda target: target.name == FULL_NAME),
    "equals": (DELETED, lambda target: target.name == DELETED),
}


def _canonical(given: object) -> object:
    """Name each field by its only name, and write each text as a table."""
    if not isinstance(given, Mapping):
        return given
    canonical: dict[str, Any] = {}
    for spelling, field in flattened(given).items():
        name = target_name(spelling)
        if name in canonical:
            msg = f"{name} is given twice; remove one of the lines"
            raise ValueError(msg)
        canonical[name] = {"from": field} if isinstance(field, str) else field
        if not isinstance(canonical[name], Mapping | FieldMap):
            msg = f"{name}: {_EXAMPLE}"
            raise ValueError(msg)  # noqa: TRY004  # pydantic reports a ValueError with the name of the setting
    return canonical


def check_fields(fields: Mapping[str, FieldMap]) -> None:
    """Refuse settings that do not fit their fields.

    Raises:
        ValueError: The message names the field.
    """
    for name, field in fields.items():
        target = TARGETS[name]
        for setting, (what, fits) in _ONLY_FOR.items():
            if getattr(field, setting) not in {None, ()} and not fits(target):
                msg = f"{name}: `{setting}` is only for {what}; remove it"
                raise ValueError(msg)
        if field.value is not None and name in {ID, "email", FULL_NAME}:
            msg = f"{name}: a constant would be the same for all records; name a key"
            raise ValueError(msg)
    if FULL_NAME in fields and {FIRST_NAME, LAST_NAME} & fields.keys():
        msg = "full_name gives first_name and last_name; map either it or them"
        raise ValueError(msg)


def keys_read(*fields: FieldMap | None) -> frozenset[str]:
    """List the keys at the top of a record that some fields are read from."""
    return frozenset(
        key for field in fields if field is not None for path in field.source for key in keys_of(path)
    )


def names_replaced(fields: Iterable[str]) -> frozenset[str]:
    """List the default keys that do not count because a mapping gives their fields."""
    targets = [TARGETS[name] for name in fields]
    if any(target.name == FULL_NAME for target in targets):
        targets += [TARGETS[FIRST_NAME], TARGETS[LAST_NAME]]
    return frozenset(name for target in targets for name in target.names)


# The table `[sources.NAME.map]`: how each field is given, by the field's name.
SourceMap = Annotated[dict[str, FieldMap], BeforeValidator(_canonical)]
