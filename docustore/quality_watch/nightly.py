"""The full check of the quality, once a night.

It runs in a task of its own: a job of arq would have to end within a minute, and would stay locked after a crash.
A lease in the store says which worker makes the check. Another worker takes it when that one is killed.
"""

import asyncio
from contextlib import suppress
from datetime import UTC
from functools import partial
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.quality import UserQualityEffect
from docustore.config import Settings
from docustore.database import Database
from docustore.quality.checks import (
    LEASE_S,
    claim_night,
    compared,
    due_night,
    finish_night,
    not_comparable,
    release_night,
    renew_night,
)
from docustore.quality.stored import server_time
from docustore.quality_settings import time_of_check

log: Final = structlog.get_logger()
POLL_S: Final = 30.0


class NightlyCheck:
    """Looks twice a minute whether the check of the night is due, until stopped."""

    def __init__(self, database: Database, settings: Settings, *, owner: str, poll_s: float = POLL_S) -> None:
        self._database = database
        self._settings = settings
        self._owner = owner
        self._poll_s = poll_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to look in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give up a check that is being made; another worker makes it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> bool:
        """Make the check if it is due; return whether its result is stored."""
        effect = UserQualityEffect(self._settings)
        at = time_of_check(self._settings.quality_check_at)
        now = (await server_time(self._database)).astimezone(UTC)
        night = None if at is None else due_night(now, at)
        # While users are being judged, the check waits within the night.
        if night is None or await not_comparable(self._database, effect.rules) is not None:
            return False
        if not await claim_night(self._database, night, owner=self._owner):
            return False
        return await self._check(night, effect)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except PyMongoError as exc:
                log.warning("quality.check_interrupted", error=type(exc).__name__)
            except Exception:  # the task's last frame: the next look may succeed
                log.exception("quality.check_failed")
            await asyncio.sleep(self._poll_s)

    async def _check(self, night: str, effect: UserQualityEffect) -> bool:
        renewing = asyncio.create_task(self._renew(night))
        try:
            found = await compared(
                self._database, effect.rules, partial(derived_difference, self._database, effect)
            )
            if isinstance(found, str):
                log.info("quality.check_put_off", reason=found)
                return False
            is_stored = await finish_night(self._database, night, found, owner=self._owner)
            log.info("quality.checked", night=night, differences=len(found["differences"]))
            return is_stored
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with suppress(PyMongoError):
                # Nothing is left to release after a result.
                await asyncio.shield(release_night(self._database, night, owner=self._owner))

    async def _renew(self, night: str) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with suppress(PyMongoError):
                await renew_night(self._database, night, owner=self._owner)
