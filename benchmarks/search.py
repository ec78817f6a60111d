"""Benchmark of the search index.

Its build, its cost per change, and searches for parts of words.

Floor: one find by `_id`. Peer: the common way, an unanchored regular expression over three fields, with a count;
it scans every user. Floor of the build: inserting the finished documents into a collection without indexes.
"""

import re
import time
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.derived import build_rate
from benchmarks.population import SEED
from benchmarks.reads import QUERIES, SCANS, queries_row, timings
from benchmarks.row import BenchRow
from docustore.changes.derived.derivation import Replacement
from docustore.changes.effects.search import UserSearchEffect
from docustore.changes.position import POSITION_ID, POSITIONS, ListenerState
from docustore.changes.search_reach import search_complete_until
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.demo.people import person
from docustore.users.recent_matches import RecentUsers
from docustore.users.search import SearchQuery, search_users
from docustore.users.search_index import SEARCH_ATOMS, SEARCHED_FIELDS, USER_SEARCH, search_document
from docustore.users.search_words import query_parts

# Changes that are applied together, as the listener does it under load.
CHANGED: Final = 1_000
# Those of five seconds at 100 writes per second.
RECENT: Final = 500


async def measure(database: Database, *, users: int) -> list[BenchRow]:
    """Build the index of a populated store, then search it."""
    build = await _build(database, users=users)
    change_us = await _change(database)
    await _follow(database)

    async def find_one(_: str) -> None:
        await database[USER_SEARCH].find_one({"_id": "none"})

    recent_users = RecentUsers(search_complete_until)

    async def search(text: str) -> None:
        await search_users(SearchQuery(text=text), recent_users=recent_users)

    async def scan(text: str) -> None:
        matching = _regex_filter(text)
        await database["users"].find(matching).sort("created_at", -1).limit(20).to_list()
        await database["users"].count_documents(matching)

    texts = list(parts_of_names(QUERIES, users=users))
    floor_s = median(await timings(find_one, texts))
    searches_s = await timings(search, texts)
    scans_s = median(await timings(scan, texts[:SCANS]))
    return [
        queries_row(
            f"search of {users:,} users, part of a word", median(searches_s), floor_s=floor_s, peer_s=scans_s
        ),
        BenchRow(name="the same, p99", value=round(quantiles(searches_s, n=100)[98] * 1000, 1), unit="ms"),
        build,
        BenchRow(name="search index, one changed user of a thousand", value=change_us, unit="us"),
        BenchRow(name="search index, size with its indexes", value=await _size_mb(database), unit="MB"),
    ]


def parts_of_names(count: int, *, users: int) -> Iterator[str]:
    """Yield search texts: three to six letters from anywhere in a word.

    The names are those of users spread over the whole store.
    """
    random, number = Random(SEED), 0
    while count:
        generated = person(number % users, seed=SEED)
        number += max(1, users // QUERIES)
        parts = query_parts(
            random.choice([generated.first_name, generated.last_name, generated.email.split("@")[0]])
        )
        word = random.choice([part.text for part in parts] or [""])
        length = random.randint(3, 6)
        if len(word) >= length:
            start = random.randint(0, len(word) - length)
            count -= 1
            yield word[start : start + length]


async def _build(database: Database, *, users: int) -> BenchRow:
    rate = await build_rate(database, UserSearchEffect(Settings()), users=users)
    sample = await database["users"].find({}, dict.fromkeys(SEARCHED_FIELDS, 1)).limit(20_000).to_list()
    documents = [search_document(user) or {} for user in sample]
    started = time.perf_counter()
    for start, end in pairwise([*range(0, len(documents), CHANGED), len(documents)]):
        await database["bench_floor"].insert_many(documents[start:end], ordered=False)
    floor = len(documents) / (time.perf_counter() - started)
    await database.drop_collection("bench_floor")
    return BenchRow(
        name="search index, build",
        value=round(rate, 1),
        unit="users/s",
        floor=round(floor),
        ratio_to_floor=rate / floor,
    )


async def _change(database: Database) -> float:
    """Rename users of the whole store and write their documents.

    Return the microseconds per user.
    """
    sample = await (await database["users"].aggregate([{"$sample": {"size": CHANGED}}])).to_list()
    effect, replacements = UserSearchEffect(Settings()), []
    for number, user in enumerate(sample):
        before: Document | None = search_document(user)
        after = search_document({**user, "last_name": f"Renamed{chr(97 + number % 26)}"})
        replacements.append(Replacement(user_id=user["_id"], before=before, after=after))
    async with database.client.start_session() as session:
        started = time.perf_counter()
        await session.with_transaction(lambda own: effect.write(database, replacements, own))
        return round((time.perf_counter() - started) / len(sample) * 1e6, 1)


async def _follow(database: Database) -> None:
    """Store the position of a listener that has applied everything.

    `RECENT` users were written just now: a search compares the terms of these, as in operation.
    """
    time = (await database.command("ping"))["operationTime"]
    position = {"state": ListenerState.STREAMING.value, "seq": 0, "cluster_time": time}
    await database[POSITIONS].insert_one({"_id": POSITION_ID, **position})
    sample = await (await database["users"].aggregate([{"$sample": {"size": RECENT}}])).to_list()
    ids = {"_id": {"$in": [user["_id"] for user in sample]}}
    await database["users"].update_many(ids, {"$set": {"updated_at": time.as_datetime()}})


async def _size_mb(database: Database) -> float:
    sizes = [await database.command("collStats", name) for name in (USER_SEARCH, SEARCH_ATOMS)]
    return float(round(sum(size["totalSize"] for size in sizes) / 1e6, 2))


def _regex_filter(text: str) -> dict[str, Any]:
    anywhere = {"$regex": re.escape(text), "$options": "i"}
    return {"$or": [{name: anywhere} for name in ("first_name", "last_name", "email")]}
