"""The id of a request: the caller's if it is usable, else a new one."""

import re
from typing import Any

import pytest

from docustore.api.request_ids import MAX_CHARS, request_id


def scope(*given: bytes) -> Any:
    return {"headers": [(b"host", b"x"), *((b"x-request-id", value) for value in given)]}


@pytest.mark.parametrize(
    "given", [b"7", b"0af7651916cd43dd8448eb211c80319c", b"a.b_c:d+e/f=g@h-i", b"x" * MAX_CHARS]
)
def test_well_formed_id_is_kept(given: bytes) -> None:
    assert request_id(scope(given)) == given.decode()


@pytest.mark.parametrize(
    "given",
    [
        (),
        (b"",),
        (b"-7",),
        (b"a b",),
        (b'a"b',),
        (b"a\nb",),
        ("\u00e9".encode(),),
        (b"x" * (MAX_CHARS + 1),),
        (b"1", b"2"),
    ],
)
def test_any_other_id_is_replaced(given: tuple[bytes, ...]) -> None:
    assert re.fullmatch("[0-9a-f]{32}", request_id(scope(*given)))


def test_request_keeps_its_id() -> None:
    one, other = scope(), scope()

    assert request_id(one) == request_id(one) != request_id(other)
