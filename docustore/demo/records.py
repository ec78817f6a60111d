"""The records of the demonstration's directory, with realistic defects.

One mailbox under several ids and cases, invalid and empty addresses, missing names, every status word and an
unknown one, stray white space, both spellings of the fields, nested and flat preferences, bots, null profiles, and
times in the offsets of all continents. Deterministic: a record depends only on the seed and its number.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Final

from docustore.demo.directory import Entry, Fields, entry_of, milliseconds
from docustore.demo.people import Person, person

SPREAD: Final = timedelta(days=5 * 365)
STATUS_WORDS: Final = (
    *("active", "active", "active", "ACTIVE", "Active ", "enabled"),
    *("inactive", "disabled", "INACTIVE", "suspended", "blocked", "", None),
)
UNKNOWN_STATUS: Final = "on sabbatical"
UNKNOWN_THEME: Final = "solarized"
_ROLES: Final = ("member", "editor", "reviewer", "billing", "admin")
_TAGS: Final = ("newsletter", "beta", "partner", "alumni", "vip", "on-call")
_BROKEN_EMAILS: Final = (
    "not-an-address",
    "two@@example.org",
    "ada@",
    "@example.org",
    "a b@example.org",
    "x@localhost",
)
_CAMEL: Final = {
    "first_name": "firstName",
    "last_name": "lastName",
    "modified_at": "modifiedAt",
    "created_at": "createdAt",
}

Mess = Callable[[Fields, Random], None]


def make_records(count: int, *, seed: int, until: datetime, first: int = 0) -> Iterator[Entry]:
    """Generate the records `first` to `first + count - 1`.

    Args:
        until: Aware UTC, whole seconds. Users registered in the five years before it, and were modified later.
    """
    return (make_record(number, seed=seed, until=until) for number in range(first, first + count))


def make_record(number: int, *, seed: int, until: datetime) -> Entry:
    """Generate one record; equal numbers, seeds and times give equal records."""
    # Not for secrets. Each record has its own seed, so that it does not depend on the records before it.
    random = Random(f"{seed}:record:{number}")  # noqa: S311
    who = person(number, seed=seed)
    created_at = until - SPREAD * random.random() ** 1.5 - timedelta(seconds=1)
    created_at = created_at.replace(microsecond=created_at.microsecond // 1000 * 1000)
    modified_at = created_at + timedelta(seconds=int((until - created_at).total_seconds() * random.random()))
    zone = timezone(timedelta(minutes=who.offset_min))
    fields = _orderly(number, who, random)
    fields |= {
        "created_at": created_at.astimezone(zone).isoformat(),
        "modified_at": modified_at.astimezone(zone).isoformat(),
    }
    # The mailbox of an earlier person: one human, entered twice.
    if number and random.random() < DUPLICATE_SHARE:
        twin = person(random.randrange(number), seed=seed)
        fields["email"] = random.choice((twin.email, twin.email.upper(), twin.email.title()))
    for share, mess in MESSES:
        if random.random() < share:
            mess(fields, random)
    return entry_of(fields, key=(milliseconds(modified_at), fields["id"], 0))


def _orderly(number: int, who: Person, random: Random) -> Fields:
    return {
        "id": f"u{number:07d}",
        "email": who.email,
        "first_name": who.first_name,
        "last_name": who.last_name,
        "status": random.choice(STATUS_WORDS),
        "profile": {
            "avatar": f"https://avatars.example.org/{number}.png" if random.random() < 0.4 else None,  # noqa: PLR2004
            "bio": random.choice((None, "", f"Member no. {number}.", "Writes 📚, reads ☕\nand naps.")),
            "location": who.location,
            "preferences": {
                "notifications": random.choice((True, False, None)),
                "theme": random.choice(("light", "light", "dark", "Dark", None)),
                "language": random.choice(("en", "de", "zh-Hant", "pt-BR", "ar", None)),
            },
        },
        "roles": random.sample(_ROLES, random.choice((0, 1, 1, 1, 2))),
        "tags": random.sample(_TAGS, random.choice((0, 0, 1, 2))),
    }


def _spell_camel(fields: Fields, random: Random) -> None:
    del random
    for snake, camel in _CAMEL.items():
        if snake in fields:
            fields[camel] = fields.pop(snake)


def _flatten_preferences(fields: Fields, random: Random) -> None:
    del random
    if fields["profile"]:
        fields["profile"] |= fields["profile"].pop("preferences")


def _lose_profile(fields: Fields, random: Random) -> None:
    if random.random() < 0.5:  # noqa: PLR2004
        fields["profile"] = None
    else:
        del fields["profile"]


def _add_white_space(fields: Fields, random: Random) -> None:
    fields["email"] = f"  {fields['email']} "
    fields["first_name"] = f"{fields['first_name']}{random.choice((' ', chr(9), chr(0xA0) * 2))}"
    fields["last_name"] = f" {fields['last_name'].replace(' ', '   ')}\n"


def _lose_name(fields: Fields, random: Random) -> None:
    fields["last_name"] = random.choice(("", "   ", None))


def _become_bot(fields: Fields, random: Random) -> None:
    name = random.choice(("build", "deploy", "translation", "dependency-update"))
    fields |= {"first_name": f"{name}[bot]", "last_name": "", "roles": ["service"], "profile": None}


def _break_email(fields: Fields, random: Random) -> None:
    fields["email"] = random.choice(_BROKEN_EMAILS)


def _lose_email(fields: Fields, random: Random) -> None:
    fields["email"] = random.choice(("", "  ", None))


def _invent_status(fields: Fields, random: Random) -> None:
    del random
    fields["status"] = UNKNOWN_STATUS


def _invent_theme(fields: Fields, random: Random) -> None:
    del random
    fields["profile"]["preferences"]["theme"] = UNKNOWN_THEME


def _break_date(fields: Fields, random: Random) -> None:
    fields["created_at"] = random.choice(("yesterday", "2023-02-30T00:00:00Z", "0001-01-01T00:00:00Z"))


def _break_text(fields: Fields, random: Random) -> None:
    fields["first_name"] = random.choice(("null\x00byte", "long" * 100))


# Share of records with the mailbox of an earlier record.
DUPLICATE_SHARE: Final = 0.05
# Share of records with each defect. Order: defects that need complete fields first, the spelling last.
MESSES: Final[tuple[tuple[float, Mess], ...]] = (
    (0.03, _add_white_space),
    (0.005, _invent_theme),
    (0.03, _lose_name),
    (0.01, _become_bot),
    (0.02, _break_email),
    (0.01, _lose_email),
    (0.01, _invent_status),
    (0.002, _break_date),
    (0.002, _break_text),
    (0.05, _lose_profile),
    (0.3, lambda fields, random: _flatten_preferences(fields, random) if fields.get("profile") else None),
    (0.5, _spell_camel),
)
