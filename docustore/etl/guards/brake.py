"""Stop a run before it changes more than its limits allow.

Every page asks before it is written. The first page that would pass a limit is held, and so is every later page:
held pages are only counted. So the run ends with the whole extent of the change, and a person can decide.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from docustore.etl.guards.hold import Hold, HoldCode
from docustore.etl.plan import BatchPlan, Outcome, UserWrite
from docustore.source_options.limits import ChangeLimits
from docustore.users.profile import UserStatus

Changes = Counter[str]
KINDS: Final = ("inserted", "updated", "deactivated")
CODES: Final[Mapping[str, HoldCode]] = {
    "inserted": HoldCode.MASS_INSERT,
    "updated": HoldCode.MASS_UPDATE,
    "deactivated": HoldCode.MASS_LOSS,
}


class PageHeldError(Exception):
    """A page was counted and not written; raised only inside the ETL."""


class Brake:
    """The changes of one run so far, and whether it is held.

    Args:
        limits: None never holds.
        before: Changes that count although this attempt did not make them.
        approved: The extent of a change that a person approved, by kind. The limits come on top of it.
        count_known: Counts the users of the source that have not ended.
    """

    def __init__(
        self,
        limits: ChangeLimits | None = None,
        *,
        before: Mapping[str, int] | None = None,
        approved: Mapping[str, int] | None = None,
        count_known: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._limits = limits
        self._stored: Changes = Counter(before or {})
        self._approved = approved or {}
        self._count_known = count_known
        self._known: int | None = None
        self._held: Changes = Counter()
        self._codes: dict[HoldCode, None] = {}
        self._fields: dict[str, None] = {}
        self._violated: dict[str, int] = {}

    @property
    def is_held(self) -> bool:
        """True after the first page that was not written."""
        return bool(self._codes)

    async def admit(self, changes: Changes) -> None:
        """Count the changes of a page that is to be written.

        Raises:
            PageHeldError: The page must not be written.
        """
        if not self.is_held and self._limits is not None:
            await self._find_known(changes)
        if not self.is_held:
            self._codes.update(dict.fromkeys(self._passed(self._stored + changes)))
        if self.is_held:
            self._held += changes
            raise PageHeldError
        self._stored += changes

    def withdraw(self, changes: Changes) -> None:
        """Forget admitted changes that were not written; they are asked for again."""
        self._stored -= changes

    def hold_for_fields(self, fields: tuple[str, ...]) -> None:
        """Hold all pages from now on, because of new fields."""
        self._codes[HoldCode.NEW_FIELDS] = None
        self._fields.update(dict.fromkeys(fields))

    def hold_for_quality(self, violated: Mapping[str, int]) -> None:
        """Hold the run, because its records violate rules; by rule."""
        self._codes[HoldCode.QUALITY] = None
        self._violated = dict(violated)

    def hold(self) -> Hold:
        """Describe why the run is held, and the extent of its change."""
        total = self._stored + self._held
        codes = dict.fromkeys((*self._codes, *self._passed(total)))
        return Hold(
            codes=list(codes),
            stored={kind: self._stored[kind] for kind in KINDS},
            total={kind: total[kind] for kind in KINDS},
            limits={kind: limit for kind in KINDS if (limit := self._limit(kind)) is not None},
            new_fields=list(self._fields),
            quality=self._violated,
        )

    async def _find_known(self, changes: Changes) -> None:
        """Count the known users once, and only if a percentage may matter."""
        if self._known is not None or self._count_known is None or self._limits is None:
            return
        after = self._stored + changes
        if any(self._pct(kind) is not None and after[kind] > self._limits.pct_from for kind in KINDS):
            known = await self._count_known()
            # As many as before the run: its own writes are in the store already.
            self._known = max(0, known + self._stored["deactivated"] - self._stored["inserted"])

    def _passed(self, changes: Changes) -> list[HoldCode]:
        return [
            CODES[kind] for kind in KINDS if (limit := self._limit(kind)) is not None and changes[kind] > limit
        ]

    def _limit(self, kind: str) -> int | None:
        if self._limits is None:
            return None
        absolute: int | None = getattr(self._limits, f"max_{kind}")
        bounds = [] if absolute is None else [absolute]
        pct = self._pct(kind)
        if pct is not None and self._known:
            bounds.append(max(self._limits.pct_from, int(self._known * pct / 100)))
        return min(bounds) + self._approved.get(kind, 0) if bounds else None

    def _pct(self, kind: str) -> float | None:
        pct: float | None = getattr(self._limits, f"max_{kind}_pct")
        return pct


def changes_of(plan: BatchPlan) -> Changes:
    """Count what a plan would change: records by outcome, and lost users."""
    outcomes = Counter(plan.outcomes)
    writes = [*plan.writes, *(write for move in plan.moves for write in move.writes)]
    return Counter(
        inserted=outcomes[Outcome.INSERTED],
        updated=outcomes[Outcome.UPDATED],
        deactivated=sum(map(_is_loss, writes)),
    )


def _is_loss(write: UserWrite) -> bool:
    """Tell whether an active user would not be active after a write.

    A user that is merged into another one is not lost.
    """
    if write.before is None or write.fields is None or "status" not in write.fields:
        return False
    was_active = write.before.get("status", UserStatus.ACTIVE) == UserStatus.ACTIVE
    return was_active and write.fields["status"] != UserStatus.ACTIVE and write.before.get("deleted_at") is None
