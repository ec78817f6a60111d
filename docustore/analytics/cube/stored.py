"""Compare the counters with a recount, as of a cluster time."""

from collections import Counter
from collections.abc import AsyncIterator, Container, Iterator, Mapping
from typing import Any, Final

from bson.timestamp import Timestamp

from docustore.analytics.cube.counts import SERIES, VALUES, CubeCounts
from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.cube.transitions import ROW_FILTER, ROW_PROJECTION, transition_increments
from docustore.database import Database
from docustore.past_reads import documents_at

HISTORY: Final = "user_history"
_BATCH_DOCS: Final = 10_000
_SHARES_A_FOLD: Final = 1000
# Of so many groups of counters the wrong ones are named: it bounds the memory of a look at many of them.
_NAMED_GROUPS: Final = 3
# Dimension, value, month, field.
_SERIES_PARTS: Final = 4
_MASK: Final = (1 << 64) - 1

# The document and the field of a counter.
Name = tuple[str, ...]
Group = tuple[str, str]
Figures = AsyncIterator[tuple[Name, int]]


async def wrong_counters(database: Database, at: Timestamp, *, seq: int) -> dict[Name, tuple[int, int]]:
    """Count all shares, and all rows up to a number, and compare every counter.

    Returns the stored and the right number of wrong counters, in the order of their names. There may be more of
    them. The memory that it takes does not depend on the number of users: first a checksum of each dimension and
    month is compared, then the counters of a few that differ.
    """
    stored = await _checksums(_counters_at(database, at))
    right = await _checksums(_recounted_at(database, at, seq=seq))
    differing = sorted(group for group in stored.keys() | right if stored.get(group, 0) != right.get(group, 0))
    groups = set(differing[:_NAMED_GROUPS])
    if not groups:
        return {}
    found = await _summed(_counters_at(database, at), groups)
    expected = await _summed(_recounted_at(database, at, seq=seq), groups)
    names = sorted(name for name in found.keys() | expected if found[name] != expected[name])
    return {name: (found[name], expected[name]) for name in names}


async def _checksums(figures: Figures) -> dict[Group, int]:
    """Return a checksum of each group.

    Equal counters have equal ones, in any order, and also if a counter comes in parts.
    """
    sums: dict[Group, int] = {}
    async for name, number in figures:
        group = _group_of(name)
        sums[group] = (sums.get(group, 0) + hash(name) * number) & _MASK
    return sums


async def _summed(figures: Figures, groups: Container[Group]) -> Counter[Name]:
    sums: Counter[Name] = Counter()
    async for name, number in figures:
        if _group_of(name) in groups:
            sums[name] += number
    return sums


def _group_of(name: Name) -> Group:
    """Return the dimension and the month; no month for totals."""
    return name[0], name[2] if len(name) == _SERIES_PARTS else ""


async def _counters_at(database: Database, at: Timestamp) -> Figures:
    async for document in documents_at(database, {"find": VALUES}, at, batch_docs=_BATCH_DOCS):
        own = document.pop("_id")
        for name, figure in document.items():
            if isinstance(figure, dict):
                for month, number in figure.items():
                    yield (own["d"], own["v"], f"{name}.{month}"), number
            else:
                yield (own["d"], own["v"], name), figure
    async for document in documents_at(database, {"find": SERIES}, at, batch_docs=_BATCH_DOCS):
        own = document["_id"]
        yield (own["d"], own["v"], own["m"], "n"), document["n"]
        for part in ("r", "rs", "p", "ps", "e"):
            for key, number in document.get(part, {}).items():
                yield (own["d"], own["v"], own["m"], f"{part}.{key}"), number


async def _recounted_at(database: Database, at: Timestamp, *, seq: int) -> Figures:
    """Yield what shares and rows add; a counter may come many times."""
    counts, number = CubeCounts(), 0
    async for share in documents_at(database, {"find": USER_ANALYTICS}, at, batch_docs=_BATCH_DOCS):
        counts.add(share, 1)
        number += 1
        if number % _SHARES_A_FOLD == 0:
            for figure in _figures_of(counts):
                yield figure
            counts = CubeCounts()
    for figure in _figures_of(counts):
        yield figure
    rows = {
        "find": HISTORY,
        "filter": {"_id": {"$lte": seq}, **ROW_FILTER},
        "projection": {"valid_from": 1, **ROW_PROJECTION},
    }
    async for row in documents_at(database, rows, at, batch_docs=_BATCH_DOCS):
        for series, increments in transition_increments([row]).items():
            for name, count in increments.items():
                yield (*series, name), count


def _figures_of(counts: CubeCounts) -> Iterator[tuple[Name, int]]:
    named: list[Mapping[Any, Mapping[str, int]]] = [counts.values(), counts.series()]
    for documents in named:
        for key, increments in documents.items():
            for name, number in increments.items():
                yield (*key, name), number
