"""Try a source without a run.

Reach it, read its first page, parse the records; write nothing. Each step names what was found and, if it failed,
one next step. A step that fails is the last one.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

import msgspec
from pymongo.errors import PyMongoError

from docustore.clock import now_utc
from docustore.config import Settings
from docustore.errors import (
    ConfigurationError,
    DocustoreError,
    SourceContentError,
    SourceRejectedError,
    SourceUnavailableError,
)
from docustore.etl.models import Window
from docustore.etl.records import RecordRejectedError
from docustore.etl.rules import record_rules
from docustore.etl.sources.registry import open_source
from docustore.etl.sources.source import Page, Source
from docustore.etl.transform import RecordRules, to_user_record
from docustore.etl.window import check_clock
from docustore.source_settings import SourceSettings

PAGE_SIZE: Final = 100
UNAUTHORISED: Final = frozenset({401, 403, 407})
NOT_FOUND: Final = frozenset({404, 410})


class ProbeStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what was found, and the next step for a person if it failed."""

    step: str
    is_ok: bool
    found: str
    next_step: str = ""


@dataclass(slots=True)
class _Trace:
    """The steps so far, and the name of the step at work."""

    steps: list[ProbeStep]
    current: str = "reachable"

    def passed(self, found: str, *, then: str) -> None:
        self.steps.append(ProbeStep(step=self.current, is_ok=True, found=found))
        self.current = then


async def probe_source(
    name: str, source: SourceSettings, settings: Settings, *, timeout_s: float = 20.0
) -> list[ProbeStep]:
    """Try a source: reachable, credentials, first page, records.

    Takes at most `timeout_s` seconds. Short failures are not retried.
    """
    trace = _Trace([])
    limited = source.model_copy(
        update={
            "max_retries": 0,
            "timeout_s": min(source.timeout_s, timeout_s),
            "page_size": min(source.page_size, PAGE_SIZE),
        }
    )
    try:
        async with asyncio.timeout(timeout_s):
            await _walk(name, limited, settings, trace)
    except (DocustoreError, PyMongoError, TimeoutError) as exc:
        trace.steps.append(_failed(trace.current, exc, timeout_s=timeout_s))
    return trace.steps


async def _walk(name: str, source: SourceSettings, settings: Settings, trace: _Trace) -> None:
    async with open_source(name, source, page_size=PAGE_SIZE) as opened:
        now = now_utc()
        clock = await opened.clock()
        trace.passed(f"it answers; its clock says {clock:%Y-%m-%d %H:%M:%S} UTC", then="clock")
        max_ahead = timedelta(seconds=settings.etl_max_clock_ahead_s)
        check_clock(clock, source=name, now=now, max_ahead=max_ahead)
        trace.passed(f"{abs((clock - now).total_seconds()):.0f} s from ours", then="first page")
        page = await _first_page(opened, clock)
        if page is None or not page.records:
            trace.passed("no records yet", then="records")
            return
        trace.passed(f"{len(page.records)} records", then="records")
        rules = record_rules(name, source, settings, observed_at=clock)
        trace.steps.append(_records_step(page, rules))


async def _first_page(source: Source, clock: datetime) -> Page | None:
    # Every kind implements `pages` as a generator. It must be closed, because it is left early.
    reading = cast("AsyncGenerator[Page, None]", source.pages(Window(since=None, until=clock), after=None))
    async with aclosing(reading) as pages:
        async for page in pages:
            return page
    return None


def _records_step(page: Page, rules: RecordRules) -> ProbeStep:
    reasons = Counter(f"{fault.pointer} {fault.code}".strip() for fault in page.faults.values())
    rejected = len(page.faults)
    for number, raw in enumerate(page.records, start=page.first):
        if number in page.faults:
            continue
        try:
            to_user_record(raw, rules)
        except RecordRejectedError as exc:
            rejected += 1
            reasons.update(f"{error.pointer} {error.code}".strip() for error in exc.errors)
    total = len(page.records)
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    if rejected == total:
        step = "compare the names of its fields with those in the README, and its settings `required` and `map`"
        return ProbeStep(
            step="records", is_ok=False, found=f"none of {total} can be loaded: {listed}", next_step=step
        )
    found = f"{total - rejected} of {total} can be loaded"
    return ProbeStep(step="records", is_ok=True, found=f"{found}; {listed}" if listed else found)


def _failed(step: str, error: Exception, *, timeout_s: float) -> ProbeStep:
    for kind, describe in _FAILURES:
        if isinstance(error, kind):
            name, next_step = describe(step, error)
            found = f"no answer within {timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
            return ProbeStep(step=name, is_ok=False, found=found, next_step=next_step)
    # The text of a driver error may quote documents.
    found = str(error) if isinstance(error, DocustoreError) else type(error).__name__
    return ProbeStep(step=step, is_ok=False, found=found, next_step="follow the sentence, then test again")


def _rejected(_: str, error: SourceRejectedError) -> tuple[str, str]:
    if error.status in UNAUTHORISED:
        return "credentials", "check its key, token or password, and that the account may read users"
    if error.status in NOT_FOUND:
        return "reachable", "check the path of its `url`"
    return "reachable", "check its `url` and what the system expects of a request"


_FAILURES: Final[tuple[tuple[type[Exception], Callable[..., tuple[str, str]]], ...]] = (
    (SourceRejectedError, _rejected),
    (ConfigurationError, lambda *_: ("settings", "correct the named setting")),
    (SourceContentError, lambda step, _: (step, "look at what the source sends")),
    (SourceUnavailableError, lambda step, _: (step, "check its `url`, the network, and that the system runs")),
    (TimeoutError, lambda step, _: (step, "check its `url`, the network, and that the system runs")),
)
