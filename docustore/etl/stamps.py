"""The times that pages are written with. Pure.

Every page has a stamp: its writes carry it as `updated_at`. The stamps of an attempt increase in the order of the
pages, and the checkpoint keeps the stamp of its last page. So a user shows whether the page that wrote it is
counted. A page that is stored again counts the writes of its earlier try. A resumed run counts the writes of pages
that were stored after the checkpoint, each identity once. It cannot see a write that a later write has replaced:
such a record counts as unchanged or stale. The stamp is that of the user, not of the identity: if a page is stored
again, an unchanged record counts as updated if another record of the page has written its user.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

_TICK: Final = timedelta(milliseconds=1)


class Stamps:
    """The stamps of the pages of one attempt.

    Args:
        writer: The `updated_by` of the run's writes.
        counted_until: The stamp of the last page that earlier attempts counted. None if this is the first attempt.
    """

    def __init__(self, writer: str, *, counted_until: datetime | None = None) -> None:
        self._writer = writer
        self._counted_until = counted_until
        self._own: set[datetime] = set()
        self._last = counted_until
        # The page that counts an identity which an earlier attempt wrote.
        self._counted_by: dict[str, datetime] = {}

    @property
    def is_resumed(self) -> bool:
        """Tell whether an earlier attempt may have written some of the records."""
        return self._counted_until is not None

    def next(self, now: datetime) -> datetime:
        """Return the stamp of the next page: now, and later than every earlier one."""
        stamp = now if self._last is None else max(now, self._last + _TICK)
        self._own.add(stamp)
        self._last = stamp
        return stamp

    def counts_now(self, key: str, user: Mapping[str, Any], *, stamp: datetime) -> bool:
        """Tell whether a page counts the stored version of an identity as its own write.

        Args:
            user: The user that has the identity; needs `updated_at` and `updated_by`.
            stamp: The page's stamp.
        """
        written_at = user.get("updated_at")
        # Another client may have stored any value.
        if not isinstance(written_at, datetime) or user.get("updated_by") != self._writer:
            return False
        if written_at == stamp:
            return True
        is_uncounted = (
            self._counted_until is not None and written_at > self._counted_until and written_at not in self._own
        )
        return is_uncounted and self._counted_by.setdefault(key, stamp) == stamp
