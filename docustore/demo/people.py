"""The people in the demonstration's directory; equal seeds give equal people."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Final

import msgspec
from anyascii import anyascii

_DOMAINS: Final = ("example.org", "mail.example.com", "corp.example.net", "students.example.edu", "bücher.example")
_NOT_LOCAL: Final = re.compile(r"[^a-z0-9]+")


class Region(msgspec.Struct, frozen=True):
    """Names, places and time offsets (minutes east of UTC) of one region."""

    first: list[str]
    last: list[str]
    places: list[str]
    offsets: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person; `email` is valid, lower-case and unique."""

    first_name: str
    last_name: str
    email: str
    location: str
    offset_min: int


@cache
def regions() -> tuple[Region, ...]:
    """Read the names once."""
    text = (files(__package__) / "people.toml").read_text(encoding="utf-8")
    return tuple(msgspec.convert(tomllib.loads(text)["region"], list[Region]))


def person(number: int, *, seed: int) -> Person:
    """Return the person of this number, independent of the size of the directory."""
    # Not for secrets. Seeded with text, so that adjacent numbers give unrelated people.
    random = Random(f"{seed}:person:{number}")  # noqa: S311
    region = random.choice(regions())
    first_name, last_name = random.choice(region.first), random.choice(region.last)
    words = [_NOT_LOCAL.sub("", anyascii(name).lower()) for name in (first_name, last_name)]
    local = random.choice((".", "_", "")).join(words)[:50]
    return Person(
        first_name=first_name,
        last_name=last_name,
        email=f"{local}{number}@{random.choice(_DOMAINS)}",
        location=random.choice(region.places),
        offset_min=random.choice(region.offsets),
    )
