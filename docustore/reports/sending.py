"""Answer the query of a report and send the rows to its destination."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from pymongo.errors import PyMongoError

from docustore.alerts import Attachment, UndeliveredError, send_mail
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
from docustore.webhooks.sender import webhook_client

MESSAGE_TYPE: Final = "report.delivered"
# A worker's task must end before the next one.
MAX_QUERY_MS: Final = 20_000
_MEDIA_TYPES: Final = {ReportFormat.CSV: "text/csv", ReportFormat.HTML: "text/html"}


async def send_report(database: Database, settings: Settings, report: Mapping[str, Any], slot: datetime) -> Sent:
    """Answer and send once; never raises for what the query or the destination does."""
    try:
        found = await _answered(database, settings, report)
    except (DocustoreError, PyMongoError) as exc:
        # A driver's text may quote a document.
        return Sent(error=str(exc) if isinstance(exc, DocustoreError) else type(exc).__name__)
    text = rendered(found, report, slot=slot)
    if report["webhook_url"] is None:
        error = await _mailed(settings, report, found, text, slot=slot)
    else:
        error = await _posted(settings, report, found, text, slot=slot)
    return Sent(rows=len(found.rows), error=error)


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
    settings: Settings, report: Mapping[str, Any], found: QueryAnswer, text: str, *, slot: datetime
) -> str | None:
    if settings.report_mail_url is None:
        return "no mail server is set: set DOCUSTORE_REPORT_MAIL_URL"
    base = settings.report_mail_url.get_secret_value()
    url = f"{base}{'&' if '?' in base else '?'}to={quote(','.join(report['mail_to']), safe='@,')}"
    title = f"docustore: {report['_id']}"
    try:
        if report["format"] == ReportFormat.HTML.value:
            await send_mail(url, title=title, body=text, is_html=True)
        else:
            file = Attachment(name=f"{report['_id']}-{slot:%Y%m%dT%H%MZ}.csv", content=text)
            await send_mail(url, title=title, body=note_of(found, slot=slot), attachment=file)
    except UndeliveredError as exc:
        return str(exc)
    return None
