"""A user as the newest record of each of its identities. Pure.

An identity is one record of one upstream system, with the key `source:external_id`. All live identities with one
normalised e-mail address are one user. The user has the attributes of the identity that was modified last (ties:
the greater source, then the greater id).

A write through the API is a newer version of every upstream identity of the user: its edit, with the key
`local:crm:42`. An edit counts until the upstream system sends a newer version of that identity; then it is
dropped. So an edit belongs to its identity, wherever that goes. A user without an upstream identity has one local
identity of its own, with the key `local:<user id>`.

An identity stores its values only where they can differ from the user's own fields: while the user has more than
one identity, or after its only identity has ended.

A tombstone (a record with `deleted: true`) keeps the identity and stores the time of its end (`deleted_at`). A
user is inactive after all its upstream identities have ended, unless the API changed it later.

All fields are derived from the newest record of each identity, so the order of arrival does not matter.
"""

from collections.abc import Container, Sequence
from datetime import datetime
from typing import Any, Final, NotRequired, TypedDict, cast

from docustore.users.fields import WRITABLE, Values, completed_fields
from docustore.users.profile import UserStatus
from docustore.users.search_terms import search_terms
from docustore.users.sound import EPOCH, local_roles_of, registration_of, sound_identities, time_of
from docustore.users.stored import RawUser
from docustore.users.versions import content_hash

LOCAL_SOURCE: Final = "local"

_LOCAL_PREFIX: Final = f"{LOCAL_SOURCE}:"


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


def edit_key(key: str) -> str:
    """Build the key of the edit of an upstream identity: `local:crm:42`."""
    return identity_key(LOCAL_SOURCE, key)


def edited_key(edit: IdentityEntry) -> str:
    """Return the key of the identity that an edit belongs to.

    For a local identity of its own, this is the user's id.
    """
    return edit["key"].removeprefix(f"{LOCAL_SOURCE}:")


def is_own_local(identity: IdentityEntry, upstream: Container[str]) -> bool:
    """Tell whether a local identity is no edit of one of these identities."""
    return is_local(identity) and edited_key(identity) not in upstream


def is_ended(identity: IdentityEntry) -> bool:
    """Tell whether a tombstone ended the identity.

    A tombstone wins over a record of the same time.
    """
    ended = identity.get("deleted_at")
    return ended is not None and ended >= identity["modified_at"]


def values_of(user: RawUser) -> Values:
    """Read a user's own fields as values of its only identity, without local roles."""
    values = completed_fields(user)
    local_roles = local_roles_of(user)
    if local_roles:
        values["roles"] = [role for role in values["roles"] if role not in local_roles]
    values["created_at"] = time_of(values["created_at"])
    return values


