"""Digests of identities are in the order of the rule for ties: version 3. Pure.

A digest of version 2 is one of all mapped fields. A digest of version 3 begins with the restrictiveness of the
status and the number of filled fields, and covers the filled fields only. The values of an identity are stored, so
both digests can be computed. A digest of other values, such as one of before migration 4, stays: the next full
read writes its record again. So do the digests of versions that were replaced (`rivals`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from docustore.migrations.migration import Migration, Phase, RawDocument, Step

_VERSION_2: Final = "2:"
_VERSION_3: Final = "3:"
_FIELDS: Final = ("email", "first_name", "last_name", "status", "profile", "roles", "tags", "created_at")
_PROFILE: Final = ("avatar", "bio", "location", "preferences")
_PREFERENCES: Final = ("notifications", "theme", "language")
_RANKS: Final[Mapping[str, int]] = {"active": 0, "inactive": 1, "suspended": 2}
_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def up(user: RawDocument) -> RawDocument | None:
    """Replace each digest of version 2 whose values are known."""
    return _with_digests(user, _second, _third)


def down(user: RawDocument) -> RawDocument | None:
    """Replace each digest of version 3 whose values are known."""
    return _with_digests(user, _third, _second)


Digest = Callable[[Mapping[str, Any]], str]


def _with_digests(user: RawDocument, old: Digest, new: Digest) -> RawDocument | None:
    identities = user.get("identities")
    if not isinstance(identities, list):
        return None
    moved = [_moved(entry, user, old, new) for entry in identities]
    return None if moved == identities else {**user, "identities": moved}


def _moved(entry: Any, user: RawDocument, old: Digest, new: Digest) -> Any:
    digest = entry.get("hash") if isinstance(entry, dict) else None
    if not isinstance(digest, str):
        return entry
    values = next((values for values in _candidates(entry, user) if old(values) == digest), None)
    return entry if values is None else {**entry, "hash": new(values)}


def _candidates(entry: Mapping[str, Any], user: RawDocument) -> Iterator[dict[str, Any]]:
    """List what the values of an identity may have been.

    Without values of its own, an identity has those of its user: less the local roles, and with the registration
    that the source gave, or none.
    """
    stored = entry.get("values")
    if isinstance(stored, dict):
        values = _ordered(stored, _FIELDS)
    else:
        values = _ordered(user, _FIELDS)
        local, roles = user.get("local_roles"), values["roles"]
        if isinstance(local, list) and isinstance(roles, list):
            values["roles"] = [role for role in roles if role not in local]
    if isinstance(profile := values["profile"], dict):
        values["profile"] = profile = _ordered(profile, _PROFILE)
        if isinstance(preferences := profile["preferences"], dict):
            profile["preferences"] = _ordered(preferences, _PREFERENCES)
    if isinstance(created_at := values["created_at"], datetime):
        # JSON names the zone of a time.
        values["created_at"] = created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC)
    yield values
    yield {**values, "created_at": None}


def _ordered(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: document.get(name) for name in names}


def _second(values: Mapping[str, Any]) -> str:
    return _VERSION_2 + _digest(tuple(values.values()))


def _third(values: Mapping[str, Any]) -> str:
    filled, count = _filled(values)
    status = values["status"]
    rank = _RANKS.get(status, 0) if type(status) is str else 0
    return f"{_VERSION_3}{rank}{count:02}{_digest(filled)}"


def _filled(values: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the filled fields, and their number.

    A document that holds fields is not counted.
    """
    filled = {name: value for name, value in values.items() if value or value is False}
    count = len(filled)
    for name in ("profile", "preferences"):
        if type(inner := filled.get(name)) is dict:
            filled[name], within = _filled(inner)
            count += within - 1
    return filled, count


def _digest(content: Any) -> str:
    return blake2b(_ENCODER.encode(content), digest_size=12).hexdigest()


_READS: Final = ("identities", *_FIELDS, "local_roles")

MIGRATION: Final = Migration(
    number=5,
    name="digests_are_ordered",
    phase=Phase.MIGRATE,
    summary="digests of identities are in the order of the rule for ties",
    reads=_READS,
    writes=("identities",),
    up=Step(pending={"identities.hash": {"$regex": "^2:[0-9a-f]{24}$"}}, transform=up),
    down=Step(pending={"identities.hash": {"$regex": "^3:[0-9a-f]{27}$"}}, transform=down),
)
