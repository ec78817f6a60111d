"""Check the rows of an import by the rules of the API and of the store. Pure.

A row in the API's form is a user as a client writes it, with its id, times and version. A stored user is taken as
it is, if its e-mail address has the stored form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import bson
from bson import ObjectId, Regex
from bson.errors import BSONError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from docustore.api.body_types import RequestTime, WholeNumber
from docustore.api.field_errors import field_error, field_errors
from docustore.errors import FieldError, InvalidInputError
from docustore.exports.rows import Row
from docustore.migrations.migration import ConflictError, Migration
from docustore.migrations.rewrite import ALWAYS_READ
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.schemas import UserInput, parse_user
from docustore.users.stored import SCHEMA_VERSION

# Made from other fields.
_DERIVED: Final = ("full_name",)
_META: Final = ("id", "created_at", "updated_at", "version")
_PASSWORD: Final = "password"  # noqa: S105  # the name of a field
_ID_MALFORMED: Final = FieldError(
    pointer="/id",
    code="id_malformed",
    detail="an id has 24 hexadecimal digits; leave it out for a new user, and load the records of another system "
    "with `docustore etl run`",
)


class _Meta(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: str | None = None
    created_at: RequestTime | None = None
    updated_at: RequestTime | None = None
    # Beyond it, clients that read JSON lose digits; far beyond it, the store has no such number.
    version: WholeNumber = Field(1, ge=1, le=2**53)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedUser:
    """A valid row in the API's form.

    `user_id` is None for a row without an id. `given` are the names of the fields that the row has: a time that it
    gives as null is unknown, one that it leaves out is the time of the import.
    """

    line: int
    user_id: ObjectId | None
    user: UserInput
    created_at: datetime | None
    updated_at: datetime | None
    version: int
    given: frozenset[str]

    @property
    def email(self) -> str:
        """The normalised address."""
        return self.user.email


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUser:
    """A valid row of a full export: the document as it is stored."""

    line: int
    document: dict[str, Any]

    @property
    def user_id(self) -> Any:
        """The `_id`, of any type."""
        return self.document["_id"]

    @property
    def email(self) -> str | None:
        """The address that no other user may have; None for a deleted user."""
        return None if self.document.get("deleted_at") is not None else self.document.get("email")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that cannot be imported, with every reason."""

    line: int
    errors: tuple[FieldError, ...]


Checked = ImportedUser | StoredUser | Reject


def checked(row: Row, migrations: Sequence[Migration]) -> Checked:
    """Check one row.

    Args:
        migrations: Bring a stored user of an older version to the present shape.
    """
    if row.error is not None:
        return Reject(line=row.line, errors=(row.error,))
    if row.stored is not None:
        return _stored(row.line, row.stored, migrations)
    return _imported(row.line, row.record or {})


def _imported(line: int, record: Mapping[str, Any]) -> ImportedUser | Reject:
    errors: list[FieldError] = []
    given_meta = {name: _plain(record[name]) for name in _META if name in record}
    meta = _Meta()
    try:
        meta = _Meta.model_validate(given_meta)
    except ValidationError as exc:
        errors += field_errors(exc.errors())
    given_id = given_meta.get("id")
    if isinstance(given_id, str) and not ObjectId.is_valid(given_id):
        errors.append(_ID_MALFORMED)
    if _PASSWORD in record:
        errors.append(field_error("/password", "extra_forbidden"))
    left_out = (*_META, *_DERIVED, _PASSWORD)
    try:
        user = parse_user({name: value for name, value in record.items() if name not in left_out})
    except InvalidInputError as exc:
        return Reject(line=line, errors=(*errors, *exc.errors))
    if errors:
        return Reject(line=line, errors=tuple(errors))
    return ImportedUser(
        line=line,
        user_id=None if meta.id is None else ObjectId(meta.id),
        user=user,
        created_at=meta.created_at,
        updated_at=meta.updated_at,
        version=meta.version,
        given=frozenset(given_meta),
    )


def _plain(value: Any) -> Any:
    # Parquet gives times as such; the model takes them in one form.
    return value.isoformat() if isinstance(value, datetime) else value


def _stored(line: int, document: dict[str, Any], migrations: Sequence[Migration]) -> StoredUser | Reject:
    shape = document.get("schema_version") or 0
    if not isinstance(shape, int) or shape > SCHEMA_VERSION:
        detail = "a newer version of docustore has exported the user; import it with that version"
        return Reject(line=line, errors=(FieldError(pointer="/schema_version", code="too_new", detail=detail),))
    try:
        moved = _moved(document, [each for each in migrations if each.number > shape])
        problem = _email_problem(moved.get("email")) or _storage_problem(moved)
    except ConflictError as exc:
        problem = FieldError(pointer="", code=exc.code, detail="the user cannot be moved to the present shape")
    if problem is not None:
        return Reject(line=line, errors=(problem,))
    return StoredUser(line=line, document=moved)


def _moved(document: dict[str, Any], migrations: Sequence[Migration]) -> dict[str, Any]:
    for migration in migrations:
        seen = {name: document[name] for name in (*ALWAYS_READ, *migration.reads) if name in document}
        changed = None if migration.up is None else migration.up.transform(seen)
        if changed is not None:
            kept = {name: value for name, value in document.items() if name not in seen or name in changed}
            shape = {"schema_version": migration.number} if "schema_version" in document else {}
            document = {**kept, **changed, **shape}
    return document


def _email_problem(email: object) -> FieldError | None:
    try:
        if isinstance(email, str) and normalise_email(email) == email:
            return None
        detail = "the address is not stored in its normalised form; correct it where the user was exported"
    except EmailMalformedError as exc:
        detail = str(exc)
    return FieldError(pointer="/email", code="email_malformed", detail=detail)


def _storage_problem(document: Mapping[str, Any]) -> FieldError | None:
    """Tell why MongoDB takes no such document.

    One would end the import of all the others.
    """
    user_id = document["_id"]
    names = user_id if isinstance(user_id, dict) else ()
    if isinstance(user_id, list | Regex) or any(name.startswith("$") for name in names):
        return FieldError(pointer="/_id", code="id_malformed", detail="MongoDB takes no such value as an id")
    try:
        bson.encode(document)
    except (BSONError, OverflowError, ValueError):
        detail = "MongoDB cannot hold a number beyond 64 bits, or a name with a null byte"
        return FieldError(pointer="", code="not_storable", detail=detail)
    return None
