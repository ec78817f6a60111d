"""A package of someone who uses docustore: one function that is called for changes."""

import os
from pathlib import Path

from docustore.outbox.event import ChangeEvent
from docustore.outbox.handlers import on_change

RECEIVED: list[ChangeEvent] = []
FAILURES: list[Exception] = []
# Workers in other processes write here instead.
JOURNAL = os.environ.get("EXAMPLE_JOURNAL")


@on_change("users", "insert", "update", fields=["email"], name="example")
async def note(event: ChangeEvent) -> None:
    """Note the event, or fail."""
    if FAILURES:
        raise FAILURES.pop()
    RECEIVED.append(event)
    if JOURNAL:
        with Path(JOURNAL).open("a") as journal:  # noqa: ASYNC230  # one line
            journal.write(f"{event.user_id} {event.number}\n")
