"""A steady load of reads and writes on several API processes.

It records every acknowledged write, so that a test can look for each of them in history.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from uuid import UUID

from tests.chaos.raw_client import Answer, RawClient

# More than a request that waits for five seconds and a process that starts can hold up.
MAX_IN_FLIGHT: Final = 128
# A client of the service repeats a request with an `Idempotency-Key` until it is answered.
REPEATS: Final = 200
REPEAT_PAUSE_S: Final = 0.1
TEMPLATE_OF_A_USER: Final = "/users/{user_id}"
ACTIONS: Final = ("activate", "deactivate", "suspend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """One write that the API has answered with success.

    `fields` are stored values of the user's version that the write made.
    """

    user_id: str
    version: int
    fields: Mapping[str, Any]
    is_deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Soak:
    """The load: random requests to random processes, and what became of them.

    `documented` holds the statuses that the OpenAPI document allows, by method and path template.
    """

    clients: Sequence[RawClient]
    documented: Mapping[tuple[str, str], frozenset[int]]
    random: random.Random
    acknowledged: list[Acknowledged] = field(default_factory=list)
    undocumented: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    # Why requests had to be repeated: the problem types of the answers 503.
    delayed: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    created: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, int] = field(default_factory=dict)
    _users: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    async def run(self, *, duration_s: float, requests_per_s: float) -> None:
        """Send requests at this rate; half of them are writes.

        A machine that is too slow sends fewer.
        """
        slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(duration_s * requests_per_s)):
                await asyncio.sleep(started + number / requests_per_s - loop.time())
                await slots.acquire()
                if loop.time() > started + duration_s:
                    break
                request = self._write() if number % 2 else self._read()
                tasks.create_task(request).add_done_callback(lambda _: slots.release())

    def _write(self) -> Awaitable[None]:
        if len(self._versions) < 2:
            return self._create()
        choice: Callable[[], Awaitable[None]] = self.random.choices(
            (self._create, self._patch, self._patch_any, self._act, self._role, self._delete, self._restore),
            weights=(25, 35, 10, 15, 5, 5, 5),
        )[0]
        return choice()

    async def _read(self) -> None:
        if not self._versions:
            return
        user_id = self._some_user()
        template, query = self.random.choice(
            (
                (TEMPLATE_OF_A_USER, ""),
                (TEMPLATE_OF_A_USER, ""),
                ("/users", "?limit=20"),
                ("/users/search", f"?q=soak{self.random.randrange(100)}"),
                ("/users/analytics", ""),
                ("/changes/status", ""),
            )
        )
        answer = await self._send("GET", template, user_id=user_id, query=query)
        if answer is not None and answer.is_success and template == TEMPLATE_OF_A_USER:
            self._versions[user_id] = max(self._versions[user_id], answer.json()["version"])

    async def _create(self) -> None:
        number = next(self._numbers)
        email = f"soak{number}@example.org"
        body = {"email": email, "first_name": f"soak{number % 100}", "tags": ["soak"]}
        key = str(UUID(int=self.random.getrandbits(128)))
        for _ in range(REPEATS):
            answer = await self._send("POST", "/users", json=body, headers={"idempotency-key": key})
            if answer is not None and answer.status_code != 503:
                if answer.status_code == 201:
                    self.created[email] = answer.json()["id"]
                    self._record(answer)
                return
            await asyncio.sleep(REPEAT_PAUSE_S)
        raise AssertionError(f"{email}: no answer to {REPEATS} requests")

    async def _patch(self) -> None:
        user_id = self._some_user()
        await self._patch_version(user_id, f'"{self._versions[user_id]}"')

    async def _patch_any(self) -> None:
        await self._patch_version(self._some_user(), "*")

    async def _patch_version(self, user_id: str, if_match: str) -> None:
        body = {"last_name": f"n{next(self._numbers)}", "profile": {"location": "Delft"}}
        self._record(
            await self._send(
                "PATCH", TEMPLATE_OF_A_USER, user_id=user_id, json=body, headers={"if-match": if_match}
            )
        )

    async def _act(self) -> None:
        template = f"{TEMPLATE_OF_A_USER}/{self.random.choice(ACTIONS)}"
        self._record(await self._send("POST", template, user_id=self._some_user()))

    async def _role(self) -> None:
        method = self.random.choice(("PUT", "DELETE"))
        template = TEMPLATE_OF_A_USER + "/roles/{role}"
        self._record(await self._send(method, template, user_id=self._some_user()))

    async def _delete(self) -> None:
        user_id = self._some_user()
        version = self._versions[user_id]
        headers = {"if-match": f'"{version}"'}
        answer = await self._send("DELETE", TEMPLATE_OF_A_USER, user_id=user_id, headers=headers)
        if answer is not None and answer.is_success:
            self.acknowledged.append(
                Acknowledged(user_id=user_id, version=version + 1, fields={}, is_deleted=True)
            )

    async def _restore(self) -> None:
        self._record(await self._send("POST", f"{TEMPLATE_OF_A_USER}/restore", user_id=self._some_user()))

    def _some_user(self) -> str:
        return self.random.choice(self._users)

    def _record(self, answer: Answer | None) -> None:
        if answer is None or not answer.is_success:
            return
        user = answer.json()
        fields = {name: user[name] for name in ("email", "first_name", "last_name", "status", "roles")}
        self.acknowledged.append(Acknowledged(user_id=user["id"], version=user["version"], fields=fields))
        if user["id"] not in self._versions:
            self._users.append(user["id"])
        self._versions[user["id"]] = max(self._versions.get(user["id"], 0), user["version"])

    async def _send(
        self, method: str, template: str, *, user_id: str = "", query: str = "", **request: Any
    ) -> Answer | None:
        """Send a request to a random process; None if it is killed first."""
        path = template.format(user_id=user_id, role="soaker") + query
        try:
            answer = await self.random.choice(self.clients).request(method, path, **request)
        except OSError:
            self.unanswered += 1
            return None
        self.statuses[answer.status_code] += 1
        if answer.status_code == 503:
            self.delayed[f"{method} {template} {answer.json()['type']}"] += 1
        if answer.status_code not in self.documented[method, template]:
            self.undocumented.append(f"{method} {template}: {answer.status_code} {answer.text}")
        return answer


def documented_statuses(document: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[int]]:
    """Return the statuses of an OpenAPI document by method and path template."""
    return {
        (method.upper(), path): frozenset(map(int, operation["responses"]))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "responses" in operation
    }
