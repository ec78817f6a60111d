"""What an export contains: which users, in which form."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from docustore.errors import FieldError, InvalidQueryError
from docustore.exports.formats import ExportFormat, FileForm
from docustore.users.listing import UserFilter
from docustore.users.stored import FOR_RESPONSE

_EVERY_FIELD: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOrder:
    """The users and the form of one export.

    `is_full` is for a restore: stored users as they are, also deleted ones, with identities and password hashes.
    Otherwise an export has what the API shows.

    Raises:
        InvalidQueryError: A full export in a form that cannot hold it, or of a part of the users.
    """

    which: UserFilter = field(default_factory=UserFilter)
    form: FileForm = field(default_factory=FileForm)
    is_full: bool = False

    def __post_init__(self) -> None:
        if self.is_full and self.form.format is not ExportFormat.NDJSON:
            raise _refused("/format", "a full export is NDJSON: a table cannot hold the fields of other clients")
        if self.is_full and self.which != UserFilter():
            raise _refused("/filter", "a full export has every user; leave the filters out")

    @property
    def matching(self) -> Mapping[str, Any]:
        """The MongoDB filter."""
        return {} if self.is_full else self.which.as_query()

    @property
    def projection(self) -> Mapping[str, Any]:
        """The fields to read."""
        return _EVERY_FIELD if self.is_full else FOR_RESPONSE

    def as_document(self) -> dict[str, Any]:
        """Return the order as it is recorded."""
        given = {name: value for name, value in asdict(self.which).items() if value is not None}
        return {
            "format": self.form.format.value,
            "gzip": self.form.is_gzip,
            "full": self.is_full,
            "filter": {name: str(value) for name, value in given.items()},
        }


def _refused(pointer: str, detail: str) -> InvalidQueryError:
    return InvalidQueryError((FieldError(pointer=pointer, code="not_allowed", detail=detail),))
