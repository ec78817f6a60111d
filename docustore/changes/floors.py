"""The floors of a position: changes beyond it that are applied already. Pure.

After a change of the number of partitions, a position begins at the least cluster time of the positions before it.
Each of those had applied more. A floor holds how far each one was; the stream leaves out the changes up to there.
Floors end when the position passes the time at which they were made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bson.timestamp import Timestamp

from docustore.changes.events import just_after, token_time
from docustore.changes.pipeline import StartPoint
from docustore.users.partition import Expression, partition_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """How far the partitions of an earlier layout were.

    `after` holds a bound for each of the `of` partitions: the token data up to which changes are applied. The
    order of token data is that of the stream. `until` is later than every bound.
    """

    of: int
    after: tuple[str, ...]
    until: Timestamp


def bound_of(start: StartPoint, cluster_time: Timestamp) -> str:
    """Return the token data up to which the changes of a position are applied.

    Every change at or before `cluster_time` is applied. Where the token stands later, at the last applied change
    of a transaction, it is the bound.
    """
    if start.token is not None and token_time(start.token) > cluster_time:
        data: str = start.token["_data"]
        return data
    return least_data(just_after(cluster_time))


def least_data(cluster_time: Timestamp) -> str:
    """Return token data that sort directly before all changes of a cluster time."""
    return f"82{cluster_time.time:08X}{cluster_time.inc:08X}"


def is_above(floor: Floor, user_id: str) -> Expression:
    """Return the condition of changes that are not applied yet."""
    bound = {"$arrayElemAt": [list(floor.after), partition_of(user_id, of=floor.of)]}
    return {"$gt": ["$_id._data", bound]}


def remaining(floors: Iterable[Floor], cluster_time: Timestamp) -> tuple[Floor, ...]:
    """Return the floors that a position at this time has not passed."""
    return tuple(floor for floor in floors if cluster_time < floor.until)


def stored_floors(floors: Iterable[Floor]) -> list[dict[str, Any]] | None:
    """Return the stored form; None without floors."""
    return [{"of": each.of, "after": list(each.after), "until": each.until} for each in floors] or None


def floors_of(stored: Iterable[Mapping[str, Any]] | None) -> tuple[Floor, ...]:
    """Parse the stored form."""
    return tuple(Floor(of=each["of"], after=tuple(each["after"]), until=each["until"]) for each in stored or ())
