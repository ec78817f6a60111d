"""Avatars that are no http(s) URL become null. Pure.

The model refuses other avatars, such as `javascript:...`: a page could run them. Until such a user is migrated,
the API refuses each change of it. The values of its identities are migrated too: the user may be derived from them
again. The avatars as they were are kept in `migrated.0004`; `down` puts them back.
"""

from typing import Any, Final

from docustore.migrations.migration import Migration, Phase, RawDocument, Step
from docustore.users.field_types import is_http_url

_LABEL: Final = "0004"
# The common form of a web address. Others are read too, and left as they are if they are web addresses.
_PLAIN_ADDRESS: Final = r"^https://[a-zA-Z0-9][!-~]*\z"
_OTHER: Final = {"$type": "string", "$not": {"$regex": _PLAIN_ADDRESS}}


def up(user: RawDocument) -> RawDocument | None:
    """Set each avatar that is no http(s) URL to null, also in identities."""
    before: dict[str, Any] = {}
    changed = dict(user)
    if _is_other(avatar := _avatar(user)):
        before["avatar"] = avatar
        changed = _with_avatar(user, None)
    entries = user.get("identities")
    if isinstance(entries, list) and (
        found := [entry for entry in entries if _is_other(_avatar_of_values(entry))]
    ):
        before["values"] = [{"key": entry.get("key"), "avatar": _avatar_of_values(entry)} for entry in found]
        changed["identities"] = [_with_values(e, None) if e in found else e for e in entries]
    if not before:
        return None
    return {**changed, "migrated": {**_migrated(user), _LABEL: {**before, **_schema_version(user)}}}


def down(user: RawDocument) -> RawDocument | None:
    """Put each avatar back as it was, unless there is another one since."""
    migrated = _migrated(user)
    before = migrated.pop(_LABEL, None)
    if before is None:
        return None
    restored: dict[str, Any] = {**user, "migrated": migrated}
    if not migrated:
        del restored["migrated"]
    if "avatar" in before and _avatar(user) is None:
        restored = _with_avatar(restored, before["avatar"])
    if (kept := {each["key"]: each["avatar"] for each in before.get("values", ())}) and "identities" in user:
        restored["identities"] = [
            _with_values(entry, kept[entry["key"]]) if entry.get("key") in kept and _is_cleared(entry) else entry
            for entry in user["identities"]
        ]
    return {**restored, **_schema_version(before)}


def _is_other(avatar: object) -> bool:
    return isinstance(avatar, str) and not is_http_url(avatar.strip())


def _avatar(document: object) -> Any:
    profile = document.get("profile") if isinstance(document, dict) else None
    return profile.get("avatar") if isinstance(profile, dict) else None


def _avatar_of_values(entry: object) -> Any:
    return _avatar(entry.get("values")) if isinstance(entry, dict) else None


def _is_cleared(entry: Any) -> bool:
    return isinstance(entry.get("values"), dict) and _avatar_of_values(entry) is None


def _with_avatar(document: Any, avatar: Any) -> dict[str, Any]:
    return {**document, "profile": {**(document.get("profile") or {}), "avatar": avatar}}


def _with_values(entry: Any, avatar: Any) -> dict[str, Any]:
    return {**entry, "values": _with_avatar(entry["values"], avatar)}


def _migrated(user: RawDocument) -> dict[str, Any]:
    return dict(user.get("migrated") or {})


def _schema_version(document: RawDocument) -> dict[str, Any]:
    return {"schema_version": document["schema_version"]} if "schema_version" in document else {}


MIGRATION: Final = Migration(
    number=4,
    name="avatars_are_web_addresses",
    phase=Phase.MIGRATE,
    summary="avatars that are no http(s) URL become null",
    reads=("profile", "identities", "migrated"),
    writes=("profile", "identities", "migrated"),
    up=Step(
        pending={
            "$or": [
                {"profile.avatar": _OTHER},
                {"identities": {"$elemMatch": {"values.profile.avatar": _OTHER}}},
            ]
        },
        transform=up,
    ),
    down=Step(pending={f"migrated.{_LABEL}": {"$exists": True}}, transform=down),
)
