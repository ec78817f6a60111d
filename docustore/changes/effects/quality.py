"""The derived effect `user_quality`: verdicts on every user, and their counters.

A verdict that changes moves the counters by the difference between the stored verdict and the new one, in the
transaction that stores it. So the counters are exact, whatever the rules said before.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import structlog
from bson.timestamp import Timestamp
from pymongo import DeleteMany, DeleteOne, InsertOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.derived.derivation import Correction, DerivedEffect, Replacement
from docustore.clock import now_utc
from docustore.cluster_time import last_applied
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.history.rows import Image
from docustore.quality.counts import COUNTS, VALUES, QualityCounts, Value
from docustore.quality.declared import rule_set
from docustore.quality.stored import (
    USER_QUALITY,
    corrections,
    counts_at,
    keep_complete,
    recounted_at,
    values_of,
)

log: Final = structlog.get_logger()
ValueWrite = InsertOne[Document] | UpdateOne | DeleteOne | DeleteMany


class UserQualityEffect(DerivedEffect):
    """One verdict per user that is not deleted.

    A change of a rule judges all users again.
    """

    name: ClassVar[str] = USER_QUALITY
    # Version 2 counts the years of rules of time, version 3 their months and quarter hours.
    version: ClassVar[int] = 3
    collection: ClassVar[str] = USER_QUALITY

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.rules = rule_set(settings.quality_rules)
        self.fields = self.rules.fields
        self.configuration = self.rules.digest

    def state_of(self, user: Image) -> Document | None:
        """Judge a user; see `docustore.quality.verdict`."""
        verdict = self.rules.verdict_of(user)
        return None if verdict is None else dict(verdict)

    async def write(
        self, database: Database, replacements: Sequence[Replacement], session: AsyncClientSession
    ) -> None:
        """Write the verdicts that differ, and move the counters by the difference."""
        await keep_complete(database, self.rules, at=now_utc(), session=session)
        moved = QualityCounts()
        for each in replacements:
            moved.add(each.before, -1)  # type: ignore[arg-type]  # a stored verdict
            moved.add(each.after, 1)  # type: ignore[arg-type]
        values = {value: number for value, number in moved.values.items() if number}
        stored = await values_of(database, values, session)
        for rule_id, number in moved.shared(stored).items():
            moved.rules[rule_id, "violated"] += number
        await _move(database, moved.increments(), session)
        await _write_values(
            database, [_value_write(each, stored.get(each), values[each]) for each in values], session
        )
        await super().write(database, replacements, session)

    async def correction(self, database: Database) -> Correction | None:
        """Count all verdicts again; see `DerivedEffect.correction`."""
        at = await last_applied(database)
        counts, values = corrections(await counts_at(database, at), await recounted_at(database, at))
        if not counts and not values:
            return None
        log.warning("quality.counters_corrected", counters=sum(map(len, counts.values())), values=len(values))

        async def correct(session: AsyncClientSession) -> None:
            await _move(database, counts, session)
            await _write_values(database, _corrected_values(values), session)

        return correct

    async def differences(self, database: Database, at: Timestamp) -> list[str]:
        """Count all stored verdicts again and compare the counters."""
        counted, recounted = await counts_at(database, at), await recounted_at(database, at)
        wrong = sorted(
            name for name in counted.keys() | recounted if counted.get(name, 0) != recounted.get(name, 0)
        )
        return [
            f"quality counts {counted.get(name, 0)} for {name}, the verdicts say {recounted.get(name, 0)}"
            for name in wrong[:10]
        ]


async def _move(database: Database, counts: Mapping[str, Mapping[str, int]], session: AsyncClientSession) -> None:
    increments = [UpdateOne({"_id": name}, {"$inc": numbers}, upsert=True) for name, numbers in counts.items()]
    if increments:
        await database[COUNTS].bulk_write(increments, ordered=False, session=session)


async def _write_values(database: Database, writes: Sequence[ValueWrite], session: AsyncClientSession) -> None:
    if writes:
        await database[VALUES].bulk_write(writes, ordered=False, session=session)


def _value_write(value: Value, before: int | None, number: int) -> ValueWrite:
    """Move the users of a value.

    Only the keeper writes them, so `before` is what is stored.
    """
    own = _value_id(value)
    if before is None:
        # An insert costs the server a third of an upsert.
        return InsertOne({"_id": own, "users": number})
    if before + number == 0:
        return DeleteOne({"_id": own})
    return UpdateOne({"_id": own}, {"$inc": {"users": number}})


def _corrected_values(values: Mapping[Value, int]) -> list[ValueWrite]:
    """Correct values of which it is not known what is stored."""
    # In this order: a value is removed after it has fallen.
    return [
        *(
            UpdateOne({"_id": _value_id(value)}, {"$inc": {"users": number}}, upsert=True)
            for value, number in values.items()
        ),
        DeleteMany({"_id": {"$in": [_value_id(value) for value in values]}, "users": 0}),
    ]


def _value_id(value: Value) -> dict[str, str]:
    return {"rule": value[0], "value": value[1]}
