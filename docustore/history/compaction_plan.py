"""Which rows of a batch are compacted, and what replaces their states. Pure."""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument

from docustore.history.rows import IMAGE_CODEC
from docustore.history.undo import MAX_CHAIN, Undo, undo_of

# Larger images stay as they are: a batch must fit into memory and into a transaction.
MAX_IMAGE_BYTES: Final = 256 * 1024
# An undo that is not clearly smaller costs its readers more than it saves.
MAX_UNDO_PCT: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A row before another one of the same user.

    `after` is None where it is absent, too large, or null. `depth` is None for a row that is not compacted.
    """

    number: int
    after: RawBSONDocument | None
    depth: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A row whose change ended the state of the row before it.

    `last` is that row, `before_last` the one before it.
    """

    number: int
    after: RawBSONDocument | None
    last: Earlier | None
    before_last: Earlier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """A row to compact: its undo, and the bytes of its state and of the undo."""

    number: int
    undo: Undo
    bytes_before: int
    bytes_after: int


def compacted(rows: Iterable[Superseded], depths: MutableMapping[int, int]) -> Iterator[Compacted]:
    """Yield the rows to compact, in the order of the rows that end their states.

    Args:
        depths: The depth of rows that were compacted since `rows` was read, by number; each new one is added.
    """
    for row in rows:
        last = row.last
        if last is None or last.depth is not None or last.after is None or row.after is None:
            continue
        depth = _depth(row.before_last, depths)
        if depth >= MAX_CHAIN:
            continue
        found = _compacted(last, row.after, depth)
        if found is not None:
            depths[last.number] = depth
            yield found


def _depth(before: Earlier | None, depths: Mapping[int, int]) -> int:
    """Count the compacted rows directly before a row."""
    if before is None:
        return 0
    depth = depths.get(before.number, before.depth)
    return 0 if depth is None else depth + 1


def _compacted(last: Earlier, following: RawBSONDocument, depth: int) -> Compacted | None:
    if last.after is None:
        return None
    undo = undo_of(_decoded(last.after), _decoded(following))
    undo["depth"] = depth
    size, limit = len(bson.encode(undo)), len(last.after.raw) * MAX_UNDO_PCT // 100
    if size > limit:
        return None
    return Compacted(number=last.number, undo=undo, bytes_before=len(last.after.raw), bytes_after=size)


def _decoded(image: RawBSONDocument) -> dict[str, Any]:
    return bson.decode(image.raw, IMAGE_CODEC)
