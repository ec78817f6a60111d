"""Guess which column of a sample gives which of our fields. Pure.

Names count before contents. A guess that a person should look at has a remark.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from docustore.etl.mapping.targets import TARGETS
from docustore.etl.masking import is_secret
from docustore.etl.proposal.columns import Column
from docustore.etl.proposal.dates import formats_of, have_zone, look_like_dates
from docustore.etl.proposal.words import (
    FIELD_NAMES,
    JOINING_NAMES,
    LAST_NAME_FIRST,
    NO_WORDS,
    STATUS_BY_WORD,
    YES_WORDS,
    letters,
)
from docustore.etl.readings import STATUS_WORDS

MAX_STATUS_WORDS: Final = 12
# Where a record without a mapping has our fields.
DEFAULT_PATHS: Final = frozenset(
    (*target.path[:length], name)
    for target in TARGETS.values()
    for name in target.names
    # The keys of preferences may stand flat in the profile.
    for length in {len(target.path) - 1, min(len(target.path) - 1, 1)}
)
_SEPARATORS: Final = ("/", ";", "|", ",")
# A record may give a list as a text with these; no setting is needed.
_KNOWN_SEPARATORS: Final = frozenset({";", "|", ","})
_TIMES: Final = ("modified_at", "created_at")
_LISTS: Final = ("roles", "tags")


@dataclass(frozen=True, slots=True)
class Guess:
    """One line of a mapping: the setting of a field, and what a person should check.

    `is_default` tells that a record without a mapping gives the field by the same key.
    """

    name: str
    setting: str | dict[str, Any]
    remarks: tuple[str, ...] = ()
    is_default: bool = False


@dataclass(slots=True)
class Proposal:
    """The lines of a mapping in the order of our fields, and what is left.

    `required` are the fields that every record seems to have.
    """

    guesses: list[Guess] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def propose(columns: Sequence[Column], *, records: int, zone: str) -> Proposal:
    """Propose a mapping for a sample.

    Args:
        records: How many records the sample has.
        zone: The zone of times without one.
    """
    chosen = _chosen(columns)
    proposal = Proposal()
    for name in FIELD_NAMES:
        if (column := chosen.get(name)) is not None:
            guess = _guess(name, column, records=records, zone=zone)
            is_default = isinstance(guess.setting, str) and column.parts in _default_paths(name)
            proposal.guesses.append(replace(guess, is_default=is_default))
    proposal.required = _required(chosen, records)
    used = {id(column) for column in chosen.values()}
    proposal.left_out = [
        column.path for column in columns if id(column) not in used and column.parts not in DEFAULT_PATHS
    ]
    if "email" not in chosen:
        proposal.remarks.append("no column looks like an e-mail address; a record without one is quarantined")
    if "id" not in chosen:
        proposal.remarks.append("no column looks like an id; the e-mail address is the id")
    other = [column.path for column in columns if column.looks_like_emails and id(column) not in used]
    if other:
        proposal.remarks.append(f"other columns with e-mail addresses: {', '.join(other)}")
    return proposal


def _default_paths(name: str) -> set[tuple[str, ...]]:
    target = TARGETS[name]
    return set() if name == "full_name" else {(*target.path[:-1], spelling) for spelling in target.names}


def _required(chosen: Mapping[str, Column], records: int) -> list[str]:
    """List the fields that a record without them would be quarantined for.

    A name counts only if every record of the sample has it. Many directories have people with one name.
    """
    full = chosen.get("full_name")
    has_both = (
        full is not None and len(full.values) == records and all(_has_two_words(text) for text in full.texts)
    )
    names = ("first_name", "last_name")
    always = [name for name in names if has_both or (name in chosen and len(chosen[name].values) == records)]
    return ["email", *always]


def _has_two_words(text: str) -> bool:
    return len(text.split()) > 1


def _chosen(columns: Sequence[Column]) -> dict[str, Column]:
    usable = [column for column in columns if not any(map(is_secret, column.parts))]
    chosen: dict[str, Column] = {}
    for name, spellings in FIELD_NAMES.items():
        fitting = [column for column in _named(usable, spellings) if _fits(name, column)]
        if fitting:
            chosen[name] = fitting[0]
    if "email" not in chosen and (addresses := [column for column in usable if column.looks_like_emails]):
        chosen["email"] = max(addresses, key=lambda column: column.emails)
    _settle_names(chosen)
    taken = {id(column) for name, column in chosen.items() if name != "id"}
    if "id" in chosen and id(chosen["id"]) in taken:
        del chosen["id"]
    return chosen


def _named(columns: Sequence[Column], spellings: Sequence[str]) -> list[Column]:
    """List the columns that have one of the names, by the order of the names."""
    return [column for spelling in spellings for column in columns if spelling in column.names]


def _fits(name: str, column: Column) -> bool:
    """Tell whether the values of a column can be those of a field."""
    return bool(column.values) and _CHECKS.get(name, _anything)(column)


def _anything(_: Column) -> bool:
    return True


def _is_time(column: Column) -> bool:
    return not column.texts or look_like_dates(column.texts)


def _is_name(column: Column) -> bool:
    return bool(column.texts) and not column.looks_like_emails


_CHECKS: Final[Mapping[str, Callable[[Column], bool]]] = {
    # The name says it too, so more of the values may be dirt.
    "email": lambda column: column.emails * 2 >= len(column.values),
    **dict.fromkeys(_TIMES, _is_time),
    **dict.fromkeys(("first_name", "last_name", "full_name"), _is_name),
    "deleted": lambda column: all(letters(word) in YES_WORDS | NO_WORDS for word in column.words),
    "status": lambda column: len(column.words) <= MAX_STATUS_WORDS,
}


def _settle_names(chosen: dict[str, Column]) -> None:
    """Decide what `Name`, `Nom` and `Nombre` mean, by the columns beside them."""
    full, first, last = (chosen.get(name) for name in ("full_name", "first_name", "last_name"))
    if first is not None and last is not None:
        chosen.pop("full_name", None)
    elif full is not None and first is not None:
        # German and French tables have `Vorname` and `Name`.
        chosen["last_name"] = full
        del chosen["full_name"]
    elif full is None and (alone := first or last) is not None and _are_full_names(alone):
        chosen["full_name"] = alone
        chosen.pop("first_name", None)
        chosen.pop("last_name", None)
    elif full is not None:
        chosen.pop("last_name", None)


def _are_full_names(column: Column) -> bool:
    return bool(column.texts) and sum(map(_has_two_words, column.texts)) * 2 > len(column.texts)


def _guess(name: str, column: Column, *, records: int, zone: str) -> Guess:
    if name in _TIMES:
        return _time(name, column, zone)
    if (guess := _GUESSES.get(name)) is not None:
        return guess(name, column)
    remarks: list[str] = []
    if name == "id" and not column.is_unique(records):
        remarks.append("unsure: some records have no id, or the same one")
    if name == "full_name" and not _are_full_names(column):
        remarks.append("unsure: most values are one word")
    if name == "full_name" and LAST_NAME_FIRST.intersection(column.names):
        return Guess(name, {"from": column.path, "order": "last first"}, tuple(remarks))
    return Guess(name, column.path, tuple(remarks))


def _time(name: str, column: Column, zone: str) -> Guess:
    remarks = []
    if JOINING_NAMES.intersection(column.names):
        remarks.append("unsure: is this the time of the registration?")
    texts = column.texts
    if not texts or have_zone(texts):
        return Guess(name, column.path, tuple(remarks))
    formats, is_unsure = formats_of(texts)
    if is_unsure:
        remarks.append("unsure: day and month may be exchanged")
    remarks.append(f"unsure: the zone of these times; {zone} is a guess")
    form: dict[str, Any] = {} if not formats else {"format": formats[0] if len(formats) == 1 else list(formats)}
    return Guess(name, {"from": column.path, **form, "zone": zone}, tuple(remarks))


def _status(name: str, column: Column) -> Guess:
    values, unknown = {}, []
    for word in column.words:
        if word in STATUS_WORDS:
            continue
        if (status := STATUS_BY_WORD.get(letters(word))) is not None:
            values[word] = status
        else:
            unknown.append(word)
    remarks = (f"unsure: these words count as active: {', '.join(unknown)}",) if unknown else ()
    return Guess(name, {"from": column.path, "values": values} if values else column.path, remarks)


def _deleted(name: str, column: Column) -> Guess:
    words = [word for word in column.words if letters(word) in YES_WORDS]
    return Guess(name, {"from": column.path, "equals": words or ["yes"]})


def _list(name: str, column: Column) -> Guess:
    text = "".join(column.texts)
    separator = max(_SEPARATORS, key=text.count)
    if separator in _KNOWN_SEPARATORS or separator not in text:
        return Guess(name, column.path)
    return Guess(name, {"from": column.path, "split": separator})


_GUESSES: Final[Mapping[str, Callable[[str, Column], Guess]]] = {
    "status": _status,
    "deleted": _deleted,
    **dict.fromkeys(_LISTS, _list),
}
