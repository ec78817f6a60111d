"""List the keys and columns of a source that nothing reads. Pure.

Only a sample of the records is looked at: the first ones of every page. A key that few records have may be missed.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field

from docustore.etl.records import ID_NAMES, MODIFIED_NAMES, fields_at

SAMPLED_OF_FIRST_PAGE: Final = 200
SAMPLED_OF_A_PAGE: Final = 20
# A record whose keys are data, such as dates, must not fill the document of its run.
MAX_NAMES: Final = 50
MAX_NAME_CHARS: Final = 100
_PARTS: Final = ("profile", "preferences")
_decoder: Final = msgspec.json.Decoder()


class UnreadName(BaseModel):
    """A key that nothing reads, and how many records of the sample have it."""

    name: str
    records: int


class Unread(BaseModel):
    """The keys that nothing reads, in a sample of the records."""

    sampled: int = Field(0, description="number of records that were looked at: the first ones of every page")
    names: list[UnreadName] = Field([], description="such as `profile.phone`; at most 50, most frequent first")

    def plus(self, sampled: int, found: Mapping[str, int]) -> "Unread":
        """Add the sample of one page."""
        counts = Counter({each.name: each.records for each in self.names})
        for name, records in found.items():
            if name in counts or len(counts) < MAX_NAMES:
                counts[name] += records
        names = [UnreadName(name=name, records=records) for name, records in counts.most_common()]
        return Unread(sampled=self.sampled + sampled, names=names)


def sample_of(records: Sequence[bytes], *, is_first_page: bool) -> Sequence[bytes]:
    """Return the records of a page to look at."""
    return records[: SAMPLED_OF_FIRST_PAGE if is_first_page else SAMPLED_OF_A_PAGE]


def unread_names(sample: Sequence[bytes], *, mapped: Collection[str] = ()) -> Counter[str]:
    """Count the keys that nothing reads.

    A key without a value counts zero times: it is a column of a table.

    Args:
        mapped: Keys that the mapping of the source reads, beside the declared names.
    """
    found: Counter[str] = Counter()
    for raw in sample:
        try:
            record = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(record, dict):
            for name, value in _names(record, _PARTS):
                if name not in _READ and name.partition(".")[0] not in mapped:
                    found[name[:MAX_NAME_CHARS]] += value not in (None, "", [], {})
    return found


def _names(record: Mapping[str, Any], parts: Sequence[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if parts and name == parts[0] and isinstance(value, dict):
            yield from _names(value, parts[1:], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _names_at(*path: str) -> frozenset[str]:
    return frozenset(name for field in fields_at(*path) for name in field.wire_names)


_PREFERENCES: Final = _names_at("profile", "preferences")
_READ: Final = frozenset(
    (
        *ID_NAMES,
        *MODIFIED_NAMES,
        "deleted",
        "profile",
        *_names_at(),
        "profile.preferences",
        *(f"profile.{name}" for name in (*_names_at("profile"), *_PREFERENCES)),
        *(f"profile.preferences.{name}" for name in _PREFERENCES),
    )
)
