"""Turn a record with the keys of its source into one with our names. Pure.

Everything is prepared once per run. A value that cannot be converted is an error of its field; the other fields
are converted all the same, so that all errors of a record are found.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from docustore.errors import FieldError
from docustore.etl.coerce import coerce
from docustore.etl.mapping.conversions import Converter, UnreadableError, converter_of
from docustore.etl.mapping.full_names import NameOrder, split_name
from docustore.etl.mapping.hooks import FieldRejectedError, Hook, ReadRecord
from docustore.etl.mapping.key_path import Lookup, lookup_of, parts_of
from docustore.etl.mapping.settings import FieldMap, keys_read, names_replaced
from docustore.etl.mapping.targets import FIRST_NAME, FULL_NAME, LAST_NAME, TARGETS, Target
from docustore.etl.records import WireRecord

DIGEST_BYTES: Final = 6
_NAME_TARGETS: Final = (TARGETS[FIRST_NAME], TARGETS[LAST_NAME])
_PROFILE: Final = "profile"
_PREFERENCES: Final = "preferences"

Record = Mapping[str, Any]


class Mapped(msgspec.Struct, kw_only=True):
    """A record with our names, and what is wrong with it so far."""

    record: dict[str, Any]
    errors: list[FieldError]
    warnings: list[str]


class RecordMapping:
    """The mapping of one source, ready to be applied to its records.

    `digest` changes with the settings and with the version of the hook's package. `keys` are the keys at the top
    of a record that the mapping reads. `replaced` are the default keys that no longer count.
    """

    def __init__(
        self, fields: Mapping[str, FieldMap], hook: Hook | None = None, *, hook_version: str = ""
    ) -> None:
        self.digest = _digest(fields, hook_version)
        self.keys = keys_read(*fields.values())
        self.replaced = names_replaced(fields)
        self._hook = hook
        # Names and keys of the fields that need nothing else: calls would cost several times as much.
        self._plain: list[tuple[str, str]] = []
        self._top: list[_Step] = []
        self._profile: list[_Step] = []
        self._preferences: list[_Step] = []
        self._upstream: dict[str, str] = {}
        for name, field in fields.items():
            target = TARGETS[name]
            for given in _NAME_TARGETS if name == FULL_NAME else (target,):
                self._upstream[given.pointer] = " or ".join(field.source) or "a constant"
            if len(target.path) == 1 and (key := plain_key(target, field)) is not None:
                self._plain.append((name, key))
            else:
                self._steps_at(target).append(_Step(target, field))

    @property
    def has_hook(self) -> bool:
        """Tell whether a function of another package finishes the records."""
        return self._hook is not None

    def apply(self, record: Record) -> Mapped:
        """Map one record; the given one stays as it is."""
        replaced = self.replaced
        mapped = Mapped(
            record={key: value for key, value in record.items() if key not in replaced}, errors=[], warnings=[]
        )
        into, get = mapped.record, record.get
        for name, key in self._plain:
            if (value := get(key)) is not None and value != "":
                into[name] = value
        for step in self._top:
            step.apply(record, into, mapped)
        if self._profile or self._preferences:
            self._map_profile(record, mapped)
        if self._hook is not None:
            self._call_hook(self._hook, mapped)
        return mapped

    def explained(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Name the upstream key in each error; of one field, the first error counts."""
        found: dict[str, FieldError] = {}
        for error in errors:
            upstream = self._upstream.get(error.pointer)
            detail = error.detail if upstream is None else f"{error.detail} (mapped from {upstream})"
            key = error.pointer or f"{error.code} {detail}"
            found.setdefault(key, FieldError(pointer=error.pointer, code=error.code, detail=detail))
        return list(found.values())

    def _steps_at(self, target: Target) -> list["_Step"]:
        if target.path[0] != _PROFILE:
            return self._top
        return self._preferences if target.path[1] == _PREFERENCES else self._profile

    def _map_profile(self, record: Record, mapped: Mapped) -> None:
        profile = self._kept(record.get(_PROFILE))
        for step in self._profile:
            step.apply(record, profile, mapped)
        if self._preferences:
            preferences = self._kept(profile.get(_PREFERENCES))
            for step in self._preferences:
                step.apply(record, preferences, mapped)
            profile[_PREFERENCES] = preferences
        mapped.record[_PROFILE] = profile

    def _kept(self, given: object) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            return {}
        return {key: value for key, value in given.items() if key not in self.replaced}

    def _call_hook(self, hook: Hook, mapped: Mapped) -> None:
        given = ReadRecord(mapped.record)
        try:
            returned = hook(given)
        except FieldRejectedError as exc:
            pointer = TARGETS[exc.field].pointer if exc.field in TARGETS else f"/{exc.field.replace('.', '/')}"
            mapped.errors.append(FieldError(pointer=pointer, code="hook_rejected", detail=exc.reason))
        except Exception as exc:  # noqa: BLE001  # the code of another package may raise anything
            key = given.last_key
            place = "" if key is None else f" after it read {key}"
            detail = f"the hook raised {type(exc).__name__}{place}"
            pointer = "" if key is None else "/" + key.replace("~", "~0").replace("/", "~1")
            mapped.errors.append(FieldError(pointer=pointer, code="hook_failed", detail=detail))
        else:
            if isinstance(returned, dict):
                mapped.record = dict(returned)
                return
            detail = f"the hook returned {type(returned).__name__}, not a dict"
            mapped.errors.append(FieldError(pointer="", code="hook_failed", detail=detail))


