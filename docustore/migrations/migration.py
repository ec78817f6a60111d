"""A migration as a value. Pure.

Each migration is one module of this package, `m0002_...py`, and one line in `registry.py`. An applied module must
not change: its checksum is stored with its record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

RawDocument = Mapping[str, Any]
# Takes the fields that the migration reads, and returns them changed; None if the document stays as it is.
# Idempotent.
Transform = Callable[[RawDocument], RawDocument | None]


class Phase(StrEnum):
    """How a migration takes part in a deployment without a stop.

    `expand` adds what new code writes. `migrate` moves what is stored. `contract` removes what only old code
    reads. Old code can run beside the first two.
    """

    EXPAND = "expand"
    MIGRATE = "migrate"
    CONTRACT = "contract"


class Direction(StrEnum):
    """Up to the shape of a migration, or down from it."""

    UP = "up"
    DOWN = "down"


class ConflictError(ValueError):
    """A document that cannot be moved without a person; it stays as it is.

    `code` is a stable snake_case word. No part of the error contains a value of the document.
    """

    def __init__(self, code: str, *, other: object = None) -> None:
        super().__init__(code)
        self.code = code
        self.other = other


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One direction of a migration.

    `pending` is a query that matches at least every document that `transform` changes. Documents that it does not
    match are not read.
    """

    pending: Mapping[str, Any]
    transform: Transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration of the users.

    `reads` and `writes` are top-level fields; the transforms see no others. `unique` lists fields whose new value
    no other user, who is not deleted, may have. `up` and `down` are None where no document has to be moved.
    """

    number: int
    name: str
    phase: Phase
    summary: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    up: Step | None = None
    down: Step | None = None

    @property
    def can_old_code_run(self) -> bool:
        """True if processes of the version before may run beside it and after it."""
        return self.phase is not Phase.CONTRACT

    @property
    def label(self) -> str:
        """The number with its zeros, such as `0002`."""
        return f"{self.number:04}"

    def step(self, direction: Direction) -> Step | None:
        """Return one direction; None where no document has to be moved."""
        return self.up if direction is Direction.UP else self.down

    def cause(self, direction: Direction) -> str:
        """Name the writer of a migrated user in history: `migration:0002`."""
        cause = f"migration:{self.label}"
        return cause if direction is Direction.UP else f"{cause}:down"
