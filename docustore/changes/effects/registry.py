"""The effects of the listener, one line each.

`EFFECTS` are written with the position, in this order. `DERIVED` follow history, each with its own checkpoint.
"""

from typing import Final

from docustore.changes.derived.derivation import Derivations
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.changes.effects.effect import Effects
from docustore.changes.effects.history import HistoryEffect
from docustore.changes.effects.marts import UserMartsEffect
from docustore.changes.effects.outbox import OutboxEffect
from docustore.changes.effects.quality import UserQualityEffect
from docustore.changes.effects.search import UserSearchEffect

EFFECTS: Final[Effects] = (
    HistoryEffect,
    UserMartsEffect,
    OutboxEffect,
)
DERIVED: Final[Derivations] = (UserSearchEffect, UserQualityEffect, UserAnalyticsEffect)