def plain_key(target: Target, field: FieldMap) -> str | None:
    """Return the only key that a field needs; None if it needs more."""
    if len(field.source) != 1 or field.default is not None or target.name == FULL_NAME:
        return None
    parts = parts_of(field.source[0])
    return parts[0] if len(parts) == 1 and converter_of(target, field) is None else None


def wire_of(record: Record) -> Any:
    """Check the types of a mapped record.

    Returns:
        A `WireRecord`.

    Raises:
        RecordRejectedError: One error for each field that cannot be read.
    """
    try:
        return msgspec.convert(record, WireRecord)
    except (msgspec.ValidationError, RecursionError):
        return coerce(record)


class _Step:
    """One field: read it, convert it, put it into the mapped record."""

    __slots__ = ("_convert", "_default", "_is_full_name", "_lookups", "_name", "_order", "_pointer")

    def __init__(self, target: Target, field: FieldMap) -> None:
        self._name = target.path[-1]
        self._pointer = target.pointer
        self._lookups: Sequence[Lookup] = tuple(map(lookup_of, field.source))
        self._default = _plain(field.default if field.value is None else field.value)
        self._convert: Converter | None = converter_of(target, field)
        self._is_full_name = target.name == FULL_NAME
        self._order = field.order or NameOrder.AUTO

    def apply(self, record: Record, into: dict[str, Any], mapped: Mapped) -> None:
        value = None
        for lookup in self._lookups:
            value = lookup(record)
            if value is not None and value != "":
                break
        if value is None or value == "":
            if self._default is not None:
                into[self._name] = self._default
            return
        if self._convert is not None:
            try:
                value = self._convert(value, mapped.warnings)
            except UnreadableError as exc:
                mapped.errors.append(FieldError(pointer=self._pointer, code=exc.code, detail=exc.detail))
                return
        if not self._is_full_name:
            into[self._name] = value
        elif isinstance(value, str):
            into[FIRST_NAME], into[LAST_NAME] = split_name(value, self._order)
        else:
            detail = "must be text, to be split into first and last name"
            mapped.errors.append(FieldError(pointer=f"/{LAST_NAME}", code="wrong_type", detail=detail))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _digest(fields: Mapping[str, FieldMap], hook_version: str) -> str:
    settings = {
        name: field.model_dump(mode="json", exclude_defaults=True) for name, field in sorted(fields.items())
    }
    content = msgspec.json.encode([settings, hook_version])
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
