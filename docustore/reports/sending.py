"""Answer the query of a report and send the rows to its destination."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict

import msgspec
from pymongo.errors import PyMongoError

from docustore.alerts import Attachment, Reached, send_mails
from docustore.analytics.query.answer import answer
from docustore.analytics.query.answers import QueryAnswer
from docustore.analytics.query.cost import QueryLimits
from docustore.analytics.query.saved.store import find_saved, stored_query
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import DocustoreError
from docustore.reports.bodies import ReportFormat
from docustore.reports.deliveries import Sent
from docustore.reports.tables import csv_of, html_of, note_of
from docustore.users.email import ascii_form
from docustore.webhooks.sender import webhook_client

MESSAGE_TYPE: Final = "report.delivered"
# A worker's task must end before the next one.
MAX_QUERY_MS: Final = 20_000
_MEDIA_TYPES: Final = {ReportFormat.CSV: "text/csv", ReportFormat.HTML: "text/html"}


async def send_report(
    database: Database,
    settings: Settings,
    report: Mapping[str, Any],
    slot: datetime,
    *,
    reached: Sequence[str] = (),
) -> Sent:
    """Answer and send once; never raises for what the query or the destination does.

    Args:
        reached: Recipients that have the mail of this slot.
    """
    try:
        found = await _answered(database, settings, report)
    except (DocustoreError, PyMongoError) as exc:
        # A driver's text may quote a document.
        error = str(exc) if isinstance(exc, DocustoreError) else type(exc).__name__
        return Sent(error=error, reached=tuple(reached))
    text = rendered(found, report, slot=slot)
    if report["webhook_url"] is None:
        return await _mailed(settings, report, found, text, slot=slot, reached=reached)
    return Sent(rows=len(found.rows), error=await _posted(settings, report, found, text, slot=slot))


async def _answered(database: Database, settings: Settings, report: Mapping[str, Any]) -> QueryAnswer:
    query = stored_query(await find_saved(database, report["query"]))
    limits = QueryLimits(
        max_documents=settings.query_max_documents, timeout_ms=min(settings.query_timeout_ms, MAX_QUERY_MS)
    )
    return await answer(database, query.model_copy(update={"explain": False}), now=now_utc(), limits=limits)


def rendered(found: QueryAnswer, report: Mapping[str, Any], *, slot: datetime) -> str:
    """Return the rows in the format of a report. Pure."""
    if report["format"] == ReportFormat.HTML.value:
        return html_of(found, title=report["_id"], slot=slot)
    return csv_of(found)


def message_id(report: str, slot: datetime) -> str:
    """Name the message of a slot; a receiver ignores one that it knows."""
    return f"report-{report}-{int(slot.timestamp() * 1000)}"


def message_of(
    found: QueryAnswer, report: Mapping[str, Any], text: str, *, slot: datetime, now: datetime
) -> bytes:
    """Make the body of a webhook's message. Pure."""
    told = {
        "report": report["_id"],
        "query": report["query"],
        "slot": slot,
        "source": found.source,
        "as_of": found.as_of,
        "is_exact": found.is_exact,
        "is_truncated": found.is_truncated,
        "rows": len(found.rows),
        "media_type": _MEDIA_TYPES[ReportFormat(report["format"])],
        "content": text,
    }
    return msgspec.json.encode({"type": MESSAGE_TYPE, "timestamp": now, "data": told})


async def _posted(
    settings: Settings, report: Mapping[str, Any], found: QueryAnswer, text: str, *, slot: datetime
) -> str | None:
    webhook = {"url": report["webhook_url"], "secrets": report["secrets"]}
    now = now_utc()
    body = message_of(found, report, text, slot=slot, now=now)
    async with webhook_client(webhook, settings) as client:
        return (await client.post(message_id(report["_id"], slot), body, now=now)).error


async def _mailed(
    settings: Settings,
    report: Mapping[str, Any],
    found: QueryAnswer,
    text: str,
    *,
    slot: datetime,
    reached: Sequence[str],
) -> Sent:
    rows = len(found.rows)
    if settings.report_mail_url is None:
        error = "no mail server is set: set DOCUSTORE_REPORT_MAIL_URL"
        return Sent(rows=rows, error=error, reached=tuple(reached))
    missing = [each for each in dict.fromkeys(report["mail_to"]) if each not in reached]
    # A report of an older release may name a mailbox without an ASCII form: no mail server is asked.
    forms = {each: form for each in missing if (form := ascii_form(each)) is not None}
    result = Reached(())
    if forms:
        result = await send_mails(
            settings.report_mail_url.get_secret_value(),
            list(forms.values()),
            title=f"docustore: {report['_id']}",
            **_content(found, report, text, slot=slot),
        )
    took = [list(forms)[index] for index in result.indexes]
    left = [each for each in missing if each not in took]
    return Sent(rows=rows, error=_mail_error(report["mail_to"], left, result.error), reached=(*reached, *took))


class _Content(TypedDict):
    body: str
    is_html: bool
    attachment: Attachment | None


def _content(found: QueryAnswer, report: Mapping[str, Any], text: str, *, slot: datetime) -> _Content:
    if report["format"] == ReportFormat.HTML.value:
        return {"body": text, "is_html": True, "attachment": None}
    file = Attachment(name=f"{report['_id']}-{slot:%Y%m%dT%H%MZ}.csv", content=text)
    return {"body": note_of(found, slot=slot), "is_html": False, "attachment": file}


def _mail_error(recipients: Sequence[str], left: Sequence[str], reason: str | None) -> str | None:
    """Name the recipients that are left by their place.

    Errors are logged, addresses are not.
    """
    if not left:
        return None
    places = ", ".join(f"/mail_to/{recipients.index(each)}" for each in left)
    return f"{reason or 'refused'} for {len(left)} of {len(recipients)} recipients: {places}"
