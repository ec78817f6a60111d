"""Answers from the counters, by one or two reads of indexes."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.cube.ages_report import AgeLine
from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeMetric, CubeQuestion, with_rest
from docustore.analytics.cube.cohorts_report import CohortCounts, CohortLine, rest_of
from docustore.analytics.cube.counts import ALL_USERS, ENDED, SERIES, Key
from docustore.analytics.cube.freshness import Freshness, freshness_of
from docustore.analytics.cube.months import Months, add_whole, all_months, months_of, parts_of, summed
from docustore.analytics.cube.share import ANALYTICS_VERSION
from docustore.analytics.cube.slots import SLOTS_A_DAY, month_of, month_slots
from docustore.analytics.cube.totals import Totals, named_of, read_totals, whole_of
from docustore.analytics.cube.transitions import TRANSITION, TRANSITIONS, Transition
from docustore.analytics.dimensions import STATUS
from docustore.analytics.values import OTHER
from docustore.database import Database, Document
from docustore.joined_reads import in_one_state
from docustore.users.profile import UserStatus

# Documents in one reply: more than any dimension has months.
_MANY: Final = 10_000
_AFTER_ALL_MONTHS: Final = "9999-99"
_NO_MONTHS: Final = Months(whole=(), cut=())
_ALL_USERS: Final = CubeQuestion()

Series = Mapping[Key, Sequence[Document]]
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Marts:
    """The counters of one database, for one answer after the other.

    All figures of an answer are of one state of the store: that of `session`, or of its first read.
    `committed` is a stage that adds the number of the last row of history, as `{seq: n}`, to an aggregation. Only
    `freshness` needs it.
    """

    database: Database
    committed: Mapping[str, Any] | None = None
    session: AsyncClientSession | None = None
    _first: Totals | None = field(default=None, init=False)

    async def freshness(self, now: datetime) -> Freshness:
        """Tell how old the counters are; they are not older than it says."""
        first = self._first or await self._totals([_ALL_USERS], [])
        return freshness_of(first.state, committed=first.committed, now=now)

    async def answer(self, question: CubeQuestion) -> CubeAnswer:
        """Answer a question; the cost does not depend on the number of users."""
        return (await self.answer_all([question]))[0]

    async def answer_all(self, questions: Sequence[CubeQuestion]) -> list[CubeAnswer]:
        """Answer questions together.

        One read answers all of them, unless a period begins or ends within a month, or has buckets that are no
        whole months in UTC: then a second one reads these months.
        """
        return await self._in_one_state(lambda: self._answer_all(questions))

    async def _answer_all(self, questions: Sequence[CubeQuestion]) -> list[CubeAnswer]:
        periods = {edges for question in questions if (edges := question.edges) is not None}
        years = {year for edges in periods for year in months_of(edges).years}
        totals = await self._totals(questions, sorted(years))
        keys = [_keys_of(question, totals) for question in questions]
        months = [self._months_of(question) for question in questions]
        series = await self._series(questions, keys, months)
        return [
            _answer(question, own, _lines(question, own, totals, each, series))
            for question, own, each in zip(questions, keys, months, strict=True)
        ]

    async def transitions(self, edges: tuple[int, ...]) -> dict[Transition, list[int]]:
        """Count changes of status by interval."""
        keys = {transition: (TRANSITION, transition.value) for transition in TRANSITIONS}
        part = parts_of(edges)[CubeMetric.REGISTERED]
        found = await self._documents(list(keys.values()), all_months(edges), {part: 1})
        return {transition: summed(found.get(key, ()), part, edges) for transition, key in keys.items()}

    async def cohorts(self, months: Sequence[str], question: CubeQuestion) -> list[CohortLine]:
        """Count the users that registered in each month, UTC."""
        return await self._in_one_state(lambda: self._cohorts(months, question))

    async def _cohorts(self, months: Sequence[str], question: CubeQuestion) -> list[CohortLine]:
        keys = _keys_of(question, await self._totals([question], []))
        active = (STATUS, UserStatus.ACTIVE.value)
        read = [*keys.all, *([] if active in keys.all else [active])]
        found = await self._documents(read, months, {"n": 1, "p": 1, "e": 1})
        ids = [{"d": ENDED, "v": month, "m": ""} for month in months]
        ends = self.database[SERIES].find({"_id": {"$in": ids}}, session=self.session)
        ended = {each["_id"]["v"]: each async for each in ends}
        actives = {each["_id"]["m"]: _sum(each.get("p")) for each in found.get(active, ())}
        everybody = {
            each["_id"]["m"]: CohortCounts(
                registered=each["n"],
                present=_sum(each.get("p")),
                active=actives.get(each["_id"]["m"], 0),
                ends=_ends(ended.get(each["_id"]["m"], {})),
            )
            for each in found.get(ALL_USERS, ())
        }
        lines = [CohortLine(value=None, months=everybody)]
        if question.dimension is None:
            return lines
        named = [CohortLine(value=key[1], months=_cohorts(found.get(key, ()))) for key in keys.named]
        assigned = everybody if keys.whole == ALL_USERS else _cohorts(found.get(keys.whole, ()))
        return [*lines, *named, *rest_of(assigned, named)]

    async def ages(self, question: CubeQuestion) -> list[AgeLine]:
        """Count present users by day of registration: all users first, then the values."""
        return await self._in_one_state(lambda: self._ages(question))

    async def _ages(self, question: CubeQuestion) -> list[AgeLine]:
        answer = await self.answer(question)
        dimension = question.dimension
        lines = [line for line in (answer.all_users, *answer.values) if line.value != OTHER]
        keys = [ALL_USERS if line.value is None else (dimension or "", line.value) for line in lines]
        part = "p" if question.edges is None else parts_of(question.edges)[CubeMetric.PRESENT]
        found = await self._all_months(keys, part, question.edges)
        return [
            AgeLine(
                value=line.value, present=line.present[0], days=_days(found.get(key, ()), part, question.edges)
            )
            for line, key in zip(lines, keys, strict=True)
        ]

    async def _in_one_state(self, work: Callable[[], Awaitable[T]]) -> T:
        if self.session is not None:
            return await work()

        async def done(session: AsyncClientSession | None) -> T:
            self.session = session
            try:
                return await work()
            finally:
                self.session = None

        return await in_one_state(self.database, done)

    async def _totals(self, questions: Sequence[CubeQuestion], years: Sequence[str]) -> Totals:
        totals = await read_totals(
            self.database, questions, years=years, committed=self.committed, session=self.session
        )
        if self._first is None:
            self._first = totals
        return totals

    def _months_of(self, question: CubeQuestion) -> Months:
        if question.edges is None:
            return _NO_MONTHS
        state = None if self._first is None else self._first.state
        if state is not None and state.live_version == ANALYTICS_VERSION:
            return months_of(question.edges)
        # The years hold only a part of the users, until this version was live once.
        return Months(whole=(), cut=tuple(all_months(question.edges)))

    async def _series(
        self, questions: Sequence[CubeQuestion], keys: Sequence["_Keys"], months: Sequence[Months]
    ) -> Series:
        wanted = {
            (key, month) for own, each in zip(keys, months, strict=True) for key in own.all for month in each.cut
        }
        parts = [parts_of(question.edges) for question in questions if question.edges is not None]
        projection = {part: 1 for each in parts for part in each.values()}
        return await self._found([{"d": d, "v": v, "m": month} for (d, v), month in sorted(wanted)], projection)

    async def _documents(
        self, keys: Sequence[Key], months: Sequence[str], projection: Mapping[str, int]
    ) -> Series:
        """Read the documents of some keys and months."""
        ids = [{"d": own, "v": value, "m": month} for own, value in keys for month in months]
        return await self._found(ids, projection)

    async def _found(self, ids: Sequence[Document], projection: Mapping[str, int]) -> Series:
        return await self._read({"_id": {"$in": ids}}, projection, batch_size=len(ids) + 1) if ids else {}

    async def _all_months(self, keys: Sequence[Key], part: str, edges: tuple[int, ...] | None) -> Series:
        """Read one part of the documents of some keys, of a period or of all times."""
        first, last = ("", _AFTER_ALL_MONTHS) if edges is None else (month_of(edges[0]), month_of(edges[-1] - 1))
        bounds = [
            {"$gte": {"d": own, "v": value, "m": first}, "$lte": {"d": own, "v": value, "m": last}}
            for own, value in keys
        ]
        return await self._read({"$or": [{"_id": each} for each in bounds]}, {part: 1}, batch_size=_MANY)

    async def _read(
        self, condition: Mapping[str, Any], projection: Mapping[str, int], *, batch_size: int
    ) -> Series:
        series = self.database[SERIES]
        found: dict[Key, list[Document]] = defaultdict(list)
        async for each in series.find(condition, projection, batch_size=batch_size, session=self.session):
            found[each["_id"]["d"], each["_id"]["v"]].append(each)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """What the lines of an answer are about.

    `whole` is the sum over all values of the dimension.
    """

    whole: Key
    named: list[Key]

    @property
    def all(self) -> list[Key]:
        """Every key once."""
        return list(dict.fromkeys((ALL_USERS, self.whole, *self.named)))


def _keys_of(question: CubeQuestion, totals: Totals) -> _Keys:
    dimension = question.dimension
    named = [] if dimension is None else [(dimension, value) for value in named_of(question, totals)]
    return _Keys(whole=whole_of(dimension), named=named)


def _lines(
    question: CubeQuestion, keys: _Keys, totals: Totals, months: Months, series: Series
) -> dict[Key, CubeLine]:
    lines = {}
    for key in keys.all:
        document = totals.values.get(key, {})
        if question.edges is None:
            figures = [document.get("registered", 0)], [document.get("present", 0)]
        else:
            figures = _by_interval(question.edges, document, months, series.get(key, ()))
        lines[key] = CubeLine(value=key[1] or None, registered=figures[0], present=figures[1])
    return lines


def _by_interval(
    edges: Sequence[int], document: Mapping[str, Any], months: Months, series: Sequence[Document]
) -> tuple[list[int], list[int]]:
    own = [each for each in series if each["_id"]["m"] in months.cut]
    registered, present = ([0] * (len(edges) - 1) for _ in range(2))
    if own:
        parts = parts_of(edges)
        registered = summed(own, parts[CubeMetric.REGISTERED], edges)
        present = summed(own, parts[CubeMetric.PRESENT], edges)
    add_whole(registered, present, document, months.whole)
    return registered, present


def _answer(question: CubeQuestion, keys: _Keys, lines: Mapping[Key, CubeLine]) -> CubeAnswer:
    return with_rest(
        question,
        all_users=lines[ALL_USERS],
        assigned=None if question.dimension is None else lines[keys.whole],
        named=[lines[key] for key in keys.named],
    )


def _cohorts(documents: Sequence[Document]) -> dict[str, CohortCounts]:
    return {
        each["_id"]["m"]: CohortCounts(
            registered=each["n"], present=_sum(each.get("p")), active=None, ends=_ends(each)
        )
        for each in documents
    }


def _ends(document: Mapping[str, Any]) -> dict[str, int]:
    """Return the ends by month, without zeros."""
    return {f"{name[:4]}-{name[4:]}": number for name, number in document.get("e", {}).items() if number}


def _sum(days: Mapping[str, int] | None) -> int:
    return sum((days or {}).values())


def _days(documents: Sequence[Document], part: str, edges: tuple[int, ...] | None) -> dict[int, int]:
    """Return the present users by day since 1970.

    Args:
        part: `p` (by day) or `ps` (by slot).
        edges: Only those who registered between them count.
    """
    days: Counter[int] = Counter()
    for each in documents:
        first, _ = month_slots(each["_id"]["m"])
        for name, number in each.get(part, {}).items():
            slot = first + (int(name[:2]) - 1) * SLOTS_A_DAY + (0 if part == "p" else int(name[2:]))
            if number and (edges is None or edges[0] <= slot < edges[-1]):
                days[slot // SLOTS_A_DAY] += number
    return days
