"""Pages of users as they were at a time, in the order of their ids.

The index `user_sequence` lists the rows of each user. Its keys are read in chunks, the row of the time is chosen
for each user, and the filter is applied to the state after that row. A request reads a bounded number of keys: a
filter that few users match gives short pages with a cursor. Other orders would need an index of all past states.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import bson
from bson.errors import BSONError
from bson.max_key import MaxKey
from bson.min_key import MinKey

from docustore.api.pagination import CURSOR_INVALID, Position, decode_cursor, encode_cursor
from docustore.database import Database, Document
from docustore.errors import InvalidQueryError
from docustore.history.doubts import FOUND_LATER, doubts_of, doubts_of_row, doubts_of_unrecorded
from docustore.history.horizon import Horizon
from docustore.history.moments import Rows, number_at, rows_around
from docustore.history.rows import Image
from docustore.history.stored_rows import history_rows, states_of_rows
from docustore.history.undo import MAX_CHAIN, has_state, states_of
from docustore.users.keyset import UserSort
from docustore.users.listing import ListQuery
from docustore.users.past import Doubt, PastPage
from docustore.users.stored import RawUser, id_key

_TIMES: Final = {"valid_from": 1, "operation": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """How many keys of the index are read.

    In the first chunk, in each other one, and about how many in a request.
    """

    first_chunk: int = 200
    chunk: int = 2_000
    request: int = 10_000


DEFAULT_LIMITS: Final = ReadLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What every step of one request knows; `hint` is the number of `as_of`."""

    limits: ReadLimits
    database: Database
    rows: Rows
    horizon: Horizon
    as_of: datetime
    hint: int
    is_ascending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """The numbers of the rows of one user, oldest first.

    With `is_cut` there are more of them than a chunk holds.
    """

    user_id: Any
    numbers: list[int] = field(default_factory=list)
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """A user at the time: its row and the state after it; None if it did not exist."""

    user_id: Any
    row: Document | None
    state: Image | None
    is_found_later: bool


async def list_past(
    database: Database, horizon: Horizon, query: ListQuery, *, as_of: datetime, limits: ReadLimits = DEFAULT_LIMITS
) -> PastPage:
    """Read one page; see `docustore.users.past.PastUsers.list`."""
    bound = ("past users", query.sort, query.which, as_of)
    after = None if query.cursor is None else _user_id(decode_cursor(query.cursor, query=bound))
    rows = history_rows(database)
    question = _Question(
        limits=limits,
        database=database,
        rows=rows,
        horizon=horizon,
        as_of=as_of,
        hint=await number_at(rows, as_of, seq=horizon.seq),
        is_ascending=query.sort is UserSort.OLDEST,
    )
    found: list[RawUser] = []
    times: dict[Hashable, datetime] = {}
    doubts = set(doubts_of(horizon, as_of))
    last, is_end = None, True
    async for last, is_end in _examined(question, after):  # noqa: B007  # both are read after the loop
        if last.is_found_later:
            doubts.add(Doubt.BEFORE_HISTORY)
        if last.row is None or last.state is None or not query.which.matches(last.state):
            continue
        found.append(last.state)
        times[id_key(last.user_id)] = last.row["valid_from"]
        doubts.update(doubts_of_row(last.row))
        if len(found) == query.limit:
            break
    unrecorded = await horizon.read_unrecorded([user["_id"] for user in found], as_of)
    doubts.update(doubts_of_unrecorded(unrecorded, times, is_list=True))
    cursor = None if last is None or is_end else encode_cursor(_position(last.user_id), query=bound)
    return PastPage(users=found, next_cursor=cursor, doubts=frozenset(doubts))


async def _examined(question: _Question, after: Any) -> AsyncIterator[tuple[_Past, bool]]:
    """Yield the users after an id, up to the limit of keys.

    Each comes with whether it is the last one.
    """
    limits = question.limits
    size, keys_read = limits.first_chunk, 0
    while keys_read < limits.request:
        users, is_over = await _read_keys(question, after, size=size)
        past = await _past_of(question, users)
        for index, each in enumerate(past, start=1):
            yield each, is_over and index == len(past)
        if is_over or not users:
            return
        after, keys_read, size = users[-1].user_id, keys_read + size, limits.chunk


