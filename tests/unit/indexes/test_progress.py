"""A build's progress as the server words it becomes a bar."""

from indexes.progress import bar_of


def test_phase_and_counts_are_read() -> None:
    build = {
        "ns": "shop.users",
        "msg": "Index Build: scanning collection Index Build: scanning collection: 4/10 40%",
        "progress": {"done": 4, "total": 10},
    }

    assert bar_of(build) == {"description": "shop.users: scanning collection", "completed": 4, "total": 10}


def test_phase_without_counts_keeps_the_bar() -> None:
    build = {"ns": "shop.users", "msg": "Index Build: draining writes received during build"}

    assert bar_of(build) == {"description": "shop.users: draining writes received during build"}
