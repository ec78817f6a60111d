"""The versions of one identity: their digests and their order. Pure."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from docustore.users.fields import HASH_VERSION, MAPPED
from docustore.users.profile import UserStatus

# 96 bits: a collision would hide one change of one identity, and needs 2**48 versions of that identity.
HASH_BYTES: Final = 12
# A digest without a version counts as this version. Early digests had none.
UNVERSIONED: Final = 1
_NUMBERS: Final = frozenset(map(str, range(1_000)))
_PREFIX: Final = f"{HASH_VERSION}:"
_RESTRICTIVENESS: Final = {UserStatus.ACTIVE.value: 0, UserStatus.INACTIVE.value: 1, UserStatus.SUSPENDED.value: 2}
# repr: a field of another client may contain any BSON type.
_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def content_hash(values: Mapping[str, Any]) -> str:
    """Compute the digest of the mapped fields, such as `3:009` and 24 hex digits.

    Equal values of one `HASH_VERSION` have equal digests. The number before the colon is the `HASH_VERSION`. Then
    come the restrictiveness of the status (one digit) and the number of filled fields (two digits). So of two
    versions with one modification time, the one with the greater digest counts. An empty field is no part of the
    digest: a new field does not change the order of two versions that lack it.
    """
    # One pass per level: this runs for every record.
    filled = {name: value for name in MAPPED if (value := values.get(name)) or value is False}
    count = len(filled)
    if type(profile := filled.get("profile")) is dict:
        filled["profile"] = known = {name: value for name, value in profile.items() if value or value is False}
        count += len(known) - 1
        if type(preferences := known.get("preferences")) is dict:
            known["preferences"] = chosen = {n: v for n, v in preferences.items() if v or v is False}
            count += len(chosen) - 1
    digest = blake2b(_ENCODER.encode(filled), digest_size=HASH_BYTES).hexdigest()
    return f"{_PREFIX}{_rank(values)}{count:02}{digest}"


def hash_version(content: str) -> int:
    """Read the version of a digest; 0 for a user of another client (no digest)."""
    if not content:
        return 0
    version, colon, _ = content.partition(":")
    # Another client may have stored any text.
    return int(version) if colon and version in _NUMBERS else UNVERSIONED


def is_newer_version(
    modified_at: datetime,
    values: Mapping[str, Any],
    *,
    than_modified_at: datetime,
    than_values: Mapping[str, Any],
    than_hash: str,
) -> bool:
    """Tell whether one version of an identity wins over another or equals it.

    The later modification time wins. A source may change a record without a new modification time. Then the more
    restrictive status wins: to let a user act by mistake costs more than the opposite. If the status is equally
    restrictive, the version with more filled fields wins, then the greater digest.

    Args:
        than_values: They count if `than_hash` is of another version of the list of fields.
        than_hash: The stored digest of the other version.
    """
    if modified_at != than_modified_at:
        return modified_at > than_modified_at
    if hash_version(than_hash) == HASH_VERSION:
        return content_hash(values) >= than_hash
    return content_hash(_without_registration(values)) >= content_hash(_without_registration(than_values))


def _without_registration(values: Mapping[str, Any]) -> Mapping[str, Any]:
    # A user whose source gives no registration has the time of its insertion; a record has none.
    return {**values, "created_at": None}


def _rank(values: Mapping[str, Any]) -> int:
    status = values["status"]
    # Not `isinstance`: another client may have stored a kind of text that no dictionary can hold.
    return _RESTRICTIVENESS.get(status, 0) if type(status) is str else 0
