"""Convert the value of an upstream key to what its field needs. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from docustore.etl.mapping.local_times import ReadTime, time_reader
from docustore.etl.mapping.settings import FieldMap
from docustore.etl.mapping.targets import DELETED, Target
from docustore.recurrence import parse_zone
from docustore.users.field_types import Reading

# A time that a clock change skipped, or that exists twice: `local_times` says which one counts.
AMBIGUOUS: Final = "time_ambiguous"


class UnreadableError(Exception):
    """A value that cannot be converted; raised and caught only inside the mapping."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail


# Takes a value that is given, and the warnings of the record; returns the value of the field.
Converter = Callable[[Any, list[str]], Any]


def converter_of(target: Target, field: FieldMap) -> Converter | None:
    """Return the function that converts the values of a field; None if none does."""
    steps = list(_steps_of(target, field))
    if not steps:
        return None
    if len(steps) == 1:
        return steps[0]

    def convert(value: Any, warnings: list[str]) -> Any:
        for step in steps:
            value = step(value, warnings)
        return value

    return convert


def _steps_of(target: Target, field: FieldMap) -> list[Converter]:
    steps: list[Converter] = []
    if field.split is not None:
        steps.append(_split(field.split))
    if field.values:
        steps.append(_translated({_word(word): _plain(value) for word, value in field.values.items()}))
    if target.name == DELETED and field.equals:
        steps.append(_is_one_of(frozenset(map(_word, field.equals))))
    if target.reading is Reading.TIME and (field.format or field.zone is not None):
        zone = None if field.zone is None else parse_zone(field.zone)
        form = " or ".join(field.format) or "ISO 8601, such as 2026-01-31 12:00"
        steps.append(_time(time_reader(field.format, zone), form))
    return steps


def _split(separator: str) -> Converter:
    return lambda value, _: value.split(separator) if isinstance(value, str) else value


def _translated(meanings: Mapping[str, Any]) -> Converter:
    def translate(value: Any, _: list[str]) -> Any:
        if isinstance(value, list):
            return [meaning for entry in value for meaning in _entries(meanings, entry)]
        return meanings.get(_word(value), value) if isinstance(value, str | bool | int) else value

    return translate


def _entries(meanings: Mapping[str, Any], entry: Any) -> list[Any]:
    meaning = meanings.get(_word(entry), entry) if isinstance(entry, str | bool | int) else entry
    return meaning if isinstance(meaning, list) else [meaning]


def _is_one_of(words: frozenset[str]) -> Converter:
    return lambda value, _: _word(value) in words


def _time(read: ReadTime, form: str) -> Converter:
    def convert(value: Any, warnings: list[str]) -> Any:
        if not isinstance(value, str) or not (text := value.strip()):
            return None if isinstance(value, str) else value
        try:
            time, is_ambiguous = read(text)
        except (ValueError, OverflowError) as exc:
            detail = f"not a valid time in the form {form}"
            raise UnreadableError("time_malformed", detail) from exc
        if is_ambiguous:
            warnings.append(AMBIGUOUS)
        return time

    return convert


def _word(value: object) -> str:
    return str(value).strip().casefold()


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
