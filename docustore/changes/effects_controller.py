"""Routes of the effects: their state, and rebuilds."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.datastructures import State
from litestar.params import PathParameter

from docustore.api.problem import problems
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.effects_view import EffectView, find_effect, list_effects
from docustore.security.authentication import ADMIN, AuthorisedRequest

EffectName = Annotated[str, PathParameter(description="the `name` of the effect")]


class EffectsController(Controller):
    """What the listener keeps from the changes."""

    path = "/changes/effects"
    tags = ("changes",)

    @get(responses=problems(), operation_id="list_effects", summary="Is every effect complete?")
    async def list(self, state: State) -> list[EffectView]:
        """List what the listener keeps from the changes, with state, progress and lag."""
        return await list_effects(state.database, EFFECTS, DERIVED)

    @post(
        "/{name:str}/rebuild",
        status_code=202,
        opt=ADMIN,
        responses=problems(404, 422),
        operation_id="rebuild_effect",
        summary="Rebuild an effect",
    )
    async def rebuild(self, request: AuthorisedRequest, state: State, name: EffectName) -> EffectView:
        """Build one effect again from all users, while changes go on.

        The present results are read meanwhile. It is also the way out of the state `failed`.
        """
        await rebuild_effect(state.database, name, actor=request.auth.actor, effects=EFFECTS, derived=DERIVED)
        return await find_effect(state.database, EFFECTS, DERIVED, name)
