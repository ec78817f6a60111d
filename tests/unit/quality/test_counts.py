"""Counters: moved by any history of verdicts, they equal a recount."""

from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docustore.quality.counts import QualityCounts
from docustore.quality.stored import figures_of
from docustore.quality.verdict import SHAPE, Verdict, hash_of

TIMES = st.datetimes(datetime.fromisoformat("2025-12-30"), datetime.fromisoformat("2026-01-03"))
VERDICTS = st.none() | st.builds(
    lambda lists, at, value, shape: Verdict(
        passed=(lists == 0 and ["a@1"]) or [],
        violated=(lists == 1 and ["a@1"]) or [],
        skipped=(lists == 2 and ["a@1"]) or [],
        inapplicable=(lists == 3 and ["a@1"]) or [],
        clocks=[{"rule": "old@1", "at": at}],
        keys=[{"rule": "one@1", "value": hash_of(value)}],
        **shape,
    ),
    st.integers(0, 3),
    TIMES,
    st.sampled_from(["x", "y"]),
    # A verdict of an older release has none.
    st.sampled_from([{}, {"shape": SHAPE}]),
)


def moved(history: list[tuple[int, Verdict | None]]) -> tuple[dict[str, int], dict[int, Verdict | None]]:
    """Apply a history change by change, as the effect does; return the figures and the last verdicts."""
    stored: dict[str, int] = {}
    values: dict[tuple[str, str], int] = {}
    last: dict[int, Verdict | None] = {}
    for user, verdict in history:
        difference = QualityCounts()
        difference.add(last.get(user), -1)
        difference.add(verdict, 1)
        for rule_id, number in difference.shared(values).items():
            difference.rules[rule_id, "violated"] += number
        for document, increments in difference.increments().items():
            for name, number in increments.items():
                stored[f"{document}: {name}"] = stored.get(f"{document}: {name}", 0) + number
        for value, number in difference.values.items():
            values[value] = values.get(value, 0) + number
        last[user] = verdict
    return {name: number for name, number in stored.items() if number}, last


@given(st.lists(st.tuples(st.integers(0, 4), VERDICTS), max_size=30))
def test_differences_add_up_to_a_recount(history: list[tuple[int, Verdict | None]]) -> None:
    figures, last = moved(history)
    counts = QualityCounts()
    for verdict in last.values():
        counts.add(verdict, 1)
    for rule_id, number in counts.shared({}).items():
        counts.rules[rule_id, "violated"] += number

    assert figures == {
        f"{document}: {name}": number
        for document, names in counts.increments().items()
        for name, number in names.items()
    }


def test_second_user_of_a_value_makes_two_violations_and_its_end_none() -> None:
    key: Any = {"clocks": [], "passed": [], "violated": [], "skipped": [], "inapplicable": []}
    verdict = Verdict(**key, keys=[{"rule": "one@1", "value": "v"}])

    violated = [moved([(user, verdict) for user in range(users)])[0].get("totals: rules.one@1.violated", 0)
                for users in range(4)]  # fmt: skip
    after_the_end = moved([(1, verdict), (2, verdict), (1, None)])[0]

    assert violated == [0, 0, 2, 3]
    assert "totals: rules.one@1.violated" not in after_the_end


def test_names_of_stored_figures() -> None:
    rules = {"a@1": {"users": 2, "violated": 1}}
    times = {"years": {"old@1": {"2026": 2}}, "months": {"old@1": {"2026": {"01": 2}}}}
    month = {"_id": "times:old@1:2026-01", "days": {"31": 2}, "slots": {"31": {"00": 2}}}

    assert figures_of({"_id": "totals", "users": 2, "rules": rules, **times}) == {
        "totals: users": 2,
        "totals: rules.a@1.users": 2,
        "totals: rules.a@1.violated": 1,
        "totals: years.old@1.2026": 2,
        "totals: months.old@1.2026.01": 2,
    }
    assert figures_of(month) == {"times:old@1:2026-01: days.31": 2, "times:old@1:2026-01: slots.31.00": 2}
    assert figures_of({"_id": "kept", "configuration": "c", "rules": {"a": {"id": "a@1", "users": 2}}}) == {}
