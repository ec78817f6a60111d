"""When the last success of a source is too old. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from docustore.source_settings import SourceSettings

# A run takes its time: an interval of some minutes must not raise an alarm at each slow run, and a daily source
# should not wait for half a day.
LEAST_GRACE: Final = timedelta(minutes=10)
MOST_GRACE: Final = timedelta(hours=2)


def overdue_at(source: SourceSettings, *, known: Iterable[datetime | None]) -> datetime | None:
    """Return the time from which the source is overdue.

    None if it has no schedule, or was never seen.

    Half a slot after the first slot without a success, at least ten minutes and at most two hours: an hourly
    source is overdue 90 minutes after the slot of its last success. `overdue_after_s` replaces this.

    Args:
        known: The times from which waiting is counted: the last success, the begin of the schedule, the last
            resume. The latest one counts; None is one that never was.
    """
    start = max((time for time in known if time is not None), default=None)
    if start is None:
        return None
    if source.overdue_after_s is not None:
        return start + timedelta(seconds=source.overdue_after_s)
    rule = source.recurrence
    if rule is None:
        return None
    slot = rule.next_after(start)
    gap = rule.next_after(slot) - slot
    return slot + min(max(gap / 2, LEAST_GRACE), MOST_GRACE)
