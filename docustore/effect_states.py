"""The states of the listener's effects: one document of `change_effects` each.

Readers of an effect's collection look here: it is complete once `live_version` is set. The documents are written
only by the listener, in transactions that take the fence, and by the commands that start a rebuild.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from bson.binary import Binary

from docustore.database import Database, Document

EFFECT_STATES: Final = "change_effects"


class BuildState(StrEnum):
    """What an effect holds.

    `building`: some users are missing, or have the result of an older version. `live`: every user has its result.
    `failed`: it cannot be kept; `docustore changes rebuild` starts it again.
    """

    BUILDING = "building"
    LIVE = "live"
    FAILED = "failed"


class BuildPhase(StrEnum):
    """The walks of a build.

    First all users, then the rows of history if the effect reads them, then the results of users that do not
    exist.
    """

    USERS = "users"
    ROWS = "rows"
    ORPHANS = "orphans"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The checkpoint of a build.

    `after` is the BSON document `{_id: ...}` of the last user or row of this phase, None at its begin. `users`
    counts the users so far, `written` those whose result differed, `removed` the results without a user.
    `rows_up_to` is the number of the last row that the walk over rows counts; None before it is known.
    `is_requested`: a person has started it, so what the effect keeps beside its documents is counted again at the
    end.
    """

    phase: BuildPhase = BuildPhase.USERS
    after: bytes | None = None
    users: int = 0
    written: int = 0
    removed: int = 0
    rows_up_to: int | None = None
    is_requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectState:
    """The stored state of one effect.

    `version` is that of the code that keeps it. `live_version` is the version that was complete last, None before
    the first build has ended. A derived effect holds every change up to row `seq` of history; `as_of` is the time
    of that change. `failures` counts how often the result of a user could not be made since the last build began.
    """

    name: str
    version: int
    state: BuildState
    live_version: int | None = None
    seq: int = 0
    as_of: datetime | None = None
    build: Build | None = None
    built_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    fence: int = 0
    owner: str | None = None

    @property
    def is_live(self) -> bool:
        """Tell whether every user has the result of this version."""
        return self.state is BuildState.LIVE


async def load_effect_state(database: Database, name: str) -> EffectState | None:
    """Read the state of one effect; None before a listener has met the effect."""
    document = await database[EFFECT_STATES].find_one({"_id": name})
    return None if document is None else effect_state_of(document)


async def load_effect_states(database: Database) -> dict[str, EffectState]:
    """Read the states of all effects, by name."""
    documents = await database[EFFECT_STATES].find().to_list()
    return {document["_id"]: effect_state_of(document) for document in documents}


def effect_state_of(document: Document) -> EffectState:
    """Parse the stored document."""
    build = document.get("build")
    return EffectState(
        name=document["_id"],
        version=document["version"],
        state=BuildState(document["state"]),
        live_version=document.get("live_version"),
        # 64 bits in the store: the driver's type for these is no number for JSON.
        seq=int(document.get("seq", 0)),
        as_of=document.get("as_of"),
        build=None if build is None else Build(**{**build, "phase": BuildPhase(build["phase"])}),
        built_at=document.get("built_at"),
        failures=document.get("failures", 0),
        error=document.get("error"),
        fence=document.get("fence", 0),
        owner=document.get("owner"),
    )


def stored_build(build: Build | None) -> dict[str, Any] | None:
    """Return the stored form of a checkpoint."""
    if build is None:
        return None
    after = None if build.after is None else Binary(build.after)
    return {**asdict(build), "phase": build.phase.value, "after": after}
