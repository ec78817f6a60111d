"""Secrets and signatures by Standard Webhooks, version 1.

Pure but for random secrets.

See: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from secrets import token_bytes
from typing import Final

PREFIX: Final = "whsec_"
# The standard asks for 24 to 64 bytes.
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Make a random secret: `whsec_` and base64."""
    return f"{PREFIX}{b64encode(token_bytes(SECRET_BYTES)).decode()}"


def signed_headers(message_id: str, body: bytes, *, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the headers of a signed message, with one signature for each secret.

    A receiver accepts the message if one of the signatures is right, so a secret can be replaced without a gap.

    Args:
        at: The time of the attempt: receivers refuse messages that are more than minutes old.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(PREFIX))
    return f"v1,{b64encode(hmac.new(key, signed, sha256).digest()).decode()}"
