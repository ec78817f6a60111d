"""Reads of an HTTP service that a test has described."""

import json
from collections.abc import Callable
from typing import Any

from docustore.etl.models import Window
from docustore.etl.sources.registry import open_source
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, HttpService, Request, http_service
from tests.integration.etl.conftest import user

Answering = Callable[[Request], Answer]
USERS = [user(number) for number in range(5)]


def http_source(service: HttpService, **fields: Any) -> SourceSettings:
    return SourceSettings(kind="http", url=service.url, **{"page_size": 2, "max_retries": 0, **fields})


async def read(settings: SourceSettings) -> list[int]:
    async with open_source("crm", settings, page_size=2) as source:
        await source.clock()
        return [json.loads(raw)["id"] async for page in source.pages(Window(), after=None) for raw in page.records]


async def read_from(answer: Answering, **fields: Any) -> tuple[list[int], HttpService]:
    async with http_service(answer, by_request=True) as service:
        return await read(http_source(service, **fields)), service


def part(start: int, size: int = 2) -> list[dict[str, Any]]:
    return USERS[start : start + size]
