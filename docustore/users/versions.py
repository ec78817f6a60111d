"""The versions of one identity: their digests and their order. Pure."""

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
# A digest without a version counts as this version. Early digests had none.
UNVERSIONED: Final = 1
_NUMBERS: Final = frozenset(map(str, range(1_000)))
_mapped: Final = itemgetter(*MAPPED)
_PREFIX: Final = f"{HASH_VERSION}:"
_RESTRICTIVENESS: Final = {UserStatus.ACTIVE.value: 0, UserStatus.INACTIVE.value: 1, UserStatus.SUSPENDED.value: 2}
# repr: a field of another client may contain any BSON type.
_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def content_hash(values: Values) -> str:
    """Compute the digest of the mapped fields: `2:` and 24 hex digits.

    Equal values of one `HASH_VERSION` have equal digests. The number before the colon is the `HASH_VERSION`.
    """
    content = _ENCODER.encode(_mapped(values))
    return _PREFIX + blake2b(content, digest_size=HASH_BYTES).hexdigest()


def hash_version(content: str) -> int:
    """Read the version of a digest; 0 for a user of another client (no digest)."""
    if not content:
        return 0
    version, colon, _ = content.partition(":")
    # Another client may have stored any text.
    return int(version) if colon and version in _NUMBERS else UNVERSIONED


def is_newer_version(
    modified_at: datetime, values: Values, *, than_modified_at: datetime, than_values: Mapping[str, Any]
) -> bool:
    """Tell whether one version of an identity wins over another or equals it.

    The later modification time wins. A source may change a record without a new modification time. Then the more
    restrictive status wins: to let a user act by mistake costs more than the opposite. If the status is equally
    restrictive, the greater values win, field by field in the declared order. An empty field is the least value. A
    field that an older version of docustore did not know is also the least value. So a new field does not change
    the order of two versions without it.
    """
    if modified_at != than_modified_at:
        return modified_at > than_modified_at
    rank, than_rank = _rank(values), _rank(than_values)
    if rank != than_rank:
        return rank > than_rank
    return _comparable(values) >= _comparable(than_values)


def _rank(values: Mapping[str, Any]) -> int:
    status = values["status"]
    return _RESTRICTIVENESS.get(status, 0) if isinstance(status, str) else 0


def _comparable(values: Mapping[str, Any]) -> list[bytes]:
    leaves = (leaf(values, field.path) for field in FIELDS)
    return [b"" if value in (None, "", []) else _ENCODER.encode(value) for value in leaves]