async def _read_keys(question: _Question, after: Any, *, size: int) -> tuple[list[_Keys], bool]:
    """Read the keys of the next users, and whether no user follows."""
    cursor = question.rows.find({}, {"user_id": 1}).hint([("user_id", 1), ("_id", -1)]).limit(size)
    least: Any = MinKey()
    greatest: Any = MaxKey()
    # `min` and `max` compare ids of all types; a comparison operator of a query finds only ids of one type.
    if question.is_ascending:
        cursor = cursor.sort([("user_id", 1), ("_id", -1)])
        cursor = cursor if after is None else cursor.min([("user_id", after), ("_id", least)])
    else:
        cursor = cursor.sort([("user_id", -1), ("_id", 1)])
        cursor = cursor if after is None else cursor.max([("user_id", after), ("_id", greatest)])
    keys = await cursor.to_list()
    users = list(_by_user(keys, seq=question.horizon.seq))
    if len(keys) < size:
        return users, True
    if len(users) == 1:
        return [replace(users[0], is_cut=True)], False
    # The last user may have more rows than the chunk shows.
    return users[:-1], False


def _by_user(keys: Iterable[Document], *, seq: int) -> Iterator[_Keys]:
    for _, group in groupby(keys, key=lambda key: bson.encode({"": key["user_id"]})):
        rows = list(group)
        numbers = sorted(int(row["_id"]) for row in rows if 1 <= row["_id"] <= seq)
        yield _Keys(user_id=rows[0]["user_id"], numbers=numbers)


async def _past_of(question: _Question, users: Sequence[_Keys]) -> list[_Past]:
    """Find the state of each user, with three reads for all of them."""
    chosen = {index: _around(keys.numbers, question.hint) for index, keys in enumerate(users)}
    numbers = [number for at, later in chosen.values() for number in (at, *later[:1]) if number]
    times = await _read(question, numbers, _TIMES)
    in_order = {
        index: around
        for index, around in chosen.items()
        if not users[index].is_cut and _is_in_order(question.as_of, *around, times)
    }
    rows = await _read(question, [at for at, _ in in_order.values() if at], None)
    chains = [
        number for at, later in in_order.values() if at and not has_state(rows[at]) for number in later[:MAX_CHAIN]
    ]
    rows |= await _read(question, chains, None)
    past = []
    for index, keys in enumerate(users):
        at, later = in_order.get(index, (0, ()))
        chain = [rows[number] for number in (at, *later[:MAX_CHAIN]) if number in rows]
        if index not in in_order or not (not chain or any(map(has_state, chain))):
            past.append(await _alone(question, keys.user_id))
            continue
        is_found_later = not at and bool(later) and times[later[0]]["operation"] in FOUND_LATER
        row = rows[at] if at else None
        past.append(_Past(user_id=keys.user_id, row=row, state=_first_state(chain), is_found_later=is_found_later))
    return past


def _around(numbers: Sequence[int], hint: int) -> tuple[int, Sequence[int]]:
    """Return the last number up to the hint, 0 if there is none, and the later ones."""
    end = bisect_right(numbers, hint)
    return (numbers[end - 1] if end else 0), numbers[end:]


def _is_in_order(as_of: datetime, at: int, later: Sequence[int], times: Mapping[int, Document]) -> bool:
    """Tell whether the hint parts the rows of a user as their times do."""
    if at and (at not in times or times[at]["valid_from"] > as_of):
        return False
    return not later or (later[0] in times and times[later[0]]["valid_from"] > as_of)


def _first_state(chain: Sequence[Document]) -> Image | None:
    """Return the state after the first row; a later one of them has its state."""
    if not chain:
        return None
    end = next(index for index, row in enumerate(chain, start=1) if has_state(row))
    return states_of(chain[:end])[0]


async def _alone(question: _Question, user_id: Any) -> _Past:
    """Find the state of a user with many rows, or with rows out of order."""
    horizon = question.horizon
    row, following = await rows_around(question.rows, user_id, question.as_of, hint=question.hint, seq=horizon.seq)
    states = [] if row is None else await states_of_rows(question.database, [row], seq=horizon.seq)
    is_found_later = row is None and following is not None and following["operation"] in FOUND_LATER
    return _Past(user_id=user_id, row=row, state=states[0] if states else None, is_found_later=is_found_later)


async def _read(
    question: _Question, numbers: Sequence[int], fields: Mapping[str, int] | None
) -> dict[int, Document]:
    if not numbers:
        return {}
    cursor = question.rows.find({"_id": {"$in": list(numbers)}}, fields, batch_size=len(numbers) + 1)
    return {int(row["_id"]): row async for row in cursor}


def _position(user_id: Any) -> Position:
    return Position(at=None, id=urlsafe_b64encode(bson.encode({"": user_id})).decode())


def _user_id(position: Position) -> Any:
    try:
        return bson.decode(urlsafe_b64decode(position.id))[""]
    except (BSONError, ValueError, KeyError) as exc:
        raise InvalidQueryError((CURSOR_INVALID,)) from exc
