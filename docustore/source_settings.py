"""The settings of one upstream system. Pure.

Invalid settings are refused here, before a run starts. Only errors that are visible without a request to the
system are found here. The settings that only some kinds have are declared in `docustore.source_options`.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from docustore.etl.mapping.hooks import check_hook
from docustore.etl.mapping.settings import SourceMap, check_fields
from docustore.recurrence import Recurrence, parse_recurrence, parse_zone
from docustore.source_options.address import address_problem
from docustore.source_options.file import FileOptions
from docustore.source_options.http import HttpOptions
from docustore.source_options.kind import SourceAddress, SourceKind
from docustore.source_options.limits import ChangeLimits, NewFields
from docustore.source_options.quality_gate import QualityGate
from docustore.source_options.secret import is_reference
from docustore.source_options.service import ServiceOptions
from docustore.source_options.stored import MongodbOptions, SqlOptions, StoredOptions
from docustore.users.fields import REQUIRABLE

# The name is the first part of every identity key (`crm:42`), so it must not contain the separator.
SOURCE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
# Of writes through the API, see `docustore.users.identities.LOCAL_SOURCE`.
RESERVED_NAME: Final = "local"
# The kinds that have the settings of a group. All other settings belong to every kind.
GROUPS: Final[Mapping[type[SourceAddress], frozenset[SourceKind]]] = {
    FileOptions: frozenset({SourceKind.FILE}),
    ServiceOptions: frozenset({SourceKind.HTTP, SourceKind.SCIM}),
    HttpOptions: frozenset({SourceKind.HTTP}),
    StoredOptions: frozenset({SourceKind.MONGODB, SourceKind.SQL}),
    MongodbOptions: frozenset({SourceKind.MONGODB}),
    SqlOptions: frozenset({SourceKind.SQL}),
}


class SourceSettings(FileOptions, ServiceOptions, HttpOptions, MongodbOptions, SqlOptions):
    """One upstream system: a table `[sources.NAME]` in `docustore.toml`."""

    schedule: str = Field(
        "hourly",
        description="`hourly`, `daily`, `weekly`, `monthly`, `every 15m`, a cron expression, or `off`",
    )
    timezone: str = Field("UTC", description="zone of cron expressions, such as `Europe/Amsterdam`")
    full: str | None = Field(
        None, description="when the next run reads everything, such as `weekly`; a value like those of `schedule`"
    )
    after: tuple[str, ...] = Field(
        (), description="sources whose run of the same or a later slot must succeed first"
    )
    overdue_after_s: int | None = Field(
        None, ge=60, description="seconds without a success before an alert; unset = derived from `schedule`"
    )
    required: tuple[str, ...] = Field(
        ("email", "first_name", "last_name"),
        description="fields that a record must contain; others may be missing",
    )
    map: SourceMap = Field(
        default_factory=dict, description='keys of the source by our fields, such as `{ email = "E-Mail" }`'
    )
    map_hook: str | None = Field(
        None, description="name of an entry point of the group `docustore.mappings`, which finishes the mapping"
    )
    deletes: Literal["off", "snapshot"] = Field(
        "off",
        description="`snapshot`: a record that is missing in two full readings in a row was deleted upstream",
    )
    new_fields: NewFields = Field(
        NewFields.WARN,
        description="fields that the source did not have before: `evolve` takes them, `warn` reports those that "
        "nothing reads, `freeze` holds the run until it is approved",
    )
    max_missing_pct: float | None = Field(
        None,
        ge=0,
        le=100,
        description="a run fails if a required field is missing in more percent of its records; unset = no limit",
    )
    limits: ChangeLimits = Field(
        default_factory=ChangeLimits, description="how much one run may change without approval"
    )
    quality_gate: QualityGate = Field(
        default_factory=QualityGate, description="how many records of one run may violate the rules of quality"
    )

    @field_validator("required")
    @classmethod
    def _required_fields_exist(cls, required: tuple[str, ...]) -> tuple[str, ...]:
        for name in required:
            if name not in REQUIRABLE:
                msg = f"there is no field {name!r}; use {', '.join(REQUIRABLE)}"
                raise ValueError(msg)
        return required

    @model_validator(mode="before")
    @classmethod
    def _map_replaces_columns(cls, given: object) -> object:
        if isinstance(given, dict) and "columns" in given:
            msg = """`columns` is now `map`, the other way round: write map = { email = "E-Mail" }"""
            raise ValueError(msg)
        return given

    @field_validator("map")
    @classmethod
    def _map_fits_fields(cls, given: SourceMap) -> SourceMap:
        check_fields(given)
        return given

    @field_validator("map_hook")
    @classmethod
    def _hook_is_installed(cls, hook: str | None) -> str | None:
        if hook is not None:
            check_hook(hook)
        return hook

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, timezone: str) -> str:
        parse_zone(timezone)
        return timezone

    @model_validator(mode="after")
    def _mapped_keys_exist(self) -> Self:
        if self.kind is SourceKind.MONGODB:
            for name, field in self.map.items():
                if "_id" in field.source:
                    msg = f"map.{name}: the `_id` of a document is read as `id`; write id instead of _id"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _schedules_are_valid(self) -> Self:
        schedule = self.recurrence
        if self.full is not None and (schedule is None or self.full_recurrence is None):
            msg = "`full` needs a schedule: it marks scheduled runs; start others with `docustore etl run --full`"
            raise ValueError(msg)
        if self.after and schedule is None:
            msg = "`after` needs a schedule: runs that people start do not wait"
            raise ValueError(msg)
        return self

    @property
    def recurrence(self) -> Recurrence | None:
        """Return when the source is read; None if only people start its runs."""
        return parse_recurrence(self.schedule, timezone=self.timezone)

    @property
    def full_recurrence(self) -> Recurrence | None:
        """Return when the source is read completely; None if never by itself."""
        return None if self.full is None else parse_recurrence(self.full, timezone=self.timezone)

    @model_validator(mode="after")
    def _url_fits_kind(self) -> Self:
        is_named = self.kind is not SourceKind.FILE and is_reference(self.url)
        if not is_named and (problem := address_problem(self.kind, self.url)):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _settings_fit_kind(self) -> Self:
        for name in sorted(self.model_fields_set):
            kinds = kinds_of(name)
            if kinds and self.kind not in kinds:
                msg = f"{name} is a setting of the kind {' or '.join(sorted(kinds))}, not of {self.kind}"
                raise ValueError(msg)
        return self


def is_source_name(name: str) -> bool:
    """Tell whether a source may have this name."""
    return name != RESERVED_NAME and SOURCE_NAME.fullmatch(name) is not None


def kinds_of(setting: str) -> frozenset[SourceKind]:
    """Return the kinds that have a setting; the empty set is all of them."""
    return _KINDS.get(setting, frozenset())


def _own_fields(group: type[BaseModel]) -> set[str]:
    bases = (base for base in group.__bases__ if issubclass(base, BaseModel))
    return group.model_fields.keys() - {name for base in bases for name in base.model_fields}


_KINDS: Final = {name: kinds for group, kinds in GROUPS.items() for name in _own_fields(group)}
