"""Settings of other databases. Pure."""

from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from docustore.source_options.kind import SourceAddress, SourceKind
from docustore.source_options.secret import is_reference


class StoredOptions(SourceAddress):
    """What sources in a database have in common."""

    modified: str | None = Field(
        None, description="column or field of the last change; unset: every run reads everything"
    )


class MongodbOptions(StoredOptions):
    """How the changes of a collection are found."""

    live: bool = Field(
        False, description="read the changes from the change stream, with deletions, instead of by `modified`"
    )

    @model_validator(mode="after")
    def _changes_come_from_one_place(self) -> Self:
        if self.live and self.modified is not None:
            msg = "use live or modified, not both"
            raise ValueError(msg)
        return self


class SqlOptions(SourceAddress):
    """Which rows are read, and how they are known."""

    table: str | None = Field(
        None, description="table or view, such as `hr.people`; or the part of `url` after `#`"
    )
    query: str | None = Field(None, description="SELECT whose rows are the records, instead of `table`")
    key: tuple[str, ...] = Field(
        (), description="columns that identify a row; the primary key of `table` if unset"
    )
    zone: str = Field("UTC", description="time zone of times without one, such as `Europe/Berlin`")

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as exc:
            msg = f"there is no time zone {zone!r}; use a name such as UTC or Europe/Berlin"
            raise ValueError(msg) from exc
        return zone

    @model_validator(mode="after")
    def _rows_are_named(self) -> Self:
        if self.kind is not SourceKind.SQL:
            return self
        _, _, fragment = ("", "", "") if is_reference(self.url) else self.url.partition("#")
        if sum(bool(given) for given in (self.table, self.query, fragment)) != 1:
            msg = "name the rows by one of table, query, or #TABLE at the end of url"
            raise ValueError(msg)
        if self.query and not self.key:
            msg = "query needs key: the columns that identify a row"
            raise ValueError(msg)
        return self
