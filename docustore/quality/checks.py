"""The full checks of the kept figures, and their results.

A check judges all users again and compares; it changes no figure. Every result is stored, whether the worker, a
person or a program has started the check. A comparison is not possible while users are being judged: then nothing
is stored, since a check that was not made must not look like one that found nothing.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, TypedDict

from pymongo.errors import DuplicateKeyError

from docustore.database import Database, Document
from docustore.effect_states import EFFECT_STATES, BuildState
from docustore.lease_time import lease_is_over
from docustore.quality.stored import USER_QUALITY, server_time
from docustore.quality.verdict import RuleSet

CHECKS: Final = "quality_checks"
KEPT_FOR: Final = timedelta(days=400)
# A worker that starts later than this after the time of the check leaves it to the next night.
NIGHT: Final = timedelta(hours=6)
LEASE_S: Final = 60

# Describes what differs; None if nothing does.
Compare = Callable[[], Awaitable[str | None]]


class CheckTrigger(StrEnum):
    """What started a check."""

    NIGHT = "night"
    API = "api"
    CLI = "cli"


class CheckView(TypedDict):
    """One finished check.

    `differences` says how the kept figures differ from the users; empty = not at all.
    """

    at: datetime
    duration_s: float
    trigger: str
    differences: list[str]


async def not_comparable(database: Database, rules: RuleSet) -> str | None:
    """Tell why the figures cannot be compared now; None if they can be."""
    state = await database[EFFECT_STATES].find_one({"_id": USER_QUALITY})
    if state is None:
        return "no listener has judged the users yet: start one with `docustore listener`, or `up`"
    if state["state"] == BuildState.FAILED:
        return f"{USER_QUALITY} has failed: run `docustore changes rebuild {USER_QUALITY}`"
    if state.get("configuration", "") != rules.digest:
        return "the listener judges by other rules: restart it with these settings"
    if state["state"] != BuildState.LIVE:
        return "users are being judged: see `docustore changes effects`"
    return None


async def run_check(
    database: Database, rules: RuleSet, compare: Compare, *, trigger: CheckTrigger
) -> CheckView | str:
    """Compare and store the result.

    Returns:
        The result, or a sentence why the figures could not be compared.
    """
    found = await compared(database, rules, compare)
    if isinstance(found, str):
        return found
    await database[CHECKS].insert_one(_stored(found, trigger))
    return _view(found, trigger)


class Compared(TypedDict):
    """When a comparison began and ended, and what it found."""

    at: datetime
    finished_at: datetime
    differences: list[str]


async def compared(database: Database, rules: RuleSet, compare: Compare) -> Compared | str:
    """Compare; return a sentence if that is not possible."""
    built_at = await _built_at(database)
    if (problem := await not_comparable(database, rules)) is not None:
        return problem
    at = await server_time(database)
    found = await compare()
    # A build that began meanwhile ends the comparison without a result.
    if (problem := await not_comparable(database, rules)) is not None:
        return problem
    if await _built_at(database) != built_at:
        return "users were judged again meanwhile: run the check again"
    differences = [] if found is None else found.split("; ")
    return {"at": at, "finished_at": await server_time(database), "differences": differences}


async def last_check(database: Database) -> CheckView | None:
    """Read the latest finished check."""
    # A comparison excludes null.
    finished = {"finished_at": {"$gte": datetime.fromtimestamp(0, UTC)}}
    found = await database[CHECKS].find_one(finished, sort=[("finished_at", -1)])
    return None if found is None else check_view(found)


def due_night(now: datetime, at: time) -> str | None:
    """Name the night whose check is due; None if none is.

    Args:
        at: The time of day, in the zone of `now`.
    """
    for day in (now.date(), now.date() - timedelta(days=1)):
        since = now - datetime.combine(day, at, tzinfo=now.tzinfo)
        if timedelta(0) <= since < NIGHT:
            return f"night:{day.isoformat()}"
    return None


async def claim_night(database: Database, night: str, *, owner: str) -> bool:
    """Take the check of a night, if no worker has made it or makes it.

    The check of a worker that was killed is free after `LEASE_S`.
    """
    mine: Document = {"owner": owner, "trigger": CheckTrigger.NIGHT.value, "finished_at": None}
    lease_end = await server_time(database) + timedelta(seconds=LEASE_S)
    try:
        await database[CHECKS].insert_one({"_id": night, **mine, "lease_expires_at": lease_end})
    except DuplicateKeyError:
        expired = {"_id": night, "finished_at": None, "$expr": lease_is_over(LEASE_S)}
        taken = await database[CHECKS].update_one(expired, [{"$set": {**mine, **_LEASED}}])
        return bool(taken.matched_count)
    return True


async def renew_night(database: Database, night: str, *, owner: str) -> bool:
    """Renew the claim; False if another worker has it."""
    mine = {"_id": night, "owner": owner, "finished_at": None}
    return bool((await database[CHECKS].update_one(mine, [{"$set": _LEASED}])).matched_count)


async def finish_night(database: Database, night: str, found: Compared, *, owner: str) -> bool:
    """Store the result of a night; False if another worker has taken the check."""
    mine = {"_id": night, "owner": owner, "finished_at": None}
    stored = {"$set": _stored(found, CheckTrigger.NIGHT), "$unset": {"lease_expires_at": "", "owner": ""}}
    return bool((await database[CHECKS].update_one(mine, stored)).matched_count)


async def release_night(database: Database, night: str, *, owner: str) -> None:
    """Give a check back that was not made."""
    await database[CHECKS].delete_one({"_id": night, "owner": owner, "finished_at": None})


_LEASED: Final[Document] = {"lease_expires_at": {"$add": ["$$NOW", LEASE_S * 1000]}}


def _stored(found: Compared, trigger: CheckTrigger) -> Document:
    return {**found, "trigger": trigger.value, "duration_s": _duration_s(found)}


def check_view(document: Document) -> CheckView:
    """Parse a stored check that has finished."""
    return _view(document, document["trigger"])  # type: ignore[arg-type]  # as it was stored


def _view(found: Compared, trigger: str) -> CheckView:
    return {
        "at": found["at"],
        "duration_s": _duration_s(found),
        "trigger": str(trigger),
        "differences": found["differences"],
    }


def _duration_s(found: Compared) -> float:
    return (found["finished_at"] - found["at"]).total_seconds()


async def _built_at(database: Database) -> Any:
    return (await database[EFFECT_STATES].find_one({"_id": USER_QUALITY}, {"built_at": 1}) or {}).get("built_at")
