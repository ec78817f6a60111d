"""Checks of the way out: each webhook, the stream, each handler."""

from collections.abc import Collection, Iterable, Iterator

from pymongo.errors import PyMongoError

from docustore.cli.checks.finding import Finding, not_read, ok, skipped, warning
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import connect
from docustore.outbox.destinations import OPERATOR, DestinationKind
from docustore.outbox.figures import DestinationFigures, destination_figures
from docustore.outbox.handlers import load_handlers
from docustore.outbox.valkey_stream import SETTING


async def outbox_findings(settings: Settings) -> list[Finding]:
    """Check that every destination takes its events."""
    try:
        async with connect(settings, app_name="docustore-doctor") as database:
            found = await destination_figures(database, now=now_utc())
    except PyMongoError as exc:
        return [not_read("outbox", exc)]
    if not found:
        return [skipped("outbox", "no webhook, stream or handler")]
    return list(destination_findings(found, handlers=load_handlers().keys()))


def destination_findings(found: Iterable[DestinationFigures], *, handlers: Collection[str]) -> Iterator[Finding]:
    """Judge the destinations. Pure.

    Args:
        handlers: The destinations of the handlers that are installed here.
    """
    for each in found:
        check, disabled = f"outbox {each.name}", each.disabled
        if each.kind == DestinationKind.HANDLER and each.name not in handlers:
            yield warning(
                check,
                f"not installed here; {each.pending} events wait",
                next_step=f"install its package, or run `docustore outbox remove {each.name}`",
            )
        elif disabled is not None and disabled["reason"] in {OPERATOR, SETTING}:
            yield skipped(check, f"disabled by its {disabled['reason']}")
        elif disabled is not None:
            yield warning(
                check,
                f"disabled ({disabled['reason']}) after number {disabled['seq']}; last error: {each.last_error}",
                next_step=f"correct the receiver, then run `docustore outbox enable {each.name} --replay-missed`",
            )
        elif each.failing_since is not None:
            since = f"{each.failing_since:%Y-%m-%d %H:%M} UTC"
            yield warning(
                check,
                f"failing since {since} ({each.last_error}); {each.pending} events are pending",
                next_step="correct the receiver: deliveries are retried for three days",
            )
        elif each.failed:
            yield warning(
                check,
                f"{each.failed} events were given up",
                next_step=f"run `docustore outbox events {each.name} --state failed`, then `outbox replay`",
            )
        else:
            yield ok(check, f"{each.delivered} delivered, {each.pending} pending")
