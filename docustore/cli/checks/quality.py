"""Check of the kept figures of the quality: the result of the last full check."""

from datetime import datetime, timedelta
from typing import Final

from pymongo.errors import PyMongoError

from docustore.cli.checks.finding import Finding, failed, not_read, ok, skipped, warning
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import connect
from docustore.quality.checks import CheckView, last_check
from docustore.quality.stored import USER_QUALITY

CHECK: Final = "quality check"
# One night was missed.
OLD: Final = timedelta(days=2)


async def quality_finding(settings: Settings) -> Finding:
    """Show whether the kept figures were right at the last full check."""
    try:
        async with connect(settings, app_name="docustore-doctor") as database:
            found = await last_check(database)
    except PyMongoError as exc:
        return not_read(CHECK, exc)
    return finding_of(found, at=settings.quality_check_at, now=now_utc())


def finding_of(check: CheckView | None, *, at: str, now: datetime) -> Finding:
    """Judge the last full check. Pure.

    Args:
        at: The setting of the nightly check.
    """
    plan = "no nightly check is set" if at == "off" else f"the worker checks at {at} UTC"
    if check is None:
        return skipped(CHECK, f"none yet; {plan}")
    when = f"{check['at']:%Y-%m-%d %H:%M} UTC, {check['duration_s']:.0f} s"
    if check["differences"]:
        seen = f"{when}: {'; '.join(check['differences'])}"
        return failed(CHECK, seen, next_step=f"run `docustore changes rebuild {USER_QUALITY}`, then `quality run`")
    if at != "off" and now - check["at"] > OLD:
        return warning(CHECK, f"old: {when}", next_step="start a worker, or run `docustore quality run`")
    return ok(CHECK, f"{when}: no difference")
