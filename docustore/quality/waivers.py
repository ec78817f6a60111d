"""Waivers: a person accepts the violations of a rule until a date.

A waived rule is shown as `waived` with its reason, never as passed, and raises no alert. When the date has passed
the rule counts again, and alerts again if it fails.
"""

from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.database import Database, Document, in_transaction
from docustore.errors import FieldError, InvalidInputError, NotFoundError

WAIVERS: Final = "quality_waivers"
# A waiver without an end would be a rule that is turned off.
LONGEST: Final = timedelta(days=366)


class Waiver(TypedDict):
    """Until when a rule is waived, why, by whom and since when."""

    until: datetime
    reason: str
    by: str
    at: datetime


async def waive_rule(
    database: Database, rule: str, *, until: datetime, reason: str, actor: str, now: datetime
) -> Waiver:
    """Waive a rule; a second waiver replaces the first. Audited.

    Raises:
        InvalidInputError: The date is past or too far ahead, or the reason is empty.
    """
    _require_valid(until, reason, now)
    waiver: Waiver = {"until": until, "reason": reason, "by": actor, "at": now}

    async def write(session: AsyncClientSession) -> None:
        before = await database[WAIVERS].find_one_and_replace(
            {"_id": rule}, dict(waiver), upsert=True, session=session
        )
        await _audit(database, "quality.waive", rule, before, dict(waiver), actor, session)

    await in_transaction(database, write)
    return waiver


async def unwaive_rule(database: Database, rule: str, *, actor: str) -> None:
    """End a waiver before its date. Audited.

    Raises:
        NotFoundError: The rule is not waived.
    """

    async def write(session: AsyncClientSession) -> None:
        before = await database[WAIVERS].find_one_and_delete({"_id": rule}, session=session)
        if before is None:
            raise NotFoundError(kind="waiver of the rule", id=rule)
        await _audit(database, "quality.unwaive", rule, before, None, actor, session)

    await in_transaction(database, write)


def waiver_of(document: Document) -> Waiver:
    """Parse a stored waiver."""
    return {name: document[name] for name in ("until", "reason", "by", "at")}  # type: ignore[return-value]


def _require_valid(until: datetime, reason: str, now: datetime) -> None:
    errors = []
    if until <= now:
        errors.append(FieldError(pointer="/until", code="past", detail="must be in the future"))
    if until > now + LONGEST:
        detail = f"must be within {LONGEST.days} days; change the limits of the rule for longer"
        errors.append(FieldError(pointer="/until", code="too_far", detail=detail))
    if not reason.strip():
        errors.append(FieldError(pointer="/reason", code="missing", detail="say why, for the next person"))
    if errors:
        raise InvalidInputError(tuple(errors))


async def _audit(  # the parts of one entry
    database: Database,
    action: str,
    rule: str,
    before: Document | None,
    after: dict[str, Any] | None,
    actor: str,
    session: AsyncClientSession,
) -> None:
    facts = None if before is None else {name: value for name, value in before.items() if name != "_id"}
    await record(
        database,
        actor=actor,
        action=action,
        target=f"{WAIVERS}/{rule}",
        before=facts,
        after=after,
        session=session,
    )
