"""Check what the effects have written against the collection."""

from docustore.changes.effects.effect import Effects
from docustore.database import Database


async def differences(database: Database, effects: Effects, *, timeout_s: float = 10.0) -> list[str]:
    """List the differences of every effect as sentences.

    In the order of the registry; empty when all figures are right. Changes nothing.
    Correct while writers and the listener work.

    Args:
        timeout_s: The longest wait of each effect for a state that belongs to one cluster time.
    """
    found = []
    for effect in effects:
        found += await effect.reconcile(database, timeout_s=timeout_s)
    return found
