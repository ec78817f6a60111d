"""List the keys and columns of a source that nothing reads. Pure.

Only a sample of the records is looked at: the first ones of every page. A key that few records have may be missed;
a column of a table is not. Nothing is listed for a source with a hook, which may read any key.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field

from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.records import WirePreferences, WireProfile, WireRecord
from docustore.users.fields import leaf

SAMPLED_OF_FIRST_PAGE: Final = 200
SAMPLED_OF_A_PAGE: Final = 20
# A record whose keys are data, such as dates, must not fill the document of its run.
MAX_NAMES: Final = 50
MAX_NAME_CHARS: Final = 100
_RECORD_KEYS: Final = frozenset(WireRecord.__struct_fields__)
_PROFILE_KEYS: Final = frozenset(WireProfile.__struct_fields__)
_PREFERENCE_KEYS: Final = frozenset(WirePreferences.__struct_fields__)
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


def unread_names(sample: Sequence[bytes], mapping: RecordMapping | None) -> Counter[str]:
    """Count the records that have a key which nothing reads.

    An empty column of a table is listed with zero records.
    """
    found: Counter[str] = Counter()
    for raw in sample:
        try:
            record = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(record, dict):
            for name in unread_keys(record, mapping):
                found[name[:MAX_NAME_CHARS]] += leaf(record, tuple(name.split("."))) not in (None, "", [], {})
    return found


def unread_keys(record: Mapping[str, Any], mapping: RecordMapping | None) -> list[str]:
    """List the keys of a record that nothing reads.

    A hook may read any key, so none is listed for a source with a hook.
    """
    if mapping is not None and mapping.has_hook:
        return []
    replaced = mapping.replaced if mapping is not None else frozenset()
    read = mapping.keys if mapping is not None else frozenset()
    unread = [key for key in record if key not in read and (key not in _RECORD_KEYS or key in replaced)]
    profile = record.get("profile")
    if isinstance(profile, Mapping) and "profile" not in read:
        unread += [f"profile.{key}" for key in profile if key not in _PROFILE_KEYS or key in replaced]
        preferences = profile.get("preferences")
        if isinstance(preferences, Mapping):
            unread += [f"profile.preferences.{key}" for key in preferences if key not in _PREFERENCE_KEYS]
    return unread
