"""Exact answers: what a person can do when one takes too long."""

from typing import Any

import pytest

from docustore.analytics.cube.answers import CubeQuestion
from docustore.analytics.cube.exact import Exact
from docustore.errors import QueryTimedOutError


async def test_slow_answer_names_parameters_that_exist() -> None:
    """These routes have no `time.since`; that is a word of the query language."""
    database: Any = None

    with pytest.raises(QueryTimedOutError, match="leave out `exact`") as refused:
        await Exact(database=database, max_time_ms=0).answer(CubeQuestion())

    assert "time.since" not in str(refused.value)
