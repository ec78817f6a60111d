"""What a user is made of: the newest record of each of its identities. Pure.

An identity is one record of one upstream system, keyed `source:external_id`. All live identities with one
normalised e-mail address are one user; the user's attributes are those of the identity that was modified last
(ties: the greater source, then the greater id). Writes through the API are one more identity of the user, with
source `local`. The attributes of an identity are kept with it (`values`) only where they differ from the user's
own fields: while the user has more than one identity, or its only one has ended.

A tombstone (a record with `deleted: true`) leaves the identity in place and dates its end (`deleted_at`). A user
whose upstream identities have all ended is inactive, unless it was changed here later.

Because everything is derived from the newest of each, the order in which records arrive does not matter.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, NotRequired, TypedDict

import msgspec

from docustore.users.profile import UserStatus
from docustore.users.search_terms import search_terms

LOCAL_SOURCE: Final = "local"
# 96 bits: a collision would hide one change of one identity, and needs 2**48 versions of that identity.
HASH_BYTES: Final = 12
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RESTRICTIVENESS: Final = {UserStatus.ACTIVE.value: 0, UserStatus.INACTIVE.value: 1, UserStatus.SUSPENDED.value: 2}
_ENCODER: Final = msgspec.json.Encoder()

RawUser = Mapping[str, Any]


class Values(TypedDict):
    """The mapped fields of one identity, as one upstream record gave them.

    `profile` is complete (`avatar, bio, location, preferences`); `created_at` is None where the source does
    not say when the user registered.
    """

    email: str
    first_name: str
    last_name: str
    status: str
    profile: dict[str, Any]
    roles: list[str]
    tags: list[str]
    created_at: datetime | None


class IdentityEntry(TypedDict):
    """One element of a user's `identities`; times are aware UTC, whole milliseconds."""

    key: str
    modified_at: datetime
    hash: str
    deleted_at: NotRequired[datetime]
    values: NotRequired[Values]


def identity_key(source: str, external_id: str) -> str:
    """Name an identity: `crm:42`. A source's name holds no colon, so the first one separates."""
    return f"{source}:{external_id}"


def content_hash(values: Values) -> str:
    """Digest the mapped fields: 24 hex digits, equal for equal values whatever the record's spelling."""
    return blake2b(_ENCODER.encode(list(values.values())), digest_size=HASH_BYTES).hexdigest()


def is_ended(identity: IdentityEntry) -> bool:
    """Tell whether the identity's newest record is a tombstone (one of the same instant wins over a record)."""
    ended = identity.get("deleted_at")
    return ended is not None and ended >= identity["modified_at"]


def values_of(user: RawUser) -> Values:
    """Read a user's own fields as the values of its lone identity; what other clients left out is empty."""
    local_roles = user.get("local_roles") or ()
    return {
        "email": user.get("email") or "",
        "first_name": user.get("first_name") or "",
        "last_name": user.get("last_name") or "",
        "status": user.get("status") or UserStatus.ACTIVE.value,
        "profile": user.get("profile") or {},
        "roles": [role for role in user.get("roles") or () if role not in local_roles],
        "tags": user.get("tags") or [],
        "created_at": user.get("created_at"),
    }


def with_values(user: RawUser) -> list[IdentityEntry]:
    """List a user's identities, each with its values written out; never empty.

    A user that another client wrote has none: it counts as written here, when it was last updated.
    """
    entries: Sequence[IdentityEntry] = user.get("identities") or ()
    if not entries:
        entries = [
            {
                "key": identity_key(LOCAL_SOURCE, str(user["_id"])),
                "modified_at": user.get("updated_at") or user.get("created_at") or _LONG_AGO,
                "hash": "",
            }
        ]
    return [_completed(entry, user) for entry in entries]


