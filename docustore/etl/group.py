"""A user in memory while a batch is applied, and the write that stores it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bson import ObjectId

from docustore.etl.plan import Move, UserWrite
from docustore.users.identities import IdentityEntry, derive, is_local, is_own_local
from docustore.users.stored import RawUser

# Equal to no value, so that a field without a stored value counts as changed.
_ABSENT: Final = object()


@dataclass(slots=True)
class Group:
    """A user in memory: its identities by key, each with its values."""

    before: RawUser | None
    identities: dict[str, IdentityEntry]
    email: str
    records: set[int] = field(default_factory=set)
    # The record that made the user.
    made_by: int | None = None
    new_id: ObjectId | None = None

    @property
    def is_deleted(self) -> bool:
        """Tell whether the API has deleted the user."""
        return self.before is not None and self.before.get("deleted_at") is not None

    @property
    def has_own_local(self) -> bool:
        """Tell whether the user has a local identity that is no edit."""
        return any(is_own_local(entry, self.identities) for entry in self.identities.values())

    def has_others(self, key: str) -> bool:
        """Tell whether the user has upstream identities beside one."""
        return any(other != key and not is_local(entry) for other, entry in self.identities.items())

    @property
    def shows_its_record(self) -> bool:
        """Tell whether the stored user will show the only record that changed it."""
        if len(self.records) != 1 or len(self.identities) != 1:
            return False
        [only] = self.identities.values()
        return "deleted_at" not in only


def move_of(groups: Sequence[Group]) -> Move:
    """Make one move of users that exchanged identities."""
    records = frozenset(index for group in groups for index in group.records)
    return Move(writes=writes_of(groups), records=records)


def writes_of(groups: Iterable[Group]) -> list[UserWrite]:
    """Compare the users with their stored form; those that are equal need no write."""
    return [write for group in groups if (write := _write_of(group)) is not None]


def _write_of(group: Group) -> UserWrite | None:
    records = frozenset(group.records)
    if not group.identities:
        return None if group.before is None else UserWrite(before=group.before, fields=None, records=records)
    fields = derive(list(group.identities.values()), user=group.before)
    if group.before is None:
        return UserWrite(before=None, fields=fields, records=records, new_id=group.new_id)
    before = group.before
    changed = {name: value for name, value in fields.items() if before.get(name, _ABSENT) != value}
    if changed.keys() <= {"search_terms"}:
        return None
    return UserWrite(before=before, fields=changed, records=records)
