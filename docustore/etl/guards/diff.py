"""What a dry run would change, field by field. Pure.

Counts are over everything; of the users, the first few of each outcome are kept.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from docustore.etl.masking import MASK, is_secret
from docustore.etl.plan import BatchPlan, Outcome, UserWrite
from docustore.users.fields import FIELDS
from docustore.users.sound import keyed_identities

USERS_PER_OUTCOME: Final = 20
MAX_VALUE_CHARS: Final = 200
# Users that are merged into another one.
MERGED: Final = "merged"
_PATHS: Final = tuple((field.name, field.path) for field in FIELDS)


class FieldChange(BaseModel):
    """One field before and after; long values are cut."""

    field: str
    before: Any = None
    after: Any = None


class UserChange(BaseModel):
    """One user that would be written.

    `user_id` is null for a new user. `identities` are the keys of the user after the write.
    """

    outcome: str = Field(description="`inserted`, `updated`, `deactivated` or `merged`")
    user_id: str | None
    email: str
    identities: list[str]
    fields: list[FieldChange]


class RunDiff(BaseModel):
    """What a dry run would change.

    `users` counts users by outcome. `fields` counts the changes of each field by outcome. `samples` are the
    first 20 users of each outcome.
    """

    run_id: str
    source: str
    created_at: datetime
    users: dict[str, int]
    fields: dict[str, dict[str, int]]
    samples: list[UserChange]


class Diff:
    """The planned writes of a dry run so far."""

    def __init__(self) -> None:
        self._users: Counter[str] = Counter()
        self._fields: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._samples: list[UserChange] = []

    def note(self, plan: BatchPlan) -> None:
        """Add the writes of one batch."""
        for write in (*plan.writes, *(write for move in plan.moves for write in move.writes)):
            outcome = _outcome_of(write, plan)
            changes = list(_changes(write))
            self._users[outcome] += 1
            self._fields[outcome].update(change.field for change in changes)
            if self._users[outcome] <= USERS_PER_OUTCOME:
                self._samples.append(_sample(write, outcome, changes))

    def result(self, *, run_id: str, source: str, now: datetime) -> RunDiff:
        """Return what was found."""
        fields = {outcome: dict(counted.most_common()) for outcome, counted in self._fields.items()}
        order = sorted(self._samples, key=lambda sample: sample.outcome)
        return RunDiff(
            run_id=run_id, source=source, created_at=now, users=dict(self._users), fields=fields, samples=order
        )


def _outcome_of(write: UserWrite, plan: BatchPlan) -> str:
    if write.before is None:
        return Outcome.INSERTED.value
    if write.fields is None:
        return MERGED
    is_end = any(plan.outcomes[index] is Outcome.DEACTIVATED for index in write.records)
    return Outcome.DEACTIVATED.value if is_end else Outcome.UPDATED.value


def _changes(write: UserWrite) -> Iterator[FieldChange]:
    """List the fields that differ; a new user has the fields that have a value."""
    before, fields = write.before or {}, write.fields
    if fields is None:
        return
    for name, path in _PATHS:
        if path[0] not in fields:
            continue
        old, new = _shown(name, _leaf(before, path)), _shown(name, _leaf(fields, path))
        if old != new:
            yield FieldChange(field=name, before=old, after=new)
    if "identities" in fields and (old_keys := _keys(before)) != (new_keys := _keys(fields)):
        yield FieldChange(field="identities", before=old_keys or None, after=new_keys)


def _sample(write: UserWrite, outcome: str, changes: list[FieldChange]) -> UserChange:
    after = {**(write.before or {}), **(write.fields or {})}
    return UserChange(
        outcome=outcome,
        user_id=None if write.before is None else str(write.before["_id"]),
        email=str(after.get("email", "")),
        identities=[] if write.fields is None else _keys(after),
        fields=changes,
    )


def _leaf(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _shown(name: str, value: Any) -> Any:
    if value in (None, "", []):
        return None
    if is_secret(name):
        return MASK
    text = value if isinstance(value, str | bool | datetime) else str(value)
    return text[:MAX_VALUE_CHARS] if isinstance(text, str) else text


def _keys(document: Mapping[str, Any]) -> list[str]:
    return sorted(entry["key"] for entry in keyed_identities(document))
