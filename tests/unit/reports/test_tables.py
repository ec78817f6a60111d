"""Answers as files that people open: nothing in them runs."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.analytics.query.answers import QueryAnswer, Source, columns_of
from docustore.analytics.query.model import QueryInput
from docustore.reports.tables import csv_of, html_of

SLOT = datetime(2026, 11, 26, 8, tzinfo=UTC)
QUERY = QueryInput.model_validate({"metrics": ["users", "average_age_days"], "dimensions": ["location"]})


def answered(*rows: list[Any], **parts: Any) -> QueryAnswer:
    told = {
        "source": Source.MART,
        "as_of": SLOT,
        "lag_s": 0.0,
        "is_exact": True,
        "is_truncated": False,
        "metrics": {},
        **parts,
    }
    return QueryAnswer(columns=columns_of(QUERY), rows=list(rows), **told)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("https://x")'])
def test_csv_runs_no_cell_as_a_formula(text: str) -> None:
    rows = list(csv.reader(io.StringIO(csv_of(answered([text, 1, 2.5])), newline="")))

    assert rows == [["location", "users", "average_age_days"], [f"'{text}", "1", "2.5"]]


def test_csv_keeps_quotes_lines_and_nulls() -> None:
    rows = list(csv.reader(io.StringIO(csv_of(answered(['a "b"\r\nc,d', 1, None])), newline="")))

    assert rows[1] == ['a "b"\r\nc,d', "1", ""]


def test_html_runs_no_text() -> None:
    page = html_of(answered(["<script>alert(1)</script>", 1, None]), title='<b>"t"', slot=SLOT)

    assert "<script" not in page
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page
    assert "<title>&lt;b&gt;&quot;t&quot;</title>" in page


def test_html_says_what_the_rows_are() -> None:
    page = html_of(answered(["Delft", 1, 2.0], is_truncated=True, is_exact=False), title="t", slot=SLOT)

    assert (
        "Report of 2026-11-26 08:00 UTC: the first 1 rows, as of 2026-11-26 08:00:00 UTC, by mart, not exact."
        in page
    )
