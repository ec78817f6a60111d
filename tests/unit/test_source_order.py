"""Orders between sources that are refused at the start."""

import pytest

from docustore.config import Settings
from docustore.config_loading import load_settings
from docustore.errors import ConfigurationError
from docustore.source_order import require_possible_order
from docustore.source_settings import SourceSettings


def source(*after: str, schedule: str = "hourly") -> SourceSettings:
    return SourceSettings(kind="file", url="users.json", after=after, schedule=schedule)


def test_chain_and_diamond_are_possible() -> None:
    require_possible_order({"a": source(), "b": source("a"), "c": source("a"), "d": source("b", "c")})


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ({"a": source("a")}, "a after a"),
        ({"a": source("b"), "b": source("c"), "c": source("a")}, "wait for each other: "),
        ({"a": source("b")}, "'b', which is not configured"),
        ({"a": source("b"), "b": source(schedule="off")}, "b, which has no schedule"),
    ],
)
def test_impossible_order_is_refused(sources: dict[str, SourceSettings], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        require_possible_order(sources)


def test_cycle_is_named_from_a_source_to_itself() -> None:
    with pytest.raises(ValueError, match="each other") as caught:
        require_possible_order({"a": source("b"), "b": source("a")})

    assert "a after b after a" in str(caught.value) or "b after a after b" in str(caught.value)


def test_settings_with_a_cycle_do_not_load() -> None:
    with pytest.raises(ConfigurationError, match="sources: the sources wait for each other"):
        load_settings(sources={"a": source("b"), "b": source("a")})


def test_settings_with_an_order_load() -> None:
    settings: Settings = load_settings(sources={"a": source(), "b": source("a")})

    assert settings.sources["b"].after == ("a",)
