"""The page's words of the query language are those of the server."""

import json
import re
from pathlib import Path
from typing import Any

from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.fields import FILTER_FIELDS, OPERATORS, Operator
from docustore.analytics.query.metrics import METRICS
from docustore.analytics.query.model import Bucket, WeekStart
from docustore.dashboard.pages import STATIC_DIR

VIEWS = Path(str(STATIC_DIR)) / "views"
NAMES = (VIEWS / "query_names.js").read_text("utf-8")


def listed(name: str) -> Any:
    found = re.search(rf"export const {name} = (\{{.*?\}});", NAMES, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def keys_of(name: str, text: str = NAMES) -> set[str]:
    found = re.search(rf"export const {name} = \{{(.*?)\}};", text, re.DOTALL)
    assert found is not None
    return set(re.findall(r"(\w+): \"", found[1]))


def test_fields_have_the_operators_of_the_server() -> None:
    assert listed("FIELDS") == {name: kind.value for name, kind in FILTER_FIELDS.items()}
    assert listed("OPERATORS") == {kind.value: [op.value for op in ops] for kind, ops in OPERATORS.items()}
    assert keys_of("OPERATOR_WORDS") == set(Operator)


def test_metrics_dimensions_and_buckets_are_those_of_the_server() -> None:
    assert set(listed("METRICS")) == set(METRICS)
    assert keys_of("DIMENSIONS", (VIEWS / "distributions.js").read_text("utf-8")) == set(DIMENSIONS)
    assert keys_of("BUCKETS") == set(Bucket)
    assert keys_of("WEEK_STARTS") == set(WeekStart)
