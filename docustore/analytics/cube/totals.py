"""The totals of values and the state of the counters, in one read.

All of it is of one state of the store, and costs one round trip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.cube.answers import CubeQuestion
from docustore.analytics.cube.counts import ALL_USERS, VALUES, Key
from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.pipelines import Pipeline
from docustore.analytics.values import OTHER
from docustore.database import Database, Document
from docustore.effect_states import EFFECT_STATES, EffectState, effect_state_of
from docustore.joined_reads import read_joined

_FIGURES: Final = ("registered", "present")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What was read: `values` are documents of `analytics_values`.

    `committed` is the number of the last row of history, 0 if it was not asked for.
    """

    state: EffectState | None
    committed: int
    values: Mapping[Key, Document]


async def read_totals(
    database: Database,
    questions: Sequence[CubeQuestion],
    *,
    years: Sequence[str],
    committed: Mapping[str, Any] | None,
    session: AsyncClientSession | None = None,
) -> Totals:
    """Read what some questions need.

    Args:
        years: The fields of the years whose months are read too.
        committed: See `docustore.analytics.cube.marts.Marts`.
        session: See `docustore.joined_reads.in_one_state`.
    """
    pipeline: Pipeline = [
        # The whole state: it is small, and a projection costs more.
        {"$match": {"_id": USER_ANALYTICS}},
        *([] if committed is None else [dict(committed)]),
        *_stages(questions, dict.fromkeys((*_FIGURES, *years), 1)),
    ]
    state, seq, values = None, 0, {}
    for each in await read_joined(database, EFFECT_STATES, pipeline, session=session):
        own = each["_id"]
        if isinstance(own, dict):
            values[own["d"], own["v"]] = each
        elif own == USER_ANALYTICS:
            state = effect_state_of(each)
        else:
            seq = int(each["seq"])
    return Totals(state=state, committed=seq, values=values)


def whole_of(dimension: str | None) -> Key:
    """Return the key of the sum over all values of a dimension."""
    if dimension is None or not DIMENSIONS[dimension].is_multi_valued:
        return ALL_USERS
    return dimension, ""


def named_of(question: CubeQuestion, totals: Totals) -> list[str]:
    """List the values that an answer names: those with the most users first."""
    if question.values is not None:
        return list(question.values)
    by = question.by.value
    own = [
        (-each.get(by, 0), value)
        for (dimension, value), each in totals.values.items()
        # `other` is never one of the named values.
        if dimension == question.dimension and value not in {"", OTHER} and each.get(by, 0) > 0
    ]
    return [value for _, value in sorted(own)[: question.top]]


def _stages(questions: Sequence[CubeQuestion], projection: Mapping[str, int]) -> Pipeline:
    ranked = [each for each in questions if each.dimension is not None and each.values is None]
    keys = {whole_of(each.dimension) for each in questions if each not in ranked}
    for question in questions:
        keys.update((question.dimension or "", value) for value in question.values or ())
    found = [_ranked(each) for each in ranked]
    if keys:
        ids = [{"d": dimension, "v": value} for dimension, value in sorted(keys | {ALL_USERS})]
        found.insert(0, [{"$match": {"_id": {"$in": ids}}}])
    return [
        {"$unionWith": {"coll": VALUES, "pipeline": [*each, {"$project": dict(projection)}]}} for each in found
    ]


def _ranked(question: CubeQuestion) -> Pipeline:
    """Read all users, the sum of all values, and the values with the most users.

    No value has more users than all together, so one index gives them in this order. Beside the named values,
    `other` may be among the first.
    """
    dimensions = dict.fromkeys((ALL_USERS[0], question.dimension))
    return [
        {"$match": {"_id.d": {"$in": list(dimensions)}}},
        {"$sort": {question.by.value: -1, "_id.v": 1}},
        {"$limit": question.top + 3},
    ]
