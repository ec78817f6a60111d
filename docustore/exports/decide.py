"""Decide what a row of an import does to the store. Pure.

A row counts only over an older user: its `updated_at` is later than the user's, or it has none. So a second import
changes nothing, and an old file undoes no newer change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import bson

from docustore.errors import FieldError
from docustore.exports.full_record import NOT_RESTORED
from docustore.exports.imported import ImportedUser, StoredUser
from docustore.users.cause import Cause
from docustore.users.fields import WRITABLE, completed_fields
from docustore.users.rules import UserRules
from docustore.users.sound import exactly, version_of
from docustore.users.stored import RawUser, completed, id_key
from docustore.users.writes import changed_fields, guarded, loaded, new_user, stamped

Document = dict[str, Any]
# They differ after every write, also if the user is the same.
_STAMPS: Final = frozenset({"version", "updated_at", "updated_by", *NOT_RESTORED})
TAKEN: Final = FieldError(
    pointer="/email",
    code="email_taken",
    detail="another user has this e-mail address; leave the id out to import the row into that user",
)
DELETED: Final = FieldError(
    pointer="", code="deleted", detail="the user was deleted; restore it with `POST /users/{id}/restore` first"
)


class ImportOutcome(StrEnum):
    """What became of a row; each is a figure of the report."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """A user to insert."""

    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Fields to set on the user that the guard matches."""

    guard: Document
    fields: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The user that replaces the one that the guard matches."""

    guard: Document
    document: Document


Action = Insertion | Update | Replacement | ImportOutcome | FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How rows are compared with the store.

    `is_overwriting`: a row counts also over a newer user.
    """

    actor: str
    now: datetime
    is_overwriting: bool = False

    @property
    def cause(self) -> Cause:
        """The cause of every write of the import."""
        return Cause(actor=self.actor, reason="import")


class Known:
    """The stored users that the rows of a batch may concern."""

    def __init__(self, users: Iterable[RawUser]) -> None:
        self.by_id: dict[Any, RawUser] = {}
        self.by_email: dict[str, RawUser] = {}
        for user in users:
            self.by_id[id_key(user["_id"])] = user
            if user.get("deleted_at") is None and isinstance(user.get("email"), str):
                self.by_email[user["email"]] = user


def decide(row: ImportedUser | StoredUser, known: Known, rules: Rules) -> Action:
    """Compare a row with the store."""
    return _of_stored(row, known, rules) if isinstance(row, StoredUser) else _of_imported(row, known, rules)


def _of_imported(row: ImportedUser, known: Known, rules: Rules) -> Action:
    holder = known.by_email.get(row.email)
    if row.user_id is None:
        return _insertion(row, rules) if holder is None else _change(row, holder, rules)
    stored = known.by_id.get(id_key(row.user_id))
    if stored is None:
        return _insertion(row, rules) if holder is None else TAKEN
    if holder is not None and holder["_id"] != row.user_id and not _is_same(row, stored):
        return ImportOutcome.STALE if _is_stale(row.updated_at, stored, rules) else TAKEN
    return _change(row, stored, rules)


def _insertion(row: ImportedUser, rules: Rules) -> Insertion:
    moment = row.updated_at or rules.now
    document = new_user(row.user, now=moment, cause=rules.cause, password_hash=None, user_id=row.user_id)
    document["version"] = row.version
    for name, given in (("created_at", row.created_at), ("updated_at", row.updated_at)):
        if name not in row.given:
            document[name] = rules.now
        elif given is None:
            # The validator knows no null here: an unknown time is absent.
            del document[name]
        else:
            document[name] = given
    return Insertion(document=document)


def _change(row: ImportedUser, stored: RawUser, rules: Rules) -> Action:
    if _is_same(row, stored):
        return ImportOutcome.UNCHANGED
    if _is_stale(row.updated_at, stored, rules):
        return ImportOutcome.STALE
    if stored.get("deleted_at") is not None:
        return DELETED
    raw = completed(stored)
    user = loaded(raw, UserRules)
    before = user.model_copy()
    user.rewrite(row.user)
    fields = changed_fields(raw, before, user, now=rules.now)
    if not fields:
        return ImportOutcome.UNCHANGED
    return Update(
        guard=guarded(raw, stored_version=stored.get("version")),
        fields=stamped(stored, fields, now=rules.now, cause=rules.cause),
    )


def _is_same(row: ImportedUser, stored: RawUser) -> bool:
    if stored.get("deleted_at") is not None or row.email != stored.get("email"):
        return False
    given, present = row.user.values(created_at=None), completed_fields(stored)
    return all(given[name] == present[name] for name in WRITABLE)


def _is_stale(updated_at: datetime | None, stored: RawUser, rules: Rules) -> bool:
    if rules.is_overwriting or updated_at is None:
        return False
    stored_at = stored.get("updated_at")
    return isinstance(stored_at, datetime) and stored_at >= updated_at


def _of_stored(row: StoredUser, known: Known, rules: Rules) -> Action:
    stored = known.by_id.get(id_key(row.user_id))
    holder = None if row.email is None else known.by_email.get(row.email)
    if stored is None:
        # With the writer that it had: the file is the user as it was. The import itself is in the audit log.
        return Insertion(document=row.document) if holder is None else TAKEN
    if _comparable(row.document) == _comparable(stored):
        return ImportOutcome.UNCHANGED
    updated_at = row.document.get("updated_at")
    if _is_stale(updated_at if isinstance(updated_at, datetime) else None, stored, rules):
        return ImportOutcome.STALE
    if holder is not None and holder["_id"] != row.user_id:
        return TAKEN
    # Never a version that a client may have seen with another content.
    version = max(version_of(row.document), version_of(stored) + 1)
    return Replacement(
        guard={"_id": stored["_id"], "version": exactly(stored.get("version"))},
        document={
            **row.document,
            "version": version,
            "updated_at": rules.now,
            "updated_by": rules.actor,
            "cause": rules.cause.as_document(),
        },
    )


def _comparable(user: RawUser) -> bytes:
    """Return a user without its stamps, by BSON value and type, in one order."""
    return bson.encode({name: user[name] for name in sorted(user) if name not in _STAMPS})
