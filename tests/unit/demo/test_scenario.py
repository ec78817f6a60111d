"""The steps of the demonstration at a full hour, with scripted answers."""

from collections.abc import Iterator
from typing import Any

import httpx2

from docustore.demo.scenario import Outcome, Scenario

NOTHING = {"inserted": 0, "updated": 0, "deactivated": 0}


def run(run_id: str, *, state: str = "succeeded", inserted: int = 0) -> dict[str, Any]:
    return {"id": run_id, "state": state, "error": None, "counts": {**NOTHING, "inserted": inserted, "read": 5}}


async def played(*listings: list[dict[str, Any]]) -> Outcome:
    """Play against an API with the given listings of `/etl/runs`; the last repeats."""
    shown: Iterator[list[dict[str, Any]]] = iter(listings[:-1])

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/etl/runs":
            return httpx2.Response(200, json={"items": next(shown, listings[-1])})
        if path.startswith("/etl/runs/"):
            known = {entry["id"]: entry for listing in listings for entry in listing}
            return httpx2.Response(200, json=known[path.rpartition("/")[2]])
        answers = {
            "/etl/trigger": {"id": "asked"},
            "/changes/status": {"is_caught_up": True, "applied": 5},
            "/changes/effects": [{"name": "user_quality", "state": "live", "lag_s": 0.0}],
            "/quality/report": {"score": 93.55},
        }
        return httpx2.Response(200, json=answers.get(path, {}))

    transport = httpx2.MockTransport(answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        return await Scenario(client, client, lambda _step, _done: None).play()


async def test_runs_are_those_of_schedule_and_request() -> None:
    first, asked = run("hour", inserted=5), run("asked", inserted=1)

    outcome = await played([], [first], [asked, first])

    assert outcome.runs == (first, asked)


async def test_run_merged_into_the_next_hour_is_followed() -> None:
    merged, hour, asked = run("early", state="superseded"), run("hour", inserted=5), run("asked", inserted=1)

    outcome = await played([run("early", state="due")], [hour, merged], [asked, hour, merged])

    assert outcome.runs == (hour, asked)


async def test_changes_that_the_next_hour_read_are_shown() -> None:
    first, hour, asked = run("hour", inserted=5), run("next", inserted=2), run("asked")

    outcome = await played([first], [asked, hour, first])

    assert outcome.runs == (first, hour)
