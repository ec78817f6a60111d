"""A limit for writes that an open transaction of another client may hold up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pymongo
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError

from docustore.errors import WriteHeldUpError

# A client that was killed within a transaction leaves it open: the server ends it a minute after its begin, and
# until then no other write of the same e-mail address succeeds. The API itself writes users without transactions.
LIMIT_S: Final = 5.0


@contextmanager
def bounded_write() -> Iterator[None]:
    """End the writes in the block after `LIMIT_S`.

    Raises:
        WriteHeldUpError: The limit passed. Whether the write is stored is unknown: a commit may have been sent.
    """
    try:
        with pymongo.timeout(LIMIT_S):
            yield
    except PyMongoError as exc:
        # The server or the driver ends the write. A search for a primary is another failure.
        if exc.timeout and not isinstance(exc, ServerSelectionTimeoutError):
            raise WriteHeldUpError from exc
        raise
