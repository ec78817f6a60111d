"""From a raw change event to a typed change. Pure.

The pipeline of the stream has already reshaped the event (see `docustore.changes.pipeline`); this module only
parses it. The after-image stays the bytes that the server sent: history stores them unchanged.
"""

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any, Final

import bson
import msgspec
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.history.models import Operation
from docustore.history.rows import IMAGE_CODEC, Image

# Replies stay bytes: an event is decoded once. An after-image that is only stored is not decoded.
EVENT_CODEC: Final[CodecOptions[RawBSONDocument]] = IMAGE_CODEC.with_options(document_class=RawBSONDocument)
_ID_HEADER: Final = b"\x03_id\x00"
_AFTER_HEADER: Final = b"\x03after\x00"
# The server closes the stream after one of these: the collection was dropped or renamed.
ENDING_OPERATIONS: Final = frozenset({"drop", "rename", "dropDatabase", "invalidate"})
_OPERATIONS: Final = {operation.value: operation for operation in Operation}
# The type byte of a timestamp in a keystring; the first element of every resume token is its cluster time.
_TIMESTAMP_TYPE: Final = "82"

Token = Mapping[str, Any]
# No stream resumes from a change that a comparison found.
NO_TOKEN: Final[Token] = {}


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One change of one user.

    `before` and `after` are decoded images, None where the user did not exist. For an insert of the stream `after`
    holds only the fields that the effects declare. `after_raw` is the whole image as the server sent it.
    `is_before_known` and `is_after_known` are False where the server had no image;
    `docustore.changes.images` fills those in. `unchecked` names fields in which the images cannot be compared.
    `size_bytes` is at least the size of both images: that of the event, or that of the images where one was read
    elsewhere. `token` is empty for a change that a comparison found: no stream resumes from it.
    `is_reduced` asks for a row without values that the server may refuse.

    A Struct, since ten thousand are made per second: a dataclass costs ten times as much.
    """

    event_id: str
    token: Token
    size_bytes: int
    operation: Operation
    user_id: Any
    cluster_time: Timestamp
    wall_time: datetime
    before: Image | None
    after: Image | None
    after_raw: RawBSONDocument | None
    is_before_known: bool = True
    is_after_known: bool = True
    unchecked: frozenset[str] = frozenset()
    is_reduced: bool = False

    @property
    def user_key(self) -> Hashable:
        """The user's id in a form that a dict can hold."""
        return user_key(self.user_id)


def parse_change(event: RawBSONDocument) -> Change:
    """Parse an event of kind insert, update, replace or delete.

    Raises:
        KeyError: The event does not have the shape of `change_pipeline`.
    """
    after_raw, rest = _split(event)
    fields = bson.decode(rest, IMAGE_CODEC)
    operation = _OPERATIONS[fields["operation"]]
    before = fields.get("before")
    after = fields["head"] if "head" in fields else decoded(after_raw)
    return Change(
        event_id=fields["_id"]["_data"],
        token=fields["_id"],
        size_bytes=len(event.raw),
        operation=operation,
        user_id=fields["user_id"],
        cluster_time=fields["cluster_time"],
        wall_time=fields["wall_time"],
        before=before,
        after=after,
        after_raw=after_raw,
        is_before_known=before is not None or operation is Operation.INSERT,
        is_after_known=after is not None or operation is Operation.DELETE,
    )


def bare_change(event: RawBSONDocument) -> Change:
    """Parse an event without its images.

    For an event that `parse_change` cannot read: history and the collection replace its images.
    """
    # Decoded one by one: the images are what cannot be read.
    fields = {name: event[name] for name in ("_id", "operation", "user_id", "cluster_time")}
    operation = _OPERATIONS[fields["operation"]]
    return Change(
        event_id=fields["_id"]["_data"],
        token=bson.decode(fields["_id"].raw),
        size_bytes=len(event.raw),
        operation=operation,
        user_id=fields["user_id"],
        cluster_time=fields["cluster_time"],
        wall_time=fields["cluster_time"].as_datetime(),
        before=None,
        after=None,
        after_raw=None,
        is_before_known=operation is Operation.INSERT,
        is_after_known=operation is Operation.DELETE,
    )


def decoded(image: RawBSONDocument | None) -> Image | None:
    """Decode an image; accepts the values that only other clients write."""
    return None if image is None else bson.decode(image.raw, IMAGE_CODEC)


def _split(event: RawBSONDocument) -> tuple[RawBSONDocument | None, bytes | memoryview]:
    """Cut the after-image out of the event's bytes; return it and the rest.

    The pipeline places it directly after `_id`. So the image of an insert, more than half of the bytes, is never
    decoded, which makes parsing three times as fast. At any other place the driver finds it.
    """
    raw = event.raw
    start = 4 + len(_ID_HEADER)
    header = start + int.from_bytes(raw[start : start + 4], "little")
    begin = header + len(_AFTER_HEADER)
    if raw[4:start] != _ID_HEADER or raw[header:begin] != _AFTER_HEADER:
        return event.get("after"), raw
    end = begin + int.from_bytes(raw[begin : begin + 4], "little")
    length = (len(raw) - (end - header)).to_bytes(4, "little")
    return RawBSONDocument(raw[begin:end]), length + raw[4:header] + raw[end:]


def user_key(user_id: Any) -> Hashable:
    """Return an ObjectId itself, any other id as bytes: it may be a document."""
    return user_id if isinstance(user_id, ObjectId) else bson.encode({"": user_id})


def token_time(token: Token) -> Timestamp:
    """Read the cluster time of a resume token.

    Token data is a keystring in hexadecimal: type 0x82 (timestamp), seconds, increment, then parts that depend on
    the kind of token. Debezium and the server's own shells read it the same way.

    Raises:
        ValueError: The token does not begin with a timestamp.

    See: https://github.com/mongodb/mongo/blob/v6.0/src/mongo/db/pipeline/resume_token.h
    """
    data = token["_data"]
    if not data.startswith(_TIMESTAMP_TYPE):
        msg = f"resume token of an unknown kind: {data[:2]}; docustore reads tokens of MongoDB 6.0 or later"
        raise ValueError(msg)
    return Timestamp(int(data[2:10], 16), int(data[10:18], 16))


def just_before(cluster_time: Timestamp) -> Timestamp:
    """Return the greatest time before this one. Increments start at 1."""
    return Timestamp(cluster_time.time, max(cluster_time.inc - 1, 0))


def just_after(cluster_time: Timestamp) -> Timestamp:
    """Return the least time after this one."""
    return Timestamp(cluster_time.time, cluster_time.inc + 1)