def derive(identities: Sequence[IdentityEntry], *, user: RawUser | None) -> dict[str, Any]:
    """Compute the fields of a user from its identities.

    Args:
        identities: At least one, each with `values`.
        user: The user as it is, for what no identity owns: local roles, and a registration time that no
            source gives. None for a user that does not exist yet.

    Returns:
        The stored fields that follow from identities: the mapped fields, `roles` with the local ones added,
        `search_terms`, and `identities` as they are to be stored. `created_at` is absent where it is not to
        change.
    """
    winner, is_live = _winner(identities) if len(identities) > 1 else (identities[0], not is_ended(identities[0]))
    values = winner["values"]
    local_roles = list((user or {}).get("local_roles") or ())
    fields: dict[str, Any] = {
        "email": values["email"],
        "first_name": values["first_name"],
        "last_name": values["last_name"],
        "status": values["status"] if is_live else UserStatus.INACTIVE.value,
        "profile": values["profile"],
        "roles": _merged(values["roles"], local_roles),
        "tags": values["tags"],
        "identities": _as_stored(identities),
        "search_terms": search_terms(
            email=values["email"], first_name=values["first_name"], last_name=values["last_name"]
        ),
    }
    registered = [v["values"]["created_at"] for v in identities if v["values"]["created_at"] is not None]
    # A user created or changed here keeps its registration time, whatever upstream systems say of theirs.
    if registered and not any(is_local(entry) for entry in identities):
        fields["created_at"] = min(registered)
    return fields


def winner_of(identities: Sequence[IdentityEntry]) -> IdentityEntry:
    """Return the identity whose values are the user's: the newest of those that have not ended."""
    return identities[0] if len(identities) == 1 else _winner(identities)[0]


def version_of(modified_at: datetime, content: str, values: Values) -> tuple[datetime, int, str]:
    """Order the versions of one identity: the greatest counts, whichever arrives first.

    Sources do change records without a new modification time. Of such versions the more restrictive status
    counts, because to let somebody act by mistake costs more than the opposite; then the greater hash, because
    any rule does that all workers share.
    """
    return modified_at, _RESTRICTIVENESS.get(values["status"], 0), content


def is_local(identity: IdentityEntry) -> bool:
    """Tell whether the identity stands for writes through the API."""
    return identity["key"].startswith(f"{LOCAL_SOURCE}:")


def local_write(user: RawUser, *, user_id: str, values: Values, now: datetime) -> list[IdentityEntry]:
    """List a user's identities after a write through the API, each with its values.

    Args:
        user: The user before the write.
        values: All mapped fields after it.
    """
    key = identity_key(LOCAL_SOURCE, user_id)
    entry: IdentityEntry = {"key": key, "modified_at": now, "hash": content_hash(values), "values": values}
    return [other for other in with_values(user) if other["key"] != key] + [entry]


def _completed(entry: IdentityEntry, user: RawUser) -> IdentityEntry:
    if "values" in entry:
        return entry
    complete = entry.copy()
    complete["values"] = values_of(user)
    return complete


def _winner(identities: Sequence[IdentityEntry]) -> tuple[IdentityEntry, bool]:
    upstream = [entry for entry in identities if not is_local(entry)]
    live = [entry for entry in upstream if not is_ended(entry)]
    last_end = max((entry["deleted_at"] for entry in upstream if is_ended(entry)), default=None)
    for entry in identities:
        # A local write keeps a user alive only if it came after the last upstream identity ended.
        if is_local(entry) and (live or last_end is None or entry["modified_at"] > last_end):
            live.append(entry)
    return max(live or identities, key=_recency), bool(live)


def _recency(identity: IdentityEntry) -> tuple[datetime, str, str]:
    source, _, external_id = identity["key"].partition(":")
    return identity["modified_at"], source, external_id


def _merged(roles: Sequence[str], local_roles: Sequence[str]) -> list[str]:
    return [*roles, *(role for role in local_roles if role not in roles)]


def _as_stored(identities: Sequence[IdentityEntry]) -> list[IdentityEntry]:
    # A lone identity's values are the user's own fields, unless its end has made them differ.
    if len(identities) > 1 or is_ended(identities[0]):
        return sorted(identities, key=lambda entry: entry["key"])
    lone = identities[0].copy()
    lone.pop("values", None)
    return [lone]
