"""How responses show types of MongoDB that JSON does not have. Pure.

The fields of users are texts, lists and times. Another client may have stored any type in any of them: it is shown
as text, so that one such user does not end the answer with all the others.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson import Binary, Code, DBRef, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp

AS_TEXT: Final[Mapping[Any, Callable[[Any], Any]]] = dict.fromkeys(
    (Binary, bytes, Code, DBRef, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp), str
)
