"""A user as the newest record of each of its identities. Pure.

An identity is one record of one upstream system, with the key `source:external_id`. All live identities with one
normalised e-mail address are one user. The user has the attributes of the identity that was modified last (ties:
the greater source, then the greater id). Writes through the API are one more identity of the user, with source
`local`. An identity stores its values only where they can differ from the user's own fields: while the user has
more than one identity, or after its only identity has ended.

A tombstone (a record with `deleted: true`) keeps the identity and stores the time of its end (`deleted_at`). A
user is inactive after all its upstream identities have ended, unless the API changed it later.

All fields are derived from the newest record of each identity, so the order of arrival does not matter.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NotRequired, TypedDict

from docustore.users.fields import WRITABLE, Values, completed_fields
from docustore.users.profile import UserStatus
from docustore.users.search_terms import search_terms
from docustore.users.versions import content_hash

LOCAL_SOURCE: Final = "local"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

RawUser = Mapping[str, Any]


class IdentityEntry(TypedDict):
    """One element of a user's `identities`; times are aware UTC, whole milliseconds.

    `rivals` is described in ADR 0019, `mapping` in ADR 0024, `absent` in ADR 0031.
    """

    key: str
    modified_at: datetime
    hash: str
    deleted_at: NotRequired[datetime]
    absent: NotRequired[bool]
    rivals: NotRequired[list[str]]
    mapping: NotRequired[str]
    values: NotRequired[Values]


def identity_key(source: str, external_id: str) -> str:
    """Build the key of an identity, such as `crm:42`.

    The name of a source contains no colon, so the first colon is the separator.
    """
    return f"{source}:{external_id}"


def is_ended(identity: IdentityEntry) -> bool:
    """Tell whether a tombstone ended the identity.

    A tombstone wins over a record of the same time.
    """
    ended = identity.get("deleted_at")
    return ended is not None and ended >= identity["modified_at"]


def values_of(user: RawUser) -> Values:
    """Read a user's own fields as values of its only identity, without local roles."""
    values = completed_fields(user)
    local_roles = user.get("local_roles")
    if local_roles:
        values["roles"] = [role for role in values["roles"] if role not in local_roles]
    return values


def with_values(user: RawUser) -> list[IdentityEntry]:
    """List a user's identities, each with its values; never empty.

    A user of another client has no identity. It counts as one local identity, modified at its last update.
    """
    entries: Sequence[IdentityEntry] = user.get("identities") or ()
    if not entries:
        entries = [
            {
                "key": identity_key(LOCAL_SOURCE, str(user["_id"])),
                "modified_at": user.get("updated_at") or user.get("created_at") or _EPOCH,
                "hash": "",
            }
        ]
    return [_completed(entry, user) for entry in entries]


def derive(identities: Sequence[IdentityEntry], *, user: RawUser | None) -> dict[str, Any]:
    """Compute the fields of a user from its identities.

    Args:
        identities: At least one, each with `values`.
        user: The present user. It gives the local roles, and the registration time if no source gives one.
            None for a user that does not exist yet.

    Returns:
        The stored fields that depend on identities: the writable fields, `roles` including the local roles,
        `search_terms`, and `identities` as they are stored. `created_at` is absent if it does not change.
    """
    winner, is_live = _winner(identities) if len(identities) > 1 else (identities[0], not is_ended(identities[0]))
    values = winner["values"]
    local_roles = list((user or {}).get("local_roles") or ())
    fields: dict[str, Any] = {name: values[name] for name in WRITABLE}
    if not is_live:
        fields["status"] = UserStatus.INACTIVE.value
    fields["roles"] = _merged(values["roles"], local_roles)
    fields["identities"] = _as_stored(identities)
    fields["search_terms"] = search_terms(
        email=values["email"], first_name=values["first_name"], last_name=values["last_name"]
    )
    registered = [v["values"]["created_at"] for v in identities if v["values"]["created_at"] is not None]
    # A user with a local identity keeps its registration time; the times of upstream systems are ignored.
    if registered and not any(is_local(entry) for entry in identities):
        fields["created_at"] = min(registered)
    return fields


def winner_of(identities: Sequence[IdentityEntry]) -> IdentityEntry:
    """Return the identity that gives the user's values.

    It is the newest live identity, or the newest of all if no identity is live.
    """
    return identities[0] if len(identities) == 1 else _winner(identities)[0]


def is_local(identity: IdentityEntry) -> bool:
    """Tell whether the identity represents writes through the API."""
    return identity["key"].startswith(f"{LOCAL_SOURCE}:")


def local_write(user: RawUser, *, user_id: str, values: Values, now: datetime) -> list[IdentityEntry]:
    """List a user's identities after a write through the API, each with its values.

    Args:
        user: The user before the write.
        values: All mapped fields after the write.
    """
    key = identity_key(LOCAL_SOURCE, user_id)
    entry: IdentityEntry = {"key": key, "modified_at": now, "hash": content_hash(values), "values": values}
    return [other for other in with_values(user) if other["key"] != key] + [entry]


def _completed(entry: IdentityEntry, user: RawUser) -> IdentityEntry:
    complete = entry.copy()
    # Values that an older version of docustore stored lack the new fields.
    complete["values"] = completed_fields(entry["values"]) if "values" in entry else values_of(user)
    return complete


def _winner(identities: Sequence[IdentityEntry]) -> tuple[IdentityEntry, bool]:
    upstream = [entry for entry in identities if not is_local(entry)]
    live = [entry for entry in upstream if not is_ended(entry)]
    last_end = max((entry["deleted_at"] for entry in upstream if is_ended(entry)), default=None)
    for entry in identities:
        # If all upstream identities have ended, a local identity is live only if it is newer than the last end.
        if is_local(entry) and (live or last_end is None or entry["modified_at"] > last_end):
            live.append(entry)
    return max(live or identities, key=_recency), bool(live)


def _recency(identity: IdentityEntry) -> tuple[datetime, str, str]:
    source, _, external_id = identity["key"].partition(":")
    return identity["modified_at"], source, external_id


def _merged(roles: Sequence[str], local_roles: Sequence[str]) -> list[str]:
    return [*roles, *(role for role in local_roles if role not in roles)]


def _as_stored(identities: Sequence[IdentityEntry]) -> list[IdentityEntry]:
    # The values of an only, live identity equal the user's own fields. After its end, they differ.
    if len(identities) > 1 or is_ended(identities[0]):
        return sorted(identities, key=lambda entry: entry["key"])
    only = identities[0].copy()
    only.pop("values", None)
    return [only]
