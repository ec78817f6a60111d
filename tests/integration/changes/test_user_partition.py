"""The server evaluates the partition of a user: total, deterministic, the same everywhere."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import bson
import pytest
from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.effects.fields import ImageFields
from docustore.changes.pipeline import USER_ID, Images, StartPoint
from docustore.changes.stream import ChangeReader
from docustore.database import Database
from docustore.users.partition import is_in, partition_of

LEAST_LONG = -(2**63)
IDS: list[Any] = [
    *(ObjectId(f"{number:024x}") for number in (0, 255, 2**96 - 1)),
    *("", "a", "ada@example.org", "user-000123", "\N{GREEK SMALL LETTER ALPHA}", "a\x00b", "9" * 2000),
    *(0, 1, -1, 7, Int64(8), Int64(2**62 + 5), Int64(LEAST_LONG)),
    *(1.5, float("nan"), float("inf"), Decimal128("7.5")),
    *(Binary(bytes(range(16)), 4), Binary(b"\xff" * 16, 4), Binary(b"\xff" * 16, 3), Binary(b"abc", 0)),
    *({"a": 1}, {"a": {"b": "$x"}}, {}, True, False, None, MinKey(), MaxKey()),
    *(DatetimeMS(0), DatetimeMS(10**15), DatetimeMS(-(10**15)), Timestamp(5, 1)),
]


def _raw(user_id: Any) -> RawBSONDocument:
    return RawBSONDocument(bson.encode({"_id": user_id, "email": str(ObjectId()), "name": "Ada"}))


def _not_utf8() -> list[RawBSONDocument]:
    broken = (b"\xff\xfe1x", b"a\xc31\x80")
    return [RawBSONDocument(_raw("xxxx").raw.replace(b"xxxx", each)) for each in broken]


async def _accept_anything(database: Database) -> None:
    await database.command({"collMod": "users", "validator": {}})


async def _in_collection(database: Database, of: int) -> list[int]:
    pipeline = [{"$sort": {"_id": 1}}, {"$project": {"_id": 0, "index": partition_of("$_id", of=of)}}]
    return [each["index"] async for each in await database["users"].aggregate(pipeline)]


@pytest.mark.parametrize("of", [2, 3, 32])
async def test_every_type_of_id_has_one_partition(database: Database, of: int) -> None:
    await _accept_anything(database)
    await database["users"].insert_many([*map(_raw, IDS), *_not_utf8()])

    indexes = await _in_collection(database, of)

    assert len(indexes) == len(IDS) + len(_not_utf8())
    assert all(type(index) in {int, Int64} and 0 <= index < of for index in indexes)
    found = [
        await database["users"].count_documents({"$expr": is_in("$_id", index=index, of=of)})
        for index in range(of)
    ]
    assert found == [indexes.count(index) for index in range(of)]


async def test_stream_and_collection_agree(database: Database) -> None:
    """Insert, update and delete of a user reach the stream of its partition, and no other."""
    of = 3
    await _accept_anything(database)
    users = [*map(_raw, IDS), *_not_utf8()]
    start = StartPoint(start_at=(await database.command("ping"))["operationTime"])
    await database["users"].insert_many(users)
    await database["users"].update_many({}, {"$set": {"name": "Grace"}})
    expected = Counter(await _in_collection(database, of))
    await database["users"].delete_many({})

    read: Counter[int] = Counter()
    for index in range(of):
        reader = ChangeReader(
            database,
            start=start,
            images=Images.NONE,
            fields=ImageFields(),
            batch_size=1000,
            only=[is_in(USER_ID, index=index, of=of)],
        )
        async with reader:
            while changes := (await reader.parse(await reader.fetch())).changes:
                read[index] += len(changes)

    assert read == {index: 3 * users for index, users in expected.items()}


async def test_replaced_bytes_do_not_move_a_user(database: Database) -> None:
    """History and dead letters hold an id that is not UTF-8 with replacement characters."""
    await _accept_anything(database)
    broken = _not_utf8()
    decoded = [bson.decode(raw.raw, bson.CodecOptions(unicode_decode_error_handler="replace")) for raw in broken]
    indexes = []
    for users in (broken, decoded):
        for user in users:
            await database["users"].insert_one(user)
            indexes += await _in_collection(database, 32)
            await database["users"].delete_many({})

    assert indexes[:2] == indexes[2:]


def _uuid(number: int) -> UUID:
    # A multiplier that scatters the numbers as a random source would, the same in every run.
    return UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)


@pytest.mark.parametrize(
    "make",
    [
        lambda number: ObjectId(f"6565656565656565656565{number % 256:02x}"[:16] + f"{number:08x}"),
        lambda number: number,
        lambda number: str(_uuid(number)),
        lambda number: Binary(_uuid(number).bytes, 4),
        lambda number: f"user{number}@example.org",
        lambda number: f"crm:{number:08d}",
    ],
    ids=["ObjectId", "int", "UUID string", "UUID", "e-mail", "padded number"],
)
@pytest.mark.parametrize("of", [2, 4])
async def test_usual_ids_are_spread(database: Database, make: Callable[[int], Any], of: int) -> None:
    """No partition has less than a third of its share."""
    count = 1000
    await _accept_anything(database)
    await database["users"].insert_many([_raw(make(number)) for number in range(count)])

    sizes = Counter(await _in_collection(database, of))

    assert min(sizes[index] for index in range(of)) >= count / of / 3
