"""Versions of one identity: the digest that finds a known one, and the order of those that differ. Pure."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final

import msgspec

from docustore.users.fields import FIELDS, HASH_VERSION, MAPPED, Values, leaf
from docustore.users.profile import UserStatus

# 96 bits: a collision would hide one change of one identity, and needs 2**48 versions of that identity.
HASH_BYTES: Final = 12
# Digests without a version are from before the list of fields had one.
UNVERSIONED: Final = 1
_mapped: Final = itemgetter(*MAPPED)
_PREFIX: Final = f"{HASH_VERSION}:"
_RESTRICTIVENESS: Final = {UserStatus.ACTIVE.value: 0, UserStatus.INACTIVE.value: 1, UserStatus.SUSPENDED.value: 2}
# repr: other clients may have stored any BSON type in a field.
_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def content_hash(values: Values) -> str:
    """Digest the mapped fields: `2:` and 24 hex digits, equal for equal values of one `HASH_VERSION`."""
    content = _ENCODER.encode(_mapped(values))
    return _PREFIX + blake2b(content, digest_size=HASH_BYTES).hexdigest()


def hash_version(content: str) -> int:
    """Read the version of a digest; 0 for a user of another client, which has none."""
    if not content:
        return 0
    version, colon, _ = content.partition(":")
    return int(version) if colon else UNVERSIONED


def is_newer_version(
    modified_at: datetime, values: Values, *, than_modified_at: datetime, than_values: Mapping[str, Any]
) -> bool:
    """Tell whether a version of an identity counts over another, or is equal to it.

    Sources do change records without a new modification time. Of such versions the more restrictive status
    counts: to let somebody act by mistake costs more than the opposite. Then the greater values count, field by
    field in the declared order. An empty field is the least, as is one that an older version of docustore did not
    know. So a new field does not change the order of two versions that lack it.
    """
    if modified_at != than_modified_at:
        return modified_at > than_modified_at
    rank, than_rank = _rank(values), _rank(than_values)
    if rank != than_rank:
        return rank > than_rank
    return _comparable(values) >= _comparable(than_values)


def _rank(values: Mapping[str, Any]) -> int:
    return _RESTRICTIVENESS.get(values["status"], 0)


def _comparable(values: Mapping[str, Any]) -> list[bytes]:
    leaves = (leaf(values, field.path) for field in FIELDS)
    return [b"" if value in (None, "", []) else _ENCODER.encode(value) for value in leaves]
