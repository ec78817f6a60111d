"""The floor and the peer of the API benchmark.

The floor is a route that does nothing. The peer is the usual implementation of the service. Both run under the
same server as the API. The peer has no authentication, which is an advantage.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar

from beanie import Document, PydanticObjectId, init_beanie
from fastapi import FastAPI, HTTPException
from litestar import Litestar, MediaType, get
from pydantic import BaseModel
from pymongo import AsyncMongoClient

from docustore.users.profile import Profile, UserStatus


class PeerFields(BaseModel):
    """The fields that a stored user and a response have in common."""

    email: str
    first_name: str
    last_name: str
    status: UserStatus
    profile: Profile
    roles: list[str]
    tags: list[str]
    created_at: datetime
    updated_at: datetime
    version: int


class PeerUser(Document, PeerFields):
    """The stored user, as in docustore."""

    deleted_at: datetime | None = None

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = "users"


class PeerResponse(PeerFields):
    """The response, as in docustore, but without `full_name`."""

    id: PydanticObjectId


def plain_app() -> Litestar:
    """Create an application with one route, `/`, that returns one word.

    Its rate is the maximum of server and framework.
    """

    @get("/", media_type=MediaType.TEXT, sync_to_thread=False)
    def hello() -> str:
        return "hello"

    return Litestar([hello], openapi_config=None, logging_config=None)


def fastapi_app() -> FastAPI:
    """Create the usual service with FastAPI and Beanie.

    It uses models for input and output, and pages by skip and limit.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            os.environ["DOCUSTORE_MONGODB_URL"], tz_aware=True
        )
        async with client:
            database = client[os.environ["DOCUSTORE_MONGODB_DATABASE"]]
            await init_beanie(database=database, document_models=[PeerUser], skip_indexes=True)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/users/{user_id}", response_model=PeerResponse)
    async def read(user_id: PydanticObjectId) -> PeerUser:
        user = await PeerUser.get(user_id)
        if user is None:
            raise HTTPException(404)
        return user

    @app.get("/users", response_model=list[PeerResponse])
    async def page(skip: int = 0, limit: int = 20) -> list[PeerUser]:
        newest_first = PeerUser.find({"deleted_at": None}).sort("-created_at")
        return await newest_first.skip(skip).limit(limit).to_list()

    return app
