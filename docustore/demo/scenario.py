"""The main job, driven over HTTP only: two runs through the queue.

The first is the scheduled run of the hour, which a starting worker enqueues. Then the upstream directory changes,
and the scenario triggers a second, incremental run.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

import httpx2

from docustore.effect_states import BuildState
from docustore.errors import DemoError
from docustore.quality.stored import USER_QUALITY

SOURCE: Final = "directory"
SUCCEEDED: Final = "succeeded"
BUSY: Final = 409
SUPERSEDED: Final = "superseded"
FINAL_STATES: Final = frozenset({SUCCEEDED, "failed", "cancelled", SUPERSEDED})
WRITTEN: Final = ("inserted", "updated", "deactivated")
RUN_TIMEOUT_S: Final = 600.0
LISTENER_TIMEOUT_S: Final = 300.0
POLL_S: Final = 0.1

Run = Mapping[str, Any]
Report = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Duration of each part in seconds, as a waiting user sees it."""

    first_run_s: float
    second_run_s: float
    listener_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result: run records, upstream changes, and answers of the service."""

    runs: tuple[Run, Run]
    advanced: Mapping[str, Any]
    changes: Mapping[str, Any]
    analytics: Mapping[str, Any]
    quality: Mapping[str, Any]
    timings: Timings


class Scenario:
    """The steps of the demonstration on one service and one directory."""

    def __init__(self, api: httpx2.AsyncClient, upstream: httpx2.AsyncClient, report: Report) -> None:
        self._api = api
        self._upstream = upstream
        self._report = report

    async def play(self) -> Outcome:
        """Run all steps once.

        Raises:
            DemoError: A part answered with an error, or not in time.
        """
        started = time.monotonic()
        first = await self._scheduled_run()
        after_first = time.monotonic()
        await self._caught_up("listener, first run")
        advanced = await self._post(self._upstream, "/advance", {})
        before_second = time.monotonic()
        triggered = await self._triggered_run()
        await self._finished(triggered["id"], "second run")
        second = await self._run_with_the_changes(first)
        after_second = time.monotonic()
        changes = await self._caught_up("listener, second run")
        timings = Timings(
            first_run_s=round(after_first - started, 2),
            second_run_s=round(after_second - before_second, 2),
            listener_s=round(before_second - after_first + time.monotonic() - after_second, 2),
        )
        return Outcome(
            runs=(first, second),
            advanced=advanced,
            changes=changes,
            analytics=await self._get("/users/analytics"),
            quality=await self._judged(),
            timings=timings,
        )

    async def _scheduled_run(self) -> Run:
        """Wait for the scheduled run of the hour.

        Shortly before a full hour, the run may be merged into the run of the next hour.
        """
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while True:
            entered = [run for run in await self._runs() if run["state"] != SUPERSEDED]
            if entered and (run := await self._final(entered[-1]["id"], "first run"))["state"] != SUPERSEDED:
                return _succeeded(run)
            await self._pause(deadline, "the schedule enqueued no run")

    async def _triggered_run(self) -> Run:
        """Trigger a run, at a full hour after the scheduled run has ended."""
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while (response := await self._api.post("/etl/trigger", json={"source": SOURCE})).status_code == BUSY:
            await self._pause(deadline, "another run of the source does not end")
        triggered: Run = _answer(response)
        return triggered

    async def _run_with_the_changes(self, first: Run) -> Run:
        """Return the run that wrote most since the first run.

        At a full hour, the scheduled run may load the changes before the triggered run.
        """
        later = takewhile(lambda run: run["id"] != first["id"], await self._runs())
        finished = [run for run in later if run["state"] == SUCCEEDED]
        return max(finished, key=lambda run: sum(run["counts"][outcome] for outcome in WRITTEN))

    async def _runs(self) -> Sequence[Run]:
        """List the runs, latest first."""
        runs: Sequence[Run] = (await self._get(f"/etl/runs?source={SOURCE}"))["items"]
        return runs

    async def _finished(self, run_id: str, step: str) -> Run:
        return _succeeded(await self._final(run_id, step))

    async def _final(self, run_id: str, step: str) -> Run:
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while True:
            run: Run = await self._get(f"/etl/runs/{run_id}")
            self._report(step, run["counts"]["read"])
            if run["state"] in FINAL_STATES:
                return run
            await self._pause(deadline, f"run {run_id} is still {run['state']}")

    async def _caught_up(self, step: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + LISTENER_TIMEOUT_S
        while True:
            status: Mapping[str, Any] = await self._get("/changes/status")
            self._report(step, status["applied"])
            if status["is_caught_up"]:
                return status
            await self._pause(deadline, "the listener does not catch up")

    async def _judged(self) -> Mapping[str, Any]:
        """Return the quality report once it holds every applied change."""
        deadline = time.monotonic() + LISTENER_TIMEOUT_S
        while not any(map(_is_judged, await self._get("/changes/effects"))):
            await self._pause(deadline, "the quality of the users does not get ready")
        report: Mapping[str, Any] = await self._get("/quality/report")
        return report

    async def _pause(self, deadline: float, problem: str) -> None:
        if time.monotonic() > deadline:
            raise DemoError(f"{problem}: see the logs in the data folder")
        await asyncio.sleep(POLL_S)

    async def _get(self, path: str) -> Any:
        return _answer(await self._api.get(path))

    async def _post(self, client: httpx2.AsyncClient, path: str, body: Mapping[str, Any]) -> Any:
        return _answer(await client.post(path, json=body))


def _is_judged(effect: Mapping[str, Any]) -> bool:
    is_current: bool = effect["state"] == BuildState.LIVE and effect["lag_s"] == 0
    return is_current and effect["name"] == USER_QUALITY


def _succeeded(run: Run) -> Run:
    if run["state"] != SUCCEEDED:
        raise DemoError(f"run {run['id']} ended {run['state']}: {run['error']}")
    return run


def _answer(response: httpx2.Response) -> Any:
    if not response.is_success:
        raise DemoError(f"{response.request.url.path} answered {response.status_code}: {response.text[:200]}")
    return response.json()
