"""The verdict of all rules on one user. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Final, Literal, NamedTuple, NotRequired, TypedDict

from docustore.clock import as_naive_utc
from docustore.errors import NotFoundError
from docustore.quality.rules import Applies, Holds, NotOlderThan, Rule, RuleLabels, User, labels_of

_HASH_BYTES: Final = 12
# Verdicts without a shape do not move the counters of months and quarter hours: see `counts`.
SHAPE: Final = 3


class Clock(TypedDict):
    """The time that a rule watches: rule id, naive time in UTC."""

    rule: str
    at: datetime


class Key(TypedDict):
    """The value that must be unique: rule id, digest of the value."""

    rule: str
    value: str


class Verdict(TypedDict):
    """What is stored for each user; rule ids, each in exactly one place.

    `shape` says which counters the verdict moves; it is missing in verdicts of older releases.

    `passed` and `violated` were judged. `skipped` could not be judged. `inapplicable` rules do not concern the
    user. Whether the rules of `clocks` and `keys` hold depends on the time and on other users.
    """

    passed: list[str]
    violated: list[str]
    skipped: list[str]
    inapplicable: list[str]
    clocks: list[Clock]
    keys: list[Key]
    shape: NotRequired[int]


@dataclass(frozen=True)
class RuleSet:
    """The rules of a store, in the order of the report."""

    rules: Sequence[Rule]

    @cached_property
    def identified(self) -> tuple[tuple[Rule, str], ...]:
        """Each rule with its id."""
        # An id reads the source of the rule's functions, so it is made once.
        return tuple((rule, rule.id) for rule in self.rules)

    @cached_property
    def labels(self) -> tuple[RuleLabels, ...]:
        """What each rule says of itself, in the order of the rules."""
        return tuple(map(labels_of, self.rules))

    @cached_property
    def ids(self) -> dict[str, str]:
        """The id of each rule by its name."""
        return {rule.name: rule_id for rule, rule_id in self.identified}

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The top-level fields of a user that the rules read."""
        return tuple(sorted({"deleted_at", *(name for rule in self.rules for name in rule.fields)}))

    @cached_property
    def digest(self) -> str:
        """The digest of all ids: another value means that users must be judged again."""
        return blake2b("\0".join(sorted(self.ids.values())).encode(), digest_size=8).hexdigest()

    def find(self, name: str) -> Rule | None:
        """Return the rule of a name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def named(self, name: str) -> tuple[Rule, str]:
        """Return the rule of a name, and its id.

        Raises:
            NotFoundError: There is no such rule.
        """
        rule = self.find(name)
        if rule is None:
            raise NotFoundError(kind="rule", id=name)
        return rule, self.ids[name]

    def verdict_of(self, user: User) -> Verdict | None:
        """Judge a user; None for a deleted one, which no rule concerns."""
        if user.get("deleted_at") is not None:
            return None
        verdict = Verdict(passed=[], violated=[], skipped=[], inapplicable=[], clocks=[], keys=[], shape=SHAPE)
        for judge in self._judges:
            _note(judge, user, verdict)
        return verdict

    @cached_property
    def _judges(self) -> tuple["_Judge", ...]:
        """The functions of each rule; the hot path of a build."""
        return tuple(_judge_of(rule, rule_id) for rule, rule_id in self.identified)


class _Judge(NamedTuple):
    """One rule: `find` returns a verdict, a time or a value; None = `without`.

    Anything that is not of the type `kind` is not evaluated.
    """

    rule_id: str
    applies: Applies | None
    find: Callable[[User], bool | datetime | str | None]
    kind: type[bool | datetime | str]
    without: Literal["skipped", "inapplicable"]


def _judge_of(rule: Rule, rule_id: str) -> _Judge:
    if isinstance(rule.check, Holds):
        return _Judge(rule_id, rule.applies, rule.check.test, bool, "skipped")
    if isinstance(rule.check, NotOlderThan):
        clock = rule.check.clock
        return _Judge(rule_id, rule.applies, lambda user: _as_stored(clock(user)), datetime, "skipped")
    return _Judge(rule_id, rule.applies, rule.check.value, str, "inapplicable")


def _note(judge: _Judge, user: User, verdict: Verdict) -> None:
    rule_id, applies, find, kind, without = judge
    try:
        if applies is not None and not applies(user):
            verdict["inapplicable"].append(rule_id)
            return
        found = find(user)
    except Exception:  # noqa: BLE001  # a rule of any author meets values of any client; the report counts it
        found, without = None, "skipped"
    if found is None:
        verdict[without].append(rule_id)
    elif not isinstance(found, kind):
        verdict["skipped"].append(rule_id)
    elif found is True:
        verdict["passed"].append(rule_id)
    elif found is False:
        verdict["violated"].append(rule_id)
    elif isinstance(found, datetime):
        verdict["clocks"].append({"rule": rule_id, "at": found})
    else:
        verdict["keys"].append({"rule": rule_id, "value": hash_of(found)})


def _as_stored(time: datetime | None) -> datetime | None:
    """Return a time as the store gives it back: naive, in UTC, with milliseconds.

    A verdict is counted out as it is stored. In another form it would be counted out of another day.
    """
    if not isinstance(time, datetime):
        return time
    utc = time if time.tzinfo is None else as_naive_utc(time)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def hash_of(value: str) -> str:
    """Return the stored form of a value that must be unique.

    Personal data is not stored twice.
    """
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).hexdigest()
