"""The parts of answers that several routes share."""

from datetime import datetime
from functools import lru_cache

import msgspec

from docustore.analytics.cube.buckets import Bucket, Period
from docustore.analytics.cube.slots import slot_of


class PeriodView(msgspec.Struct, frozen=True, rename={"from_": "from"}, kw_only=True):
    """A period in UTC: from the first moment to the moment after the last one."""

    from_: datetime
    to: datetime


class BucketView(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: its begin and the moment after it.

    Both are in the time zone of the request. A bucket `is_partial` if the period holds only a part of it, or if it
    has not ended yet.
    """

    start: datetime
    end: datetime
    is_partial: bool


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How much larger a figure is than that of the period before.

    In per cent; null where the period before has none.
    """

    registered_pct: float | None
    present_pct: float | None


def period_view(period: Period | None) -> PeriodView | None:
    """Show a period."""
    return None if period is None else PeriodView(from_=period.start_at, to=period.end_at)


def bucket_views(buckets: tuple[Bucket, ...], *, now: datetime) -> list[BucketView]:
    """Show buckets."""
    return list(_bucket_views(buckets, slot_of(now)))


@lru_cache(maxsize=64)
def _bucket_views(buckets: tuple[Bucket, ...], now: int) -> tuple[BucketView, ...]:
    return tuple(
        BucketView(
            start=bucket.start,
            end=bucket.natural_end_at,
            is_partial=not bucket.is_whole or bucket.natural_end > now,
        )
        for bucket in buckets
    )


def growth_pct(after: int, before: int) -> float | None:
    """Return the growth in per cent; None from nothing."""
    return round(100 * (after - before) / before, 2) if before else None


def growth_of(after: tuple[int, int], before: tuple[int, int]) -> Growth:
    """Compare registered and present users."""
    return Growth(registered_pct=growth_pct(after[0], before[0]), present_pct=growth_pct(after[1], before[1]))


def share_pct(part: int, whole: int) -> float | None:
    """Return a part in per cent; None of nothing."""
    return round(100 * part / whole, 2) if whole else None
