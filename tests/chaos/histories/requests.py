"""Clients of the API: they create, change, delete and restore users over HTTP."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bson import ObjectId
from httpx2 import AsyncClient, Response, TransportError

from tests.chaos.histories.population import Population
from tests.chaos.histories.values import ROLES, TAGS, Values

WRITER: Final = "api"
USER: Final = "/users/{user_id}"
ACTIONS: Final = ("activate", "deactivate", "suspend")
ANY_VERSION: Final = {"if-match": "*"}
READS: Final = ("/quality/report", "/users/analytics", "/analytics/users", "/users", "/analytics/cohorts")


@dataclass(slots=True, kw_only=True)
class ApiClients:
    """Requests to random processes of the API.

    A process that is killed does not answer.

    `documented` holds the statuses that the OpenAPI document allows, by method and path template. `undocumented`
    lists the other answers.
    """

    clients: Sequence[AsyncClient]
    documented: Mapping[tuple[str, str], frozenset[int]]
    population: Population
    values: Values
    random: Random
    undocumented: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    _versions: dict[str, int] = field(default_factory=dict)

    async def write(self) -> None:
        """Make one random request."""
        choice: Callable[[], Awaitable[None]] = self.random.choices(
            (self._create, self._patch, self._act, self._role, self._delete, self._restore, self._read),
            weights=(25, 35, 15, 5, 6, 5, 5),
        )[0]
        await choice()

    async def _create(self) -> None:
        body = {"email": self.values.email(), **self._fields()}
        answer = await self._send("POST", "/users", json=body)
        if answer is not None and answer.status_code == 201:
            self.population.ids.append(ObjectId(answer.json()["id"]))
            self._note(answer)

    async def _patch(self) -> None:
        fields = {"email": self.values.email(), **self._fields()}
        names = self.random.sample(sorted(fields), k=self.random.randint(1, 2))
        body = {name: fields[name] for name in names}
        self._note(await self._send("PATCH", USER, json=body, headers=ANY_VERSION))

    async def _act(self) -> None:
        self._note(await self._send("POST", f"{USER}/{self.random.choice(ACTIONS)}"))

    async def _role(self) -> None:
        self._note(await self._send(self.random.choice(("PUT", "DELETE")), USER + "/roles/{role}"))

    async def _delete(self) -> None:
        answer = await self._send("DELETE", USER, headers=ANY_VERSION)
        if answer is not None and answer.is_success:
            self.population.made[WRITER] += 1

    async def _restore(self) -> None:
        self._note(await self._send("POST", f"{USER}/restore"))

    async def _read(self) -> None:
        await self._send("GET", self.random.choice(READS))

    def _fields(self) -> dict[str, Any]:
        return {
            "first_name": self.values.first_name(),
            "last_name": self.values.last_name(),
            "status": self.values.status(),
            "profile": self.values.profile(),
            "roles": self.values.labels(ROLES),
            "tags": self.values.labels(TAGS),
        }

    def _note(self, answer: Response | None) -> None:
        """Count a change.

        An action that changes nothing answers with the version of before.
        """
        if answer is None or not answer.is_success:
            return
        user_id, version = answer.json()["id"], answer.json()["version"]
        if isinstance(version, int):  # other clients may write anything
            self.population.made[WRITER] += version > self._versions.get(user_id, 0)
            self._versions[user_id] = version

    async def _send(self, method: str, template: str, **request: Any) -> Response | None:
        """Send a request to a random process; None if it gives no answer."""
        known = self.population.some(self.random, 1)
        if "{user_id}" in template and not known:
            return None
        path = template.format(user_id=known[0] if known else "", role=self.random.choice(ROLES))
        try:
            answer = await self.random.choice(self.clients).request(method, path, **request)
        except TransportError:
            self.population.unknown[WRITER] += 1
            await asyncio.sleep(0.1)  # the process is away: this paces the repetition
            return None
        self.statuses[answer.status_code] += 1
        if answer.status_code not in self.documented[method, template]:
            self.undocumented.append(f"{method} {path}: {answer.status_code} {answer.text}")
        if answer.is_client_error:
            self.population.refused[WRITER] += 1
        return answer


async def request_patiently(clients: ApiClients, *, quota: int) -> None:
    """Send one request after another until the API has made as many changes."""
    while clients.population.made[WRITER] < quota:
        await clients.write()
