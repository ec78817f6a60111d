"""Random values of users, ordinary and odd ones; a seed gives the same ones."""

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from bson import ObjectId

FIRST_NAMES: Final = ("Ada", "Bo", "Zoë", "José", "Eve", "Finn")
LAST_NAMES: Final = ("Lovelace", "Byron", "Núñez", "Smith", "Jones", "Doe", "de Vries")
LOCATIONS: Final = ("Delft", "Bergen", "São Paulo", "a.$b", "$c", "Kathmandu")
AVATARS: Final = ("https://img.example.org/1.png", "http://img.example.org/2.png")
STATUSES: Final = ("active", "inactive", "suspended")
LANGUAGES: Final = ("en", "nl", "fr", "xx")
ROLES: Final = ("staff", "admin", "user")
TAGS: Final = ("vip", "new", "a.b", "$t")
# The validator of the collection lets them through.
MALFORMED: Final = ("two..dots{}@example.org", ".dot{}@example.org")
BLANK_SHARE: Final = 0.1


class Values:
    """Random values; no time is near the limit of a rule of time.

    Args:
        begin: Naive time in UTC; all registrations are before it.
        people: How many mailboxes there are. Several addresses belong to one mailbox.
    """

    def __init__(self, random: Random, *, begin: datetime, people: int) -> None:
        self._random = random
        self._begin = begin
        self._people = people

    def time(self) -> datetime:
        """Choose a moment of the last 900 days, at least six hours before or after any whole day."""
        ago = timedelta(days=self._random.randrange(900), hours=6, minutes=self._random.randrange(600))
        return self._begin - ago

    def first_name(self) -> str:
        return self._or_blank(FIRST_NAMES)

    def last_name(self) -> str:
        return self._or_blank(LAST_NAMES)

    def status(self) -> str:
        return self._random.choice(STATUSES)

    def labels(self, words: tuple[str, ...]) -> list[str]:
        return self._random.sample(words, k=self._random.randrange(3))

    def email(self) -> str:
        """Choose an address in its stored spelling."""
        number = self._random.randrange(self._people)
        form = self._random.choice(("person{}@example.org", "person{}+a@example.org", "p.erson{}@gmail.com"))
        return form.format(number)

    def foreign_email(self) -> str:
        """Choose an address; some of them cannot receive mail."""
        if self._random.random() < 0.9:
            return self.email()
        return self._random.choice(MALFORMED).format(self._random.randrange(self._people))

    def profile(self) -> dict[str, Any]:
        """Make a whole profile that the API accepts."""
        return {
            "avatar": self._random.choice((None, *AVATARS)),
            "bio": self._random.choice((None, "Likes cats.", f"Number {self._random.randrange(50)}")),
            "location": self._random.choice((None, *LOCATIONS)),
            "preferences": {
                "notifications": self._random.random() < 0.5,
                "theme": self._random.choice(("light", "dark")),
                "language": self._random.choice(LANGUAGES),
            },
        }

    def foreign_profile(self) -> dict[str, Any]:
        """Make a profile with missing parts and an avatar that no page may show."""
        profile = self.profile()
        profile["avatar"] = self._random.choice((profile["avatar"], "javascript:alert(1)", "ftp://example.org/1"))
        for name in self._random.sample(sorted(profile), k=self._random.randrange(3)):
            del profile[name]
        return profile

    def user(self) -> dict[str, Any]:
        """Make a user as another client writes it: with few of the fields of the model."""
        everything = {
            "first_name": self.first_name(),
            "last_name": self.last_name(),
            "status": self.status(),
            "profile": self.foreign_profile(),
            "roles": self.labels(ROLES),
            "tags": self.labels(TAGS),
            "identities": [],
            "created_at": self.time(),
            "updated_at": self.time(),
            "deleted_at": None,
            "version": 1,
        }
        missing = self._random.sample(sorted(everything), k=self._random.randrange(4))
        kept = {name: value for name, value in everything.items() if name not in missing}
        return {"_id": ObjectId(), "email": self.foreign_email(), **kept}

    def changed(self) -> dict[str, Any]:
        """Choose a few fields and their new values."""
        user = self.user()
        names = [name for name in user if name != "_id"]
        return {name: user[name] for name in self._random.sample(names, k=self._random.randint(1, 3))}

    def record(self, number: int, *, modified_at: datetime) -> dict[str, Any]:
        """Make a record of an upstream system: a tombstone, or a person with an address that may move."""
        stamp = {"id": number, "modified_at": f"{modified_at.isoformat()}Z"}
        if self._random.random() < 0.06:
            return {**stamp, "deleted": True}
        person = number if self._random.random() < 0.8 else self._random.randrange(self._people)
        email = f" Person{person}@Example.ORG " if self._random.random() < 0.1 else f"person{person}@example.org"
        record = {
            **stamp,
            "email": "not an address" if self._random.random() < 0.02 else email,
            "first_name": self.first_name(),
            "last_name": self.last_name(),
            "status": self.status(),
            "created_at": f"{self.time().isoformat()}Z",
            "roles": self.labels(ROLES),
            "tags": self.labels(TAGS),
            **self.profile(),
        }
        for name in self._random.sample(("first_name", "last_name", "tags", "created_at"), k=1):
            del record[name]
        return record

    def _or_blank(self, words: tuple[str, ...]) -> str:
        return self._random.choice(("", " ") if self._random.random() < BLANK_SHARE else words)
