"""Digests without a version get the version 2. Pure.

A digest of `identities.hash` was 24 hex digits. Now the version of the list of fields stands before it. Version 2
encodes the same fields in the same order as the digests without a version, so both have the same digits. A record
that is read again is known, and is not written again.
"""

import re
from typing import Any, Final

from docustore.migrations.migration import Migration, Phase, RawDocument, Step

_PREFIX: Final = "2:"
_UNVERSIONED: Final = r"^[0-9a-f]{24}$"
_VERSION_2: Final = r"^2:[0-9a-f]{24}$"


def up(user: RawDocument) -> RawDocument | None:
    """Put the version before each digest that has none."""
    return _with_digests(user, re.compile(_UNVERSIONED), lambda digest: f"{_PREFIX}{digest}")


def down(user: RawDocument) -> RawDocument | None:
    """Take the version from each digest of version 2."""
    return _with_digests(user, re.compile(_VERSION_2), lambda digest: digest.removeprefix(_PREFIX))


def _with_digests(user: RawDocument, old: re.Pattern[str], renamed: Any) -> RawDocument | None:
    identities = user.get("identities")
    if not isinstance(identities, list):
        return None
    moved = [
        {**entry, "hash": renamed(entry["hash"])} if _has_digest(entry, old) else entry for entry in identities
    ]
    return None if moved == identities else {**user, "identities": moved}


def _has_digest(entry: object, form: re.Pattern[str]) -> bool:
    digest = entry.get("hash") if isinstance(entry, dict) else None
    return isinstance(digest, str) and form.fullmatch(digest) is not None


MIGRATION: Final = Migration(
    number=2,
    name="digests_name_their_version",
    phase=Phase.MIGRATE,
    summary="digests of identities name the version of the list of fields",
    reads=("identities",),
    writes=("identities",),
    up=Step(pending={"identities.hash": {"$regex": _UNVERSIONED}}, transform=up),
    down=Step(pending={"identities.hash": {"$regex": _VERSION_2}}, transform=down),
)
