"""Read verdicts and counters, present or as of a cluster time."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.clock import as_naive_utc
from docustore.database import Database, Document
from docustore.past_reads import documents_at
from docustore.quality.counts import COUNTS, TOTALS_ID, VALUES, QualityCounts, Value
from docustore.quality.rules import NotOlderThan
from docustore.quality.times import slot_start, years_of
from docustore.quality.verdict import RuleSet
from docustore.quality.versions import KEPT_ID, SHAPE, Counted, complete_versions, kept_copy

USER_QUALITY: Final = "user_quality"
# The figures of each hour and day: see `docustore.quality.hours`.
REPORTS: Final = "quality_reports"
_BATCH_DOCS: Final = 10_000
_NAMED: Final = ": "
# The counters of a document of `quality_counts`.
_PARTS: Final = frozenset({"users", "rules", "years", "months", "days", "slots"})
_VALUE_PREFIX: Final = "value "

Figures = dict[str, int]


async def values_of(database: Database, values: Iterable[Value], session: AsyncClientSession) -> dict[Value, int]:
    """Read how many users have each of some values; absent = none."""
    ids = [{"rule": rule, "value": value} for rule, value in values]
    if not ids:
        return {}
    found = database[VALUES].find({"_id": {"$in": ids}}, session=session)
    return {(each["_id"]["rule"], each["_id"]["value"]): each["users"] async for each in found}


async def counts_at(database: Database, at: Timestamp) -> Figures:
    """Read all counters as of a cluster time, by name, without zeros."""
    figures: Counter[str] = Counter()
    async for document in documents_at(database, {"find": COUNTS}, at, batch_docs=_BATCH_DOCS):
        figures.update(figures_of(document))
    async for document in documents_at(database, {"find": VALUES}, at, batch_docs=_BATCH_DOCS):
        figures[_value_name(document["_id"]["rule"], document["_id"]["value"])] = document["users"]
    return {name: number for name, number in figures.items() if number}


async def recounted_at(database: Database, at: Timestamp) -> Figures:
    """Count all verdicts as of a cluster time; the same shape as `counts_at`."""
    counted = QualityCounts()
    async for verdict in documents_at(database, {"find": USER_QUALITY}, at, batch_docs=_BATCH_DOCS):
        counted.add(verdict, 1)  # type: ignore[arg-type]  # a stored verdict
    for rule_id, number in counted.shared({}).items():
        counted.rules[rule_id, "violated"] += number
    figures: Counter[str] = Counter()
    for name, increments in counted.increments().items():
        figures.update(_named(name, increments))
    for (rule_id, value), number in counted.values.items():
        figures[_value_name(rule_id, value)] = number
    return {name: number for name, number in figures.items() if number}


def corrections(counted: Figures, recounted: Figures) -> tuple[dict[str, Figures], dict[Value, int]]:
    """Write the difference of two counts as `$inc` operands.

    Returns:
        By document of `quality_counts`, and by value.
    """
    documents: dict[str, Figures] = {}
    values: dict[Value, int] = {}
    for name in counted.keys() | recounted:
        number = recounted.get(name, 0) - counted.get(name, 0)
        if not number:
            continue
        if name.startswith(_VALUE_PREFIX):
            rule_id, _, value = name.removeprefix(_VALUE_PREFIX).partition(" ")
            values[rule_id, value] = number
        else:
            document, _, field = name.partition(_NAMED)
            documents.setdefault(document, {})[field] = number
    return documents, values


def figures_of(document: Document) -> Figures:
    """List the counters of one document of `quality_counts`, by name."""
    found: Figures = {}
    for part in _PARTS.intersection(document):
        found |= _flat(part, document[part])
    # The kept copy has `rules` too, and is no counter.
    return {} if document["_id"] == KEPT_ID else _named(document["_id"], found)


def _flat(path: str, value: Any) -> Figures:
    if not isinstance(value, dict):
        return {path: value}
    found: Figures = {}
    for name, each in value.items():
        found |= _flat(f"{path}.{name}", each)
    return found


def _named(document: str, increments: Figures) -> Figures:
    return {f"{document}{_NAMED}{name}": number for name, number in increments.items()}


def _value_name(rule_id: str, value: str) -> str:
    return f"{_VALUE_PREFIX}{rule_id} {value}"


async def read_counts(database: Database, session: AsyncClientSession | None = None) -> Counted:
    """Read all counters, present, without the slots."""
    return counted_of(await database[COUNTS].find({}, {"slots": 0}, session=session).to_list())


def counted_of(documents: Sequence[Document]) -> Counted:
    """Sort documents of `quality_counts`; any of them may be missing.

    An older release has kept no `years`: they are added up from the days, of which all must be there.
    """
    by_id = {str(each["_id"]): each for each in documents}
    totals = by_id.get(TOTALS_ID, {})
    return Counted(
        totals=totals if "years" in totals else {**totals, "years": years_of(documents)},
        documents=by_id,
        kept=by_id.get(KEPT_ID, {}),
    )


async def keep_complete(database: Database, rules: RuleSet, *, at: datetime, session: AsyncClientSession) -> None:
    """Copy the complete counters before they move, once for each set of rules.

    Counters of an older release get their `years` too.

    Args:
        rules: Those by which users are judged from now on.
        at: Aware.
    """
    kept = await database[COUNTS].find_one({"_id": KEPT_ID}, {"configuration": 1, "shape": 1}, session=session)
    if kept is not None and (kept["configuration"], kept.get("shape")) == (rules.digest, SHAPE):
        return
    counted = await read_counts(database, session)
    years = {"$set": {"years": counted.years}}
    await database[COUNTS].update_one({"_id": TOTALS_ID}, years, upsert=True, session=session)
    too_old = await _too_old(database, rules, counted, as_naive_utc(at), session)
    copy = kept_copy(counted, configuration=rules.digest, at=at, too_old=too_old)
    await database[COUNTS].replace_one({"_id": KEPT_ID}, copy, upsert=True, session=session)


async def _too_old(
    database: Database, rules: RuleSet, counted: Counted, now: datetime, session: AsyncClientSession
) -> dict[str, int]:
    """Count the violations of the complete versions of rules of time.

    The declared rule of the same name says how old is too old.
    """
    found = {}
    for rule_id in complete_versions(counted):
        rule = rules.find(rule_id.partition("@")[0])
        if rule is not None and isinstance(rule.check, NotOlderThan) and counted.has_clock(rule_id):
            cutoff = now - timedelta(days=rule.check.days)
            last = await database[USER_QUALITY].count_documents(last_day(rule_id, cutoff), session=session)
            found[rule_id] = counted.times(rule_id, cutoff).before_day(cutoff) + last
    return found


def last_day(rule_id: str, cutoff: datetime) -> dict[str, Any]:
    """Match the users of the day of a cut-off whose time is before it."""
    return _between(rule_id, cutoff.replace(hour=0, minute=0, second=0, microsecond=0), cutoff)


def last_slot(rule_id: str, cutoff: datetime) -> dict[str, Any]:
    """Match the users of the quarter hour of a cut-off whose time is before it."""
    return _between(rule_id, slot_start(cutoff), cutoff)


def _between(rule_id: str, start: datetime, end: datetime) -> dict[str, Any]:
    return {"clocks": {"$elemMatch": {"rule": rule_id, "at": {"$gte": start, "$lt": end}}}}


async def server_time(database: Database) -> datetime:
    """Read the server's clock: it is the same for all workers."""
    now: datetime = (await database.command("hello"))["localTime"]
    return now if now.tzinfo else now.replace(tzinfo=UTC)
