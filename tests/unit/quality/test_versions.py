"""Which version of a rule is shown while a new one is being judged."""

from datetime import UTC, datetime
from typing import Any

from docustore.quality.versions import Counted, Shown, kept_copy, shown_version

AT = datetime(2026, 11, 26, tzinfo=UTC)
NEW, OLD = "r@new", "r@old"


def counted(rules: dict[str, dict[str, int]], *, users: int = 10, **parts: Any) -> Counted:
    return Counted(totals={"users": users, "rules": rules}, **parts)


def shown(found: Counted, *, is_clock: bool = False) -> Shown:
    return shown_version("r", NEW, found, is_clock=is_clock)


def test_declared_version_that_is_complete_is_shown() -> None:
    found = shown(counted({NEW: {"users": 10, "violated": 1}, OLD: {"users": 0}}))

    assert (found.rule_id, found.is_complete, found.kept_at) == (NEW, True, None)
    assert found.figures["violated"] == 1


def test_old_version_is_shown_before_the_listener_judges_by_the_new_one() -> None:
    found = shown(counted({OLD: {"users": 10, "violated": 4}}))

    assert (found.rule_id, found.is_complete, found.figures["violated"]) == (OLD, True, 4)


def test_copy_is_shown_while_users_move_to_the_new_version() -> None:
    before = counted({OLD: {"users": 10, "violated": 4, "skipped": 1}})
    copy = kept_copy(before, configuration="c2", at=AT)

    found = shown(counted({OLD: {"users": 6, "violated": 2}, NEW: {"users": 4}}, kept=copy))

    assert (found.rule_id, found.is_complete, found.kept_at) == (OLD, True, AT)
    assert {name: found.figures[name] for name in ("users", "violated", "skipped", "inapplicable")} == {
        "users": 10,
        "violated": 4,
        "skipped": 1,
        "inapplicable": 0,
    }


def test_new_rule_has_nothing_to_show() -> None:
    found = shown(counted({NEW: {"users": 4}, "other@1": {"users": 10}, "r2@1": {"users": 10}}))

    assert (found.rule_id, found.is_complete) == (NEW, False)


def test_empty_store_is_complete() -> None:
    assert shown(Counted(totals={})).is_complete


def test_rule_of_time_shows_only_a_rule_of_time() -> None:
    of_time = of_clock(10)

    assert shown(of_time, is_clock=True).rule_id == OLD
    assert not shown(of_time, is_clock=False).is_complete
    assert not shown(counted({OLD: {"users": 10}}), is_clock=True).is_complete


def of_clock(users: int) -> Counted:
    totals = {"users": 10, "rules": {OLD: {"users": users}}, "years": {OLD: {"2026": users}}}
    return Counted(totals=totals)


def test_copy_of_a_rule_of_time_has_the_violations_of_its_time() -> None:
    copy = kept_copy(of_clock(10), configuration="c", at=AT, too_old={OLD: 7})

    found = shown(Counted(totals=of_clock(6).totals, kept=copy), is_clock=True)

    assert (found.rule_id, found.is_complete, found.kept_at) == (OLD, True, AT)
    assert (found.figures["users"], found.figures["violated"]) == (10, 7)


def test_copy_of_a_rule_of_time_is_shown_only_for_one() -> None:
    """The limits of the declared rule apply only to a rule of the same kind."""
    copy = kept_copy(of_clock(10), configuration="c", at=AT, too_old={OLD: 7})

    assert not shown(Counted(totals=of_clock(6).totals, kept=copy), is_clock=False).is_complete


def test_rule_of_time_without_its_violations_is_not_copied() -> None:
    assert kept_copy(of_clock(10), configuration="c", at=AT)["rules"] == {}


def test_interrupted_build_keeps_the_last_complete_version() -> None:
    """The rules change a second time before the first change is complete."""
    first = kept_copy(counted({OLD: {"users": 10, "violated": 4}}), configuration="c2", at=AT)
    half = counted({OLD: {"users": 6}, "r@half": {"users": 4}, "s@1": {"users": 10}}, kept=first)

    second = kept_copy(half, configuration="c3", at=AT)

    assert second["configuration"] == "c3"
    assert {name: each["id"] for name, each in second["rules"].items()} == {"r": OLD, "s": "s@1"}


def test_copy_is_replaced_by_a_later_complete_version() -> None:
    first = kept_copy(counted({OLD: {"users": 10}}), configuration="c2", at=AT)

    later = kept_copy(counted({OLD: {"users": 0}, NEW: {"users": 10}}, kept=first), configuration="c3", at=AT)

    assert later["rules"]["r"]["id"] == NEW
