"""Incidents that are told in groups: one message for each owner and kind.

The incidents of a group and their message are written in one transaction. So any number of workers, killed at any
line, tell each incident once, and its end once.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.alerts import Fact
from docustore.database import Database, Document, in_transaction
from docustore.etl.alert_outbox import enqueue_message
from docustore.etl.incidents import INCIDENTS, IncidentKind

log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    `subject` is the rule or the effect. `sentence` is for the message, `facts` for the list of incidents.
    """

    subject: str
    sentence: str
    owner: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


async def open_group(
    database: Database, kind: IncidentKind, problems: Sequence[Problem], *, at: datetime, is_told: bool
) -> None:
    """Open the incidents that are not open, with one message for each owner.

    Args:
        is_told: Someone receives alerts; otherwise no message is created.
    """
    for owner, own in _by_owner(problems).items():

        async def write(session: AsyncClientSession, owner: str = owner, own: Sequence[Problem] = own) -> None:
            present = await _open(database, kind, [each.subject for each in own], session)
            new = [each for each in own if each.subject not in present]
            if not new:
                return
            await database[INCIDENTS].insert_many([_document(kind, each, at) for each in new], session=session)
            if is_told:
                facts = _message(owner, [(each.subject, each.sentence) for each in new])
                name = f"{ObjectId()}:opened"
                await enqueue_message(database, name, event=_event(kind), at=at, facts=facts, session=session)
            log.warning("quality.incident_opened", incident=kind, subjects=[each.subject for each in new])

        await _write_unless_open(database, write)


async def settled(
    database: Database, incidents: Sequence[Document], *, at: datetime, after: timedelta
) -> list[Document]:
    """Note since when incidents are well; return those that are well for long enough.

    Otherwise a rule beside its limit would be told again with each user that comes and goes.
    """
    new = {"_id": {"$in": [each["_id"] for each in incidents]}, "well_since": None}
    await database[INCIDENTS].update_many(new, {"$set": {"well_since": at}})
    return [each for each in incidents if (each.get("well_since") or at) <= at - after]


async def unsettle(database: Database, kind: IncidentKind, subjects: Sequence[str]) -> None:
    """Note that these incidents go on."""
    query = {"kind": kind.value, "source": {"$in": list(subjects)}, "is_open": True}
    await database[INCIDENTS].update_many({**query, "well_since": {"$ne": None}}, {"$set": {"well_since": None}})


async def close_group(database: Database, incidents: Sequence[Document], *, at: datetime, is_told: bool) -> None:
    """Close incidents of one kind, with one recovery message for each owner.

    Args:
        is_told: False closes them silently, such as those of a rule that is waived.
    """
    owners: dict[str, list[Document]] = defaultdict(list)
    for incident in incidents:
        owners[incident["facts"].get("owner") or ""].append(incident)
    for owner, own in owners.items():

        async def write(session: AsyncClientSession, owner: str = owner, own: Sequence[Document] = own) -> None:
            kind = IncidentKind(own[0]["kind"])
            still = await _open(database, kind, [each["source"] for each in own], session)
            ended = [each for each in own if still.get(each["source"]) == each["_id"]]
            if not ended:
                return
            which = {"_id": {"$in": [each["_id"] for each in ended]}}
            closed = {"$set": {"is_open": False, "closed_at": at}}
            await database[INCIDENTS].update_many(which, closed, session=session)
            if is_told:
                sentences = [(each["source"], f"since {each['opened_at']:%Y-%m-%d %H:%M} UTC") for each in ended]
                facts = {"incident": kind.value, **_message(owner, sentences)}
                name = f"{ended[0]['_id']}:recovered"
                await enqueue_message(
                    database, name, event="quality.recovered", at=at, facts=facts, session=session
                )
            log.info("quality.incident_closed", incident=kind, subjects=[each["source"] for each in ended])

        await _write_unless_open(database, write)


async def _write_unless_open(database: Database, write: Callable[[AsyncClientSession], Awaitable[None]]) -> None:
    try:
        await in_transaction(database, write)
    except DuplicateKeyError:
        # Another worker opens the same incidents; the next look finds them.
        return


async def _open(
    database: Database, kind: IncidentKind, subjects: Iterable[str], session: AsyncClientSession
) -> dict[str, ObjectId]:
    query = {"kind": kind.value, "source": {"$in": list(subjects)}, "is_open": True}
    found = database[INCIDENTS].find(query, {"source": 1}, session=session)
    return {each["source"]: each["_id"] async for each in found}


def _document(kind: IncidentKind, problem: Problem, at: datetime) -> Document:
    return {
        "kind": kind.value,
        "source": problem.subject,
        "is_open": True,
        "opened_at": at,
        "last_at": at,
        "closed_at": None,
        "facts": {"owner": problem.owner or None, **problem.facts},
    }


def _by_owner(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    owners: dict[str, list[Problem]] = defaultdict(list)
    for each in problems:
        owners[each.owner].append(each)
    return owners


def _event(kind: IncidentKind) -> str:
    return f"quality.{kind}"


def _message(owner: str, sentences: Sequence[tuple[str, str]]) -> dict[str, Fact]:
    return {
        "owner": owner or None,
        "subjects": ", ".join(subject for subject, _ in sentences),
        "details": "\n".join(f"{subject}: {sentence}" for subject, sentence in sentences),
    }
