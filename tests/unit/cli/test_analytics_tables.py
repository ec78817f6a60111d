"""Reports of analytics on a terminal: nothing is cut at 80 columns."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from rich.console import Console

from docustore.analytics.cube.ages_report import PERCENTILES
from docustore.analytics.cube.tables import Cell, Table
from docustore.cli.analytics_tables import report_table

DAY = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = datetime(2026, 10, 25, 2, tzinfo=timezone(timedelta(hours=2)))
COHORTS = (
    "value", "cohort", "registered", "present", "active", "month", "offset", "retained", "retained_pct",
    "is_unfinished",
)  # fmt: skip
REGISTRATIONS = ("period", "start", "end", "is_partial", "value", "registered", "present", "growth_pct")
TRANSITIONS = ("period", "start", "end", "is_partial", "from", "to", "changes")
USERS = ("dimension", "value", "registered", "present", "ended", "present_pct")
AGES = ("value", "users", "unknown", "average_days", *(f"p{rank}" for rank in PERCENTILES))


def cohort(value: str | None) -> tuple[Cell, ...]:
    return value, "2025-12", 1_234_567, 1_234_567, 123_456, "2026-11", 11, 1_234_567, 100.0, True


ROWS: list[tuple[Sequence[str], tuple[Cell, ...]]] = [
    (COHORTS, cohort(None)),
    (COHORTS, cohort("suspended")),
    (COHORTS, cohort("Llanfairpwllgwyngyll")),
    (REGISTRATIONS, ("previous", DAY, DAY, True, None, 1_234_567, 1_234_567, None)),
    (REGISTRATIONS, ("previous", HOUR, HOUR, False, "Llanfairpwllgwyngyll", 123_456, 123_456, -100.25)),
    (TRANSITIONS, ("previous", HOUR, HOUR, False, "suspended", "suspended", 1_234_567)),
    (USERS, ("language", "Llanfairpwllgwyngyll" * 4, 1_234_567, 1_234_567, 1_234_567, 100.25)),
    (AGES, ("suspended", 1_234_567, 123_456, 1234.25, 1234, 1234, 1234, 1234, 1234, 1234)),
]


def printed(columns: Sequence[str], *rows: tuple[Cell, ...], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(report_table(Table(columns=columns, rows=rows)))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize(("columns", "row"), ROWS)
def test_heads_and_numbers_are_whole_at_80_columns(columns: Sequence[str], row: tuple[Cell, ...]) -> None:
    words = printed(columns, row).replace("*", "").split()
    left_out = {"end", "offset", "is_unfinished"}
    shown = [
        (name, cell) for name, cell in zip(columns, row, strict=True) if cell is not None and name not in left_out
    ]

    assert {word for name, _ in shown for word in name.split("_")} <= set(words)
    assert {str(cell) for _, cell in shown if isinstance(cell, int | float) and not isinstance(cell, bool)} <= set(
        words
    )


@pytest.mark.parametrize(("columns", "row"), ROWS)
def test_texts_are_whole_in_several_lines(columns: Sequence[str], row: tuple[Cell, ...]) -> None:
    text = printed(columns, row)
    texts = [cell for cell in row if isinstance(cell, str)]

    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert all(text.count(letter) >= sum(each.count(letter) for each in texts) for letter in set("".join(texts)))


def test_cohorts_of_a_value_are_one_line_each_at_120_columns() -> None:
    [_, _, line, *_] = printed(COHORTS, cohort("Llanfairpwllgwyngyll"), width=120).splitlines()

    assert line.split() == [
        "Llanfairpwllgwyngyll", "2025-12", "1234567", "1234567", "123456", "2026-11*", "1234567", "100.0",
    ]  # fmt: skip


def test_star_marks_a_month_that_has_not_ended() -> None:
    ended = (*cohort(None)[:5], "2026-10", 10, 5, 50.0, False)
    text = printed(COHORTS, ended, cohort(None))

    assert "2026-10 " in text
    assert "2026-11*" in text
    assert "* The month has not ended" in text
    assert "*" not in printed(COHORTS, ended)


def test_day_of_a_bucket_stands_alone_and_an_hour_with_its_distance_from_utc() -> None:
    row = ("current", DAY, DAY, False, "active", "inactive", 5)
    hour = ("current", HOUR, HOUR, False, "active", "inactive", 5)

    assert "2026-10-01 " in printed(TRANSITIONS, row)
    assert "00:00" not in printed(TRANSITIONS, row)
    assert "2026-10-25 02:00+02:00" in printed(TRANSITIONS, hour, width=120)


def test_column_without_a_value_is_left_out() -> None:
    assert "value" not in printed(COHORTS, cohort(None))
    assert "value" in printed(COHORTS)
