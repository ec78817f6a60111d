"""The page about queries agrees with the language."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.allowed import STAGES, require_allowed
from docustore.analytics.query.compile import compile_query
from docustore.analytics.query.cost import MAX_GROUPS
from docustore.analytics.query.fields import FILTER_FIELDS, Operator
from docustore.analytics.query.metrics import METRICS
from docustore.analytics.query.model import MAX_ROWS, MAX_VALUES, QueryInput
from docustore.reports.bodies import ReportInput

PAGE = (Path(__file__).parents[4] / "docs" / "queries.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", QUESTIONS)
def test_every_question_of_the_page_is_valid(text: str) -> None:
    query = QueryInput.model_validate(json.loads(text))

    require_allowed(compile_query(query, now=datetime(2026, 11, 1, tzinfo=UTC)).pipeline)


def test_report_of_the_page_is_valid() -> None:
    [text] = re.findall(r"^\$ cat report.json\n(.*?)^\$", PAGE, re.MULTILINE | re.DOTALL)

    assert ReportInput.model_validate(json.loads(text)).query == "admins"


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_metric_has_its_row(metric) -> None:
    assert f"| `{metric.name}` | {metric.meaning} | {metric.additivity} |" in PAGE


@pytest.mark.parametrize(
    "name", [*DIMENSIONS, *FILTER_FIELDS, *Operator, *sorted(STAGES), *QueryInput.model_fields]
)
def test_every_word_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("limit", [MAX_ROWS, MAX_VALUES, MAX_GROUPS])
def test_limits_are_those_of_the_code(limit: int) -> None:
    assert f"{limit:,}" in PAGE
