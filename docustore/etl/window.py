"""Choose the window of modification times that a run reads."""

from datetime import datetime, timedelta

from docustore.errors import RunError, SourceContentError
from docustore.etl.models import RunOptions, Window


def choose_window(clock: datetime, *, watermark: datetime | None, options: RunOptions, lag: timedelta) -> Window:
    """Choose the window of a new run.

    Args:
        clock: The source's present time. It is the upper bound, cut to the milliseconds that BSON keeps.
        lag: The window starts this long before the watermark, because sources publish changes late.

    Raises:
        RunError: The window would end before it starts. A run that reads nothing must not succeed.
    """
    since = options.since
    if since is None and watermark is not None and not options.full:
        since = watermark - lag
    until = clock.replace(microsecond=clock.microsecond // 1000 * 1000)
    window = Window(since=since, until=options.until or until)
    if window.since is not None and window.until is not None and window.since > window.until:
        start, end = f"{window.since:%Y-%m-%d %H:%M} UTC", f"{window.until:%Y-%m-%d %H:%M} UTC"
        raise RunError(
            f"the window starts at {start}, after its end at {end}: the clock of the source jumped, or a time was "
            "given wrongly; a full run corrects the watermark"
        )
    return window


def moves_watermark(options: RunOptions) -> bool:
    """Tell whether a run moves the watermark.

    A dry run and a window given by hand do not.
    """
    return not options.dry_run and options.since is None and options.until is None


def next_watermark(window: Window, options: RunOptions) -> datetime | None:
    """Return the watermark after a successful run; None keeps the old one."""
    return window.until if moves_watermark(options) else None


def check_clock(clock: datetime, *, source: str, now: datetime, max_ahead: timedelta) -> None:
    """Refuse a source's clock that is far ahead.

    The watermark never moves back. A watermark in the future would skip all changes until that time.

    Raises:
        SourceContentError: The clock is more than `max_ahead` ahead of `now`.
    """
    ahead = clock - now
    if ahead > max_ahead:
        said = f"{ahead.days} days" if ahead.days else f"{ahead.seconds // 60} minutes"
        problem = f"its clock says {clock:%Y-%m-%d %H:%M} UTC, {said} ahead of this machine's clock"
        raise SourceContentError(source=source, problem=f"{problem}; correct the wrong clock, then run again")
