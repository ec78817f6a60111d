"""Functions register for changes; a mistake is told at import."""

import pytest

from docustore.errors import ConfigurationError
from docustore.outbox.event import ChangeEvent
from docustore.outbox.handlers import REGISTERED, on_change


async def _ignore(_event: ChangeEvent) -> None:
    return


def test_handler_is_registered_by_its_name() -> None:
    function = on_change("users", "insert", fields=["profile.location"], name="registered-here")(_ignore)

    handler = REGISTERED.pop("handler:registered-here")
    assert function is _ignore
    assert (handler.kinds, handler.fields) == (("insert",), ("profile.location",))


def test_default_name_is_that_of_the_function() -> None:
    on_change("users")(_ignore)

    assert REGISTERED.pop(f"handler:{__name__}._ignore").kinds == ()


@pytest.mark.parametrize(
    ("arguments", "fields", "message"),
    [
        (("orders",), (), "no collection 'orders'"),
        (("users", "upsert"), (), "no operation 'upsert'"),
        (("users",), ("emial",), "no field 'emial'"),
    ],
)
def test_mistake_is_refused(arguments: tuple[str, ...], fields: tuple[str, ...], message: str) -> None:
    """A misspelt filter would never match, and no one would see why."""
    with pytest.raises(ConfigurationError, match=message):
        on_change(*arguments, fields=fields)


def test_name_of_another_handler_is_refused() -> None:
    async def other(_event: ChangeEvent) -> None:
        return

    on_change("users", name="taken")(_ignore)
    with pytest.raises(ConfigurationError, match="taken"):
        on_change("users", name="taken")(other)
    del REGISTERED["handler:taken"]


def test_name_with_a_colon_is_refused() -> None:
    """It would share the rows of another destination."""
    with pytest.raises(ConfigurationError, match="colon"):
        on_change("users", name="a:b")(_ignore)
