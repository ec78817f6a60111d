"""The effects of the listener, one line each; written in this order."""

from typing import Final

from docustore.changes.effects.effect import Effects
from docustore.changes.effects.history import HistoryEffect
from docustore.changes.effects.marts import UserMartsEffect
from docustore.changes.effects.outbox import OutboxEffect

EFFECTS: Final[Effects] = (
    HistoryEffect,
    UserMartsEffect,
    OutboxEffect,
)
