"""Store scheduled reports; every change is in the audit log.

Shape: that of `docustore.analytics.named_documents`, the members of `ReportInput`, and `{secrets, is_paused,
schedule_since}`. `schedule_since` is the time from which slots count: those of the past are no slots of a new or
resumed report.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.named_documents import NamedDocuments
from docustore.analytics.query.saved.store import REPORTS, hold
from docustore.config import Settings
from docustore.database import Database, Document, in_transaction
from docustore.errors import FieldError, InvalidInputError
from docustore.recurrence import Recurrence, parse_recurrence
from docustore.reports.bodies import ReportInput
from docustore.reports.deliveries import DELIVERIES, drop_due
from docustore.webhooks.service import require_allowed
from docustore.webhooks.signature import new_secret
from docustore.webhooks.store import stored_secret

log: Final = structlog.get_logger()
MAX_REPORTS: Final = 200


def _audited(report: Mapping[str, Any]) -> Document:
    # Without the secrets, and without the addresses of people.
    names = ("query", "schedule", "timezone", "format", "webhook_url", "is_paused", "version")
    return {**{name: report[name] for name in names}, "mail_to": len(report["mail_to"])}


_REPORTS: Final = NamedDocuments(
    collection=REPORTS,
    kind="report",
    plural="reports",
    subject="report",
    max_documents=MAX_REPORTS,
    audited=_audited,
)


def recurrence_of(report: Mapping[str, Any]) -> Recurrence | None:
    """Return the rule of a report; None if it has no more slots.

    A zone that was valid may be unknown to another version: such a report is logged and has no slots.
    """
    try:
        return parse_recurrence(report["schedule"], timezone=report["timezone"])
    except ValueError as exc:
        log.error("report.schedule_unknown", report=report["_id"], reason=str(exc))  # noqa: TRY400  # no stack
        return None


async def find_report(database: Database, name: str) -> Document:
    """Read a report.

    Raises:
        NotFoundError: There is none with this name.
    """
    return await _REPORTS.find(database, name)


async def list_reports(database: Database) -> list[Document]:
    """List all reports by name."""
    return await _REPORTS.by_name(database)


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
    """Create or replace a report; a new one has version 1.

    Args:
        if_match: The header `If-Match`; see `NamedDocuments.save`.

    Returns:
        The report, and the secret of its webhook if it is new.

    Raises:
        InvalidInputError: The name is malformed, there is no such query, the address must not be called, or no
            mail server is set.
        PreconditionRequiredError, SavedQueryChangedError, TooManySavedQueriesError: See `NamedDocuments.save`.
    """
    await _require_possible(settings, given)
    new_secrets: list[Document] = [] if given.webhook_url is None else [stored_secret(new_secret())]

    def content(before: Document | None) -> Document:
        old: Document = before or {"secrets": [], "is_paused": False}
        members = given.model_dump(mode="json")
        is_rescheduled = any(old.get(part) != members[part] for part in ("schedule", "timezone"))
        since = now if is_rescheduled else old["schedule_since"]
        return {**old, **members, "schedule_since": since, "secrets": old["secrets"] or new_secrets}

    async def hold_query(session: AsyncClientSession) -> None:
        if not await hold(database, given.query, session):
            raise _not_allowed("/query", "there is no saved query of this name: save it first")

    report = await _REPORTS.save(database, name, content, if_match=if_match, actor=actor, now=now, also=hold_query)
    is_new_secret = bool(new_secrets) and report["secrets"] == new_secrets
    return report, new_secrets[0]["secret"] if is_new_secret else None


async def set_paused(database: Database, name: str, *, is_paused: bool, actor: str, now: datetime) -> Document:
    """Pause or resume a report; what is due is skipped by a pause.

    Raises:
        NotFoundError: There is none with this name.
    """

    async def write(session: AsyncClientSession) -> Document:
        before = await _REPORTS.find(database, name, session=session)
        after = {**before, "is_paused": is_paused}
        if before["is_paused"] and not is_paused:
            after["schedule_since"] = now
        if is_paused:
            await drop_due(database, name, session=session)
        verb = "pause" if is_paused else "resume"
        await _REPORTS.replace(database, verb, before, after, actor=actor, session=session)
        return after

    return await in_transaction(database, write)


async def remove_report(database: Database, name: str, *, actor: str) -> None:
    """Delete a report and its deliveries.

    Raises:
        NotFoundError: There is none with this name.
    """

    async def remove_deliveries(_report: Document, session: AsyncClientSession) -> None:
        await database[DELIVERIES].delete_many({"report": name}, session=session)

    await _REPORTS.remove(database, name, remove_deliveries, actor=actor)


async def _require_possible(settings: Settings, given: ReportInput) -> None:
    if given.mail_to and settings.report_mail_url is None:
        raise _not_allowed("/mail_to", "no mail server is set: set DOCUSTORE_REPORT_MAIL_URL")
    if given.webhook_url is not None:
        await require_allowed(given.webhook_url, settings, pointer="/webhook_url")


def _not_allowed(pointer: str, detail: str) -> InvalidInputError:
    return InvalidInputError((FieldError(pointer=pointer, code="not_allowed", detail=detail),))
