"""Why a valid record cannot be written until a person changes something."""

from typing import Final

from docustore.errors import FieldError

# A user with a password or a local role is an account in use. An upstream change must not delete it.
ACCOUNT_IN_USE: Final = FieldError(
    pointer="",
    code="account_in_use",
    detail="the record merges its user into another one, but the user has a password or local roles: "
    "merge the two users, then replay the record",
)
# Another client has changed the address of a user, and a third user has the address that the identities say.
ADDRESS_HELD: Final = FieldError(
    pointer="/email",
    code="address_held",
    detail="the user of the record gets back an address of its identities, but another user has it: "
    "change the address of one of the two users, then replay the record",
)
REFUSED_BY_STORE: Final = FieldError(
    pointer="",
    code="refused_by_store",
    detail="MongoDB's validator refuses the user: see `docustore indexes plan`, then load the record again",
)
