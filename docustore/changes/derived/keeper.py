"""Keep one derived effect: follow history, and build in chunks meanwhile.

One step is one transaction, on condition of the fence: it moves the checkpoint and writes the documents that
differ. A step reads the users after the rows, and a later change gets a later row. So the documents are those of
the users at the last row or ahead of it.

A build walks over all users, then over the documents without a user. The changes are followed meanwhile: a chunk
and a change of one user may come in any order, both write the present user. A restart continues after the last
chunk. Rows that are missing, since history was shortened or changes were skipped, begin a build.

An effect that reads history (`docustore.changes.derived.historic`) walks over the rows too.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import bson
import structlog
from bson.int64 import Int64
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.committed import committed_seq
from docustore.changes.comparison import boundary_of
from docustore.changes.cooperative import in_slices
from docustore.changes.derived.claim import Claim, renewal, renewing, taken_over
from docustore.changes.derived.derivation import Correction, DerivedEffect, Replacement
from docustore.changes.derived.historic import HistoricEffect, Row, gone_documents, rows_of_interest
from docustore.changes.derived.reading import decode, documents_of, is_readable, next_documents, users_of
from docustore.changes.events import user_key
from docustore.changes.stopping import stops_the_listener
from docustore.database import UNCLAMPED, Database, Document
from docustore.effect_states import (
    EFFECT_STATES,
    Build,
    BuildPhase,
    BuildState,
    EffectState,
    stored_build,
)
from docustore.errors import EffectsFailingError
from docustore.history.models import HISTORY
from docustore.history.rows import Image
from docustore.users.stored import USERS

log = structlog.get_logger()

ROWS_A_STEP: Final = 1000
Users = Mapping[Hashable, Image]
# So many users in a row whose document cannot be made: the fault is in the effect, not in the users.
MAX_FAILURES_IN_A_ROW: Final = 20


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Keeps one derived effect under one claim; `state` is the stored state."""

    database: Database
    session: AsyncClientSession
    effect: DerivedEffect
    held: Claim
    state: EffectState
    failures_in_a_row: int = field(default=0, init=False)

    async def step(self, *, committed: int | None = None) -> bool:
        """Apply the next rows and build the next chunk; False = nothing to do.

        Args:
            committed: The number of the last committed row, if it was read a moment ago.

        Raises:
            ListenerFencedError: Another listener or a command has taken the effect; nothing was written.
            EffectsFailingError: User after user fails.
        """
        await self._forget_rows()
        if committed is None:
            committed = await committed_seq(self.database)
        has_followed = await self._follow(committed)
        if self.state.build is None:
            return has_followed
        if self.state.build.phase is BuildPhase.USERS:
            await self._build_users(self.state.build)
        elif self.state.build.phase is BuildPhase.ROWS:
            await self._build_rows(self.state.build)
        else:
            await self._remove_orphans(self.state.build)
        return True

    async def _forget_rows(self) -> None:
        """Begin to count rows, before the first one is followed."""
        build, effect = self.state.build, self.effect
        if build is None or build.rows_up_to is not None or not isinstance(effect, HistoricEffect):
            return
        begun = replace(self.state, build=replace(build, rows_up_to=self.state.seq))
        await self._commit(begun, [], begins_rows=True)

    async def _follow(self, committed: int) -> bool:
        seq = self.state.seq
        if committed == seq:
            return False
        numbers = {"_id": {"$gt": seq, "$lte": min(committed, seq + ROWS_A_STEP)}}
        wanted = self.effect.row_projection if isinstance(self.effect, HistoricEffect) else {}
        # An id of another client may be a time that the calendar does not have.
        history = self.database[HISTORY].with_options(codec_options=UNCLAMPED)
        found = history.find(numbers, {"user_id": 1, "valid_from": 1, **wanted})
        rows = await found.sort("_id", 1).to_list()
        if committed < seq or not rows or rows[-1]["_id"] - seq != len(rows):
            log.warning("effect.rows_missing", effect=self.held.name, seq=seq, committed=committed)
            # No result of these rows is known: only the users tell.
            await self._commit(replace(self._rebuilding(), seq=committed), [])
            return True
        user_ids = list({user_key(row["user_id"]): row["user_id"] for row in rows}.values())
        moved = replace(self.state, seq=rows[-1]["_id"], as_of=rows[-1]["valid_from"])
        await self._bring_up_to_date(user_ids, moved, rows)
        return True

    async def _build_users(self, build: Build) -> None:
        users = await next_documents(self.database, USERS, fields=self.effect.fields, after=build.after)
        if not users:
            following = BuildPhase.ROWS if isinstance(self.effect, HistoricEffect) else BuildPhase.ORPHANS
            done = replace(build, phase=following, after=None)
            await self._commit(replace(self.state, build=done), [])
            return
        reached = replace(build, after=boundary_of(users[-1]), users=build.users + len(users))
        present = {user_key(user["_id"]): user for user in map(decode, users)}
        user_ids = [user["_id"] for user in present.values()]
        await self._bring_up_to_date(user_ids, replace(self.state, build=reached), present=present)

    async def _build_rows(self, build: Build) -> None:
        """Count the rows of before the build; they name the users that are gone."""
        before = 0 if build.after is None else int(bson.decode(build.after)["_id"])
        up_to = build.rows_up_to or 0
        if before >= up_to or not isinstance(self.effect, HistoricEffect):
            done = replace(build, phase=BuildPhase.ORPHANS, after=None)
            await self._commit(replace(self.state, build=done), [])
            return
        rows, number = await rows_of_interest(self.database, self.effect, after=before, up_to=up_to)
        reached = replace(build, after=bson.encode({"_id": number}))
        user_ids = list({user_key(row["user_id"]): row["user_id"] for row in rows}.values())
        present = await users_of(self.database, user_ids, fields=())
        absent = [user_id for user_id in user_ids if user_key(user_id) not in present]
        await self._bring_up_to_date(absent, replace(self.state, build=reached), rows)

    async def _remove_orphans(self, build: Build) -> None:
        documents = await next_documents(self.database, self.effect.collection, fields=(), after=build.after)
        if not documents:
            done = replace(
                self.state,
                state=BuildState.LIVE,
                live_version=self.state.version,
                build=None,
                built_at=datetime.now(UTC),
            )
            await self._commit(done, [], correction=await self._correction(build))
            log.info("effect.built", effect=self.held.name, users=build.users, written=build.written)
            return
        reached = replace(build, after=boundary_of(documents[-1]))
        user_ids = [document["_id"] for document in map(decode, documents)]
        present = await users_of(self.database, user_ids, fields=())
        absent = [user_id for user_id in user_ids if user_key(user_id) not in present]
        await self._bring_up_to_date(absent, replace(self.state, build=reached))

    async def _correction(self, build: Build) -> Correction | None:
        if not build.is_requested:
            return None
        # It reads all documents, which takes longer than the lease of a large store.
        async with renewing(self.database, self.held):
            return await self.effect.correction(self.database)

    async def _bring_up_to_date(
        self,
        user_ids: Sequence[Any],
        moved: EffectState,
        rows: Sequence[Row] = (),
        *,
        present: Users | None = None,
    ) -> None:
        """Write the documents that differ, and move the state past the rows.

        Args:
            present: The users, if they were read after the rows up to the state.
        """
        user_ids = [user_id for user_id in user_ids if is_readable(user_id)]
        try:
            replacements = await self._differing(user_ids, present)
            await self._commit(counted(moved, replacements), replacements, rows)
        except Exception as exc:
            if stops_the_listener(exc):
                raise
            log.warning(
                "effect.batch_failed", effect=self.held.name, users=len(user_ids), error=type(exc).__name__
            )
            await self._one_by_one(user_ids, moved, rows)

    async def _one_by_one(self, user_ids: Sequence[Any], moved: EffectState, rows: Sequence[Row]) -> None:
        """Write the documents one by one, so that a user that fails stops no other."""
        failures = 0
        for user_id in user_ids:
            try:
                await self._commit(self.state, await self._differing([user_id]))
            except Exception as exc:
                if stops_the_listener(exc):
                    raise
                failures, self.failures_in_a_row = failures + 1, self.failures_in_a_row + 1
                if self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
                    raise EffectsFailingError(failures=self.failures_in_a_row) from exc
                log.error("effect.user_failed", effect=self.held.name, error=type(exc).__name__)  # noqa: TRY400
            else:
                self.failures_in_a_row = 0
        await self._commit(replace(moved, failures=moved.failures + failures), [], rows)

    async def _differing(self, user_ids: Sequence[Any], present: Users | None = None) -> list[Replacement]:
        stored = await documents_of(self.database, self.effect.collection, user_ids, fields=None)
        users = present
        if users is None:
            users = await users_of(self.database, user_ids, fields=self.effect.fields)
        absent = [user_id for user_id in user_ids if user_key(user_id) not in users]
        kept = {key: without_id(document) for key, document in stored.items()}
        gone = await gone_documents(self.database, self.effect, absent, kept)
        found = []
        async for slice_ in in_slices(user_ids):
            for user_id in slice_:
                key = user_key(user_id)
                user, before = users.get(key), kept.get(key)
                after = gone.get(key) if user is None else self.effect.state_of(user)
                if not is_same(before, after):
                    found.append(Replacement(user_id=user_id, before=before, after=after))
        return found

    def _rebuilding(self) -> EffectState:
        return replace(self.state, state=BuildState.BUILDING, live_version=None, build=Build(), failures=0)

    async def _commit(
        self,
        moved: EffectState,
        replacements: Sequence[Replacement],
        rows: Sequence[Row] = (),
        *,
        begins_rows: bool = False,
        correction: Correction | None = None,
    ) -> None:
        async def write(session: AsyncClientSession) -> None:
            # The state first: its lock keeps a take-over out until this transaction ends.
            query = {"_id": self.held.name, "fence": self.held.fence, "seq": self.state.seq}
            result = await self.database[EFFECT_STATES].update_one(
                query, [{"$set": {**_stored(moved), **renewal(self.held.lease_ms)}}], session=session
            )
            if result.matched_count == 0:
                raise taken_over(self.held.name)
            if correction is not None:
                await correction(session)
            await self.effect.write(self.database, replacements, session)
            if isinstance(self.effect, HistoricEffect):
                if begins_rows:
                    await self.effect.forget_rows(self.database, session)
                await self.effect.write_rows(self.database, rows, session)

        await self.session.with_transaction(write)
        self.state = moved


def counted(moved: EffectState, replacements: Sequence[Replacement]) -> EffectState:
    """Count the written and removed documents of a build. Pure."""
    if moved.build is None:
        return moved
    removed = sum(each.after is None for each in replacements)
    written = moved.build.written + len(replacements) - removed
    return replace(moved, build=replace(moved.build, written=written, removed=moved.build.removed + removed))


def is_same(one: Document | None, other: Document | None) -> bool:
    """Compare two derived documents by BSON value and type."""
    if one is None or other is None:
        return one is other
    return bson.encode(one) == bson.encode(other)


def without_id(document: Any) -> Document | None:
    """Return a derived document as `state_of` makes it."""
    return None if document is None else {name: value for name, value in document.items() if name != "_id"}


def _stored(state: EffectState) -> Document:
    values = {
        "state": state.state.value,
        "live_version": state.live_version,
        "seq": Int64(state.seq),
        "as_of": state.as_of,
        "build": stored_build(state.build),
        "built_at": state.built_at,
        "failures": state.failures,
        "error": None,
    }
    return {name: {"$literal": value} for name, value in values.items()}
