"""What an earlier layout had applied beyond the position of the next one."""

import pytest
from bson.timestamp import Timestamp

from docustore.changes.events import just_after, just_before
from docustore.changes.floors import Floor, bound_of, floors_of, remaining, stored_floors
from docustore.changes.pipeline import StartPoint
from tests.unit.changes.make import token_at

AT = Timestamp(5, 7)
# A token of the server's own, made for an empty reply: a type of its own follows the time.
BETWEEN = {"_data": "8200000005000000072B0229296E04"}


def _data(time: Timestamp) -> str:
    data: str = token_at(time.time, time.inc)["_data"]
    return data


@pytest.mark.parametrize(
    "start", [StartPoint(token=token_at(5, 7)), StartPoint(token=BETWEEN), StartPoint(start_at=just_after(AT))]
)
def test_everything_up_to_the_cluster_time_is_applied(start: StartPoint) -> None:
    bound = bound_of(start, AT)

    assert _data(just_before(AT)) < _data(AT) < bound < _data(just_after(AT))
    assert bound < _data(Timestamp(6, 1))


def test_part_of_a_transaction_is_applied_up_to_its_token() -> None:
    """The changes of a transaction share a cluster time; the position stands between two of them."""
    token = token_at(5, 7)

    bound = bound_of(StartPoint(token=token), just_before(AT))

    assert bound == token["_data"]
    assert bound < token["_data"] + "01"


def test_floor_ends_when_it_is_passed() -> None:
    floors = (Floor(of=2, after=("a", "b"), until=AT), Floor(of=3, after=("a", "b", "c"), until=just_after(AT)))

    assert remaining(floors, just_before(AT)) == floors
    assert remaining(floors, AT) == floors[1:]
    assert remaining(floors, just_after(AT)) == ()


@pytest.mark.parametrize("floors", [(), (Floor(of=2, after=("a", "b"), until=AT),)])
def test_floors_survive_storage(floors: tuple[Floor, ...]) -> None:
    assert floors_of(stored_floors(floors)) == floors