def with_values(user: RawUser) -> list[IdentityEntry]:
    """List a user's identities, each with its values; never empty.

    A user of another client has no identity. It counts as one local identity, modified at its last update.
    """
    entries = cast("Sequence[IdentityEntry]", sound_identities(user))
    if not entries:
        entries = [
            {
                "key": identity_key(LOCAL_SOURCE, str(user["_id"])),
                "modified_at": time_of(user.get("updated_at")) or time_of(user.get("created_at")) or EPOCH,
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
    local_roles = [] if user is None else local_roles_of(user)
    fields: dict[str, Any] = {name: values[name] for name in WRITABLE}
    if not is_live:
        fields["status"] = UserStatus.INACTIVE.value
    fields["roles"] = _merged(values["roles"], local_roles)
    fields["identities"] = _as_stored(identities)
    fields["search_terms"] = search_terms(
        email=values["email"], first_name=values["first_name"], last_name=values["last_name"]
    )
    registered = _registered(identities)
    if registered is not None:
        fields["created_at"] = registered
    elif user is not None and isinstance(user.get("created_at"), list):
        fields["created_at"] = registration_of(user)
    return fields


def winner_of(identities: Sequence[IdentityEntry]) -> IdentityEntry:
    """Return the identity that gives the user's values.

    It is the newest live identity, or the newest of all if no identity is live.
    """
    return identities[0] if len(identities) == 1 else _winner(identities)[0]


def is_local(identity: IdentityEntry) -> bool:
    """Tell whether the identity represents writes through the API."""
    return identity["key"].startswith(_LOCAL_PREFIX)


def local_write(user: RawUser, *, user_id: str, values: Values, now: datetime) -> list[IdentityEntry]:
    """List a user's identities after a write through the API, each with its values.

    Every upstream identity gets an edit. Local identities of their own get the new values too.

    Args:
        user: The user before the write.
        values: All mapped fields after the write.
    """
    entries = with_values(user)
    upstream = [entry for entry in entries if not is_local(entry)]
    keys = {edit_key(entry["key"]) for entry in upstream}
    keys |= {entry["key"] for entry in entries if is_local(entry)}
    keys |= set() if upstream else {identity_key(LOCAL_SOURCE, user_id)}
    digest = content_hash(values)
    written: list[IdentityEntry] = [
        {"key": key, "modified_at": now, "hash": digest, "values": values} for key in sorted(keys)
    ]
    return [*upstream, *written]


def _completed(entry: IdentityEntry, user: RawUser) -> IdentityEntry:
    complete = entry.copy()
    if "values" in entry:
        # Values that an older version of docustore stored lack the new fields.
        complete["values"] = completed_fields(entry["values"])
        complete["values"]["created_at"] = time_of(complete["values"]["created_at"])
    else:
        complete["values"] = values_of(user)
    return complete


def _winner(identities: Sequence[IdentityEntry]) -> tuple[IdentityEntry, bool]:
    upstream = [entry for entry in identities if not is_local(entry)]
    live = [entry for entry in upstream if not is_ended(entry)]
    if len(upstream) < len(identities):
        live += _live_local(identities, upstream)
    return max(live or identities, key=_recency), bool(live)


def _live_local(identities: Sequence[IdentityEntry], upstream: Sequence[IdentityEntry]) -> list[IdentityEntry]:
    """List the local identities that are live.

    If all upstream identities have ended, these are the ones newer than the last end. Otherwise, an edit ends with
    its identity.
    """
    local = [entry for entry in identities if is_local(entry)]
    ended = {entry["key"]: entry["deleted_at"] for entry in upstream if is_ended(entry)}
    if len(ended) < len(upstream) or not upstream:
        return [entry for entry in local if edited_key(entry) not in ended]
    return [entry for entry in local if entry["modified_at"] > max(ended.values())]


def _registered(identities: Sequence[IdentityEntry]) -> datetime | None:
    """Return the earliest registration that an upstream system gives.

    None for a user with a local identity of its own: it keeps its registration.
    """
    if len(identities) == 1:  # most users; the general way takes five times as long
        [only] = identities
        return None if is_local(only) else only["values"]["created_at"]
    upstream = {entry["key"]: entry["values"]["created_at"] for entry in identities if not is_local(entry)}
    if any(is_own_local(entry, upstream) for entry in identities):
        return None
    return min((given for given in upstream.values() if given is not None), default=None)


def _recency(identity: IdentityEntry) -> tuple[datetime, bool, str, str]:
    source, _, external_id = identity["key"].partition(":")
    # An edit counts over a version of the same time.
    return identity["modified_at"], source == LOCAL_SOURCE, source, external_id


def _merged(roles: Sequence[str], local_roles: Sequence[str]) -> list[str]:
    return [*roles, *(role for role in local_roles if role not in roles)]


def _as_stored(identities: Sequence[IdentityEntry]) -> list[IdentityEntry]:
    # The values of an only, live identity equal the user's own fields. After its end, they differ.
    if len(identities) > 1 or is_ended(identities[0]):
        return sorted(identities, key=lambda entry: entry["key"])
    only = identities[0].copy()
    only.pop("values", None)
    return [only]
