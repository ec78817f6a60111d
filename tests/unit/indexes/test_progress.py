"""A build's progress as the server words it becomes a bar."""

from indexes.progress import bar_of, builds_pipeline


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


def test_builds_of_one_database_are_asked_for() -> None:
    """`allUsers`: another process may have started the build."""
    current, match, project = builds_pipeline("shop")

    assert current == {"$currentOp": {"allUsers": True, "idleConnections": False}}
    assert match["$match"] == {
        "command.$db": "shop",
        "command.createIndexes": {"$exists": True},
        "msg": {"$exists": True},
    }
    assert project == {"$project": {"ns": 1, "msg": 1, "progress": 1}}
