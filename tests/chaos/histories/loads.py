"""Loads of two files by the worker process: changed records, and a complete list."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from docustore.clock import now_utc
from docustore.database import Database
from docustore.errors import QueueUnavailableError
from docustore.etl.models import EtlRun, RunState
from docustore.source_settings import SourceSettings
from tests.chaos.etl.test_loads_under_faults import Loader
from tests.chaos.histories.population import Population
from tests.chaos.histories.values import Values
from tests.chaos.patience import patiently
from tests.waiting import until

WRITER: Final = "etl"
# `roster` sends its complete list: a record that is missing in two readings in a row has ended.
SOURCES: Final = ("people", "roster")
ABSENT_SHARE: Final = 0.05
LONGEST_LOAD_S: Final = 1800.0


def sources_of(folder: Path) -> dict[str, SourceSettings]:
    limits = {"max_deactivated_pct": 100}
    common = {"kind": "file", "schedule": "off", "required": ["email"], "limits": limits}
    given: dict[str, dict[str, Any]] = {
        "people": {**common, "url": str(folder / "people.ndjson")},
        "roster": {**common, "url": str(folder / "roster.ndjson"), "deletes": "snapshot"},
    }
    return {name: SourceSettings.model_validate(own) for name, own in given.items()}


def environment_of(folder: Path) -> dict[str, str]:
    sources = {
        name: own.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        for name, own in sources_of(folder).items()
    }
    return {
        "DOCUSTORE_SOURCES": json.dumps(sources),
        "DOCUSTORE_ETL_BATCH_SIZE": "100",
        "DOCUSTORE_ETL_LEASE_S": "2",
        "DOCUSTORE_ETL_MAX_ATTEMPTS": "1000",
        "DOCUSTORE_ETL_QUARANTINE_BUDGET_PCT": "100",
        # Foreign clients overwrite what a run has written; reading it back would fail the run.
        "DOCUSTORE_ETL_VERIFY_SAMPLE": "0",
    }


@dataclass(slots=True, kw_only=True)
class Loads:
    """Writes the files round by round, and waits for the runs that load them."""

    database: Database
    loader: Loader
    folder: Path
    population: Population
    values: Values
    random: Random
    records_per_round: int
    _known: int = 0
    _roster: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    async def load(self) -> None:
        """Load one round, whatever happens to the worker meanwhile."""
        people, roster = self._people(), self._next_roster()
        await asyncio.to_thread(self._write, {"people": people, "roster": roster})
        started_at = now_utc()
        await self.loader.start_runs()
        await until(self._is_loaded, timeout_s=LONGEST_LOAD_S, what="the end of the runs")
        await patiently(lambda: self._note(started_at, [record["id"] for record in people]))

    async def _is_loaded(self) -> bool:
        try:
            return not await self.loader.wake()
        except QueueUnavailableError:
            return False

    def _people(self) -> list[dict[str, Any]]:
        """Make new records, and new versions of known ones."""
        first, self._known = self._known, self._known + self.records_per_round // 2
        changed = self.random.sample(range(self._known), k=min(self.records_per_round // 2, self._known))
        return [self._record(number) for number in dict.fromkeys((*range(first, self._known), *changed))]

    def _next_roster(self) -> list[dict[str, Any]]:
        """Change some records of the complete list; others are absent for a while."""
        size = self.records_per_round // 4
        changed = {
            number: self._record(number)
            for number in range(size)
            if number not in self._roster or self.random.random() < 0.3
        }
        self._roster = {**self._roster, **changed}
        return [record for record in self._roster.values() if self.random.random() > ABSENT_SHARE]

    def _record(self, number: int) -> dict[str, Any]:
        modified_at = now_utc() - timedelta(seconds=self.random.randrange(60))
        return self.values.record(number, modified_at=modified_at.replace(tzinfo=None, microsecond=0))

    def _write(self, files: Mapping[str, list[dict[str, Any]]]) -> None:
        for name, records in files.items():
            path = self.folder / f"{name}.ndjson"
            part = path.with_suffix(".part")
            part.write_text("".join(f"{json.dumps(record)}\n" for record in records))
            part.replace(path)

    async def _note(self, started_at: Any, numbers: list[int]) -> None:
        """Count the changes of the runs, and let the other writers know some of the users."""
        runs = await EtlRun.find(EtlRun.created_at >= started_at, EtlRun.state == RunState.SUCCEEDED).to_list()
        counts = [run.counts for run in runs]
        self.population.made[WRITER] += sum(each.inserted + each.updated + each.deactivated for each in counts)
        keys = [f"people:{number}" for number in numbers[::5]]
        found = self.database["users"].find({"identities.key": {"$in": keys}}, {"_id": 1})
        known = set(self.population.ids)
        self.population.ids += [user["_id"] async for user in found if user["_id"] not in known]


async def load_patiently(loads: Loads, *, quota: int) -> None:
    """Load round after round until the runs have made as many changes."""
    while loads.population.made[WRITER] < quota:
        await loads.load()
