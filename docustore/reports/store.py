"""Store scheduled reports; every change is in the audit log.

Shape: the members of `ReportInput`, and `{_id: name, secrets, is_paused, version, schedule_since, owner,
created_at, updated_at, updated_by}`. `schedule_since` is the time from which slots count: those of the past are no
slots of a new or resumed report.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.query.saved.bodies import NAME, NAME_PATTERN
from docustore.analytics.query.saved.store import SAVED_QUERIES
from docustore.audit.log import record
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.errors import (
    FieldError,
    InvalidInputError,
    NotFoundError,
    PreconditionRequiredError,
    SavedQueryChangedError,
    TooManySavedQueriesError,
)
from docustore.recurrence import Recurrence, parse_recurrence
from docustore.reports.bodies import ReportInput
from docustore.reports.deliveries import DELIVERIES, drop_due
from docustore.users.preconditions import IfMatch
from docustore.webhooks.service import require_allowed
from docustore.webhooks.signature import new_secret

log: Final = structlog.get_logger()
REPORTS: Final = "analytics_reports"
MAX_REPORTS: Final = 200
T = TypeVar("T")


def recurrence_of(report: Mapping[str, Any]) -> Recurrence | None:
    """Return the rule of a report; None if it has no more slots.

    A zone that was valid may be unknown to another version: such a report is logged and has no slots.
    """
    try:
        return parse_recurrence(report["schedule"], timezone=report["timezone"])
    except ValueError as exc:
        log.error("report.schedule_unknown", report=report["_id"], reason=str(exc))  # noqa: TRY400  # no stack
        return None


async def find_report(database: Database, name: str, *, session: AsyncClientSession | None = None) -> Document:
    """Read a report.

    Raises:
        NotFoundError: There is none with this name.
    """
    found = await database[REPORTS].find_one({"_id": name}, session=session)
    if found is None:
        raise NotFoundError(kind="report", id=name)
    return found


async def list_reports(database: Database) -> list[Document]:
    """List all reports by name."""
    return await database[REPORTS].find({}, sort=[("_id", 1)]).to_list()


async def save_report(
    database: Database,
    settings: Settings,
    name: str,
    given: ReportInput,
    *,
    if_match: str | None,
    actor: str,
    now: datetime,
) -> tuple[Document, str | None]:
    """Create or replace a report.

    Returns:
        The report, and the secret of its webhook if it is new.

    Raises:
        InvalidInputError: The name is malformed, there is no such query, the address must not be called, or no
            mail server is set.
        PreconditionRequiredError: The report exists, and there is no `If-Match`.
        SavedQueryChangedError: It is at another version, or is gone.
        TooManySavedQueriesError: There are as many as allowed.
    """
    await _require_possible(database, settings, name, given)

    async def write(session: AsyncClientSession) -> tuple[Document, str | None]:
        before = await database[REPORTS].find_one({"_id": name}, session=session)
        _require_version(before, name, if_match=if_match)
        if before is None and await database[REPORTS].count_documents({}, session=session) >= MAX_REPORTS:
            raise TooManySavedQueriesError(limit=MAX_REPORTS)
        after = _changed(before, name, given, actor=actor, now=now)
        secret = None
        if given.webhook_url is not None and not after["secrets"]:
            secret = new_secret()
            after["secrets"] = [{"secret": secret, "expires_at": None}]
        await database[REPORTS].replace_one({"_id": name}, after, upsert=True, session=session)
        await _record(database, "report.save", name, actor, session, before=before, after=after)
        return after, secret

    return await _in_transaction(database, write)


async def set_paused(database: Database, name: str, *, is_paused: bool, actor: str, now: datetime) -> Document:
    """Pause or resume a report; what is due is skipped by a pause.

    Raises:
        NotFoundError: There is none with this name.
    """

    async def write(session: AsyncClientSession) -> Document:
        before = await find_report(database, name, session=session)
        after = {**before, "is_paused": is_paused}
        if before["is_paused"] and not is_paused:
            after["schedule_since"] = now
        await database[REPORTS].replace_one({"_id": name}, after, session=session)
        if is_paused:
            await drop_due(database, name, session=session)
        action = "report.pause" if is_paused else "report.resume"
        await _record(database, action, name, actor, session, before=before, after=after)
        return after

    return await _in_transaction(database, write)


async def remove_report(database: Database, name: str, *, actor: str) -> None:
    """Delete a report and its deliveries.

    Raises:
        NotFoundError: There is none with this name.
    """

    async def write(session: AsyncClientSession) -> None:
        before = await find_report(database, name, session=session)
        await database[REPORTS].delete_one({"_id": name}, session=session)
        await database[DELIVERIES].delete_many({"report": name}, session=session)
        await _record(database, "report.delete", name, actor, session, before=before)

    await _in_transaction(database, write)


def _changed(
    before: Mapping[str, Any] | None, name: str, given: ReportInput, *, actor: str, now: datetime
) -> Document:
    old: Mapping[str, Any] = before or {
        "secrets": [],
        "is_paused": False,
        "version": 0,
        "schedule_since": now,
        "owner": actor,
        "created_at": now,
    }
    content = given.model_dump(mode="json")
    is_rescheduled = any(old.get(part) != content[part] for part in ("schedule", "timezone"))
    return {
        **old,
        **content,
        "_id": name,
        "version": old["version"] + 1,
        "schedule_since": now if is_rescheduled else old["schedule_since"],
        "updated_at": now,
        "updated_by": actor,
    }


async def _require_possible(database: Database, settings: Settings, name: str, given: ReportInput) -> None:
    if not NAME.fullmatch(name):
        raise _invalid("/name", "not_allowed", f"a name matches {NAME_PATTERN}")
    if await database[SAVED_QUERIES].find_one({"_id": given.query}, {"_id": 1}) is None:
        raise _invalid("/query", "not_allowed", "there is no saved query of this name: save it first")
    if given.mail_to and settings.report_mail_url is None:
        raise _invalid("/mail_to", "not_allowed", "no mail server is set: set DOCUSTORE_REPORT_MAIL_URL")
    if given.webhook_url is not None:
        await require_allowed(given.webhook_url, settings, pointer="/webhook_url")


def _invalid(pointer: str, code: str, detail: str) -> InvalidInputError:
    return InvalidInputError((FieldError(pointer=pointer, code=code, detail=detail),))


def _require_version(before: Mapping[str, Any] | None, name: str, *, if_match: str | None) -> None:
    if before is None:
        if if_match is not None:
            raise SavedQueryChangedError(name=name, actual=0)
        return
    if if_match is None:
        raise PreconditionRequiredError
    versions = IfMatch.required(if_match).versions
    if versions is not None and before["version"] not in versions:
        raise SavedQueryChangedError(name=name, actual=before["version"])


async def _record(
    database: Database,
    action: str,
    name: str,
    actor: str,
    session: AsyncClientSession,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await record(
        database,
        actor=actor,
        action=action,
        target=f"{REPORTS}/{name}",
        before=None if before is None else _shown(before),
        after=None if after is None else _shown(after),
        session=session,
    )


def _shown(report: Mapping[str, Any]) -> Document:
    # Without the secrets, and without the addresses of people.
    names = ("query", "schedule", "timezone", "format", "webhook_url", "is_paused", "version")
    return {**{name: report[name] for name in names}, "mail_to": len(report["mail_to"])}


async def _in_transaction(database: Database, work: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
    async with database.client.start_session() as session:
        return await session.with_transaction(work)
