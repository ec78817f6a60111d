"""The application without servers, made once in a process: to make it takes a second."""

from functools import cache

from litestar import Litestar

from docustore.api.app import create_app
from docustore.config import Settings


@cache
def unconnected_app() -> Litestar:
    return create_app(Settings(mongodb_url="mongodb://nowhere", redis_url="redis://nowhere"))
