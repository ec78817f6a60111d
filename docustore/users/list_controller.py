"""Routes of the collection of users: list, search and create."""

from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import TypeVar
from urllib.parse import urlencode

from litestar import Controller, Response, get, post
from litestar.datastructures import State
from litestar.params import JSONBody

from docustore.api.json_response import JsonResponse
from docustore.api.pagination import DEFAULT_LIMIT
from docustore.api.problem import problems
from docustore.clock import as_utc, now_utc
from docustore.security.authentication import AuthorisedRequest, limited
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS
from docustore.users.idempotency import create_user_once
from docustore.users.keyset import UserSort
from docustore.users.listing import ListQuery, count_users, list_users
from docustore.users.password_limit import limit_password_write
from docustore.users.past import PastUsers, as_of_state
from docustore.users.query_parameters import (
    TAKES_FILTER,
    AsOf,
    Cursor,
    IdempotencyKeyHeader,
    Limit,
    Offset,
    Prefer,
    SearchText,
    Sort,
    Status,
    Which,
    counting_of,
)
from docustore.users.request_cause import cause_of
from docustore.users.responses import APPLIED, AS_OF_STATE, ETAG, LINK, LOCATION, REPLAYED, answer
from docustore.users.schemas import UserInput
from docustore.users.search import SearchQuery, search_users
from docustore.users.sent_request import SentRequest
from docustore.users.service import create_user
from docustore.users.views import SearchPage, UserPage, UserView, user_view

Page = TypeVar("Page", UserPage, SearchPage)


class UserListController(Controller):
    """List, search and create users."""

    path = "/users"
    tags = ("users",)

    @get(
        dependencies=TAKES_FILTER,
        responses=problems(),
        response_headers=[LINK, APPLIED, AS_OF_STATE],
        operation_id="list_users",
        summary="List users",
    )
    async def list(  # noqa: PLR0913  # each one is a parameter
        self,
        request: AuthorisedRequest,
        state: State,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        as_of: AsOf = None,
        sort: Sort = UserSort.NEWEST,
        which: Which,
        prefer: Prefer = None,
    ) -> Response[UserPage]:
        """List users page by page.

        For the next page, send `next_cursor` as `cursor`, or follow the header `Link: <...>; rel="next"`. Pages at
        any depth cost the same. Each user is listed once, also while other users are added.

        With `as_of`, the users are those of that time, with the same filters. They come in the order of their
        ids, which is the order in which docustore created them; `sort` gives the direction. A page may then hold
        fewer users than `limit`, even none, while `next_cursor` is set. Nothing is counted.
        """
        query = ListQuery(which=which, sort=sort, limit=limit, cursor=cursor)
        if as_of is not None:
            return await _past_page(request, state.past_users, query, as_of=as_utc(as_of))
        found, next_cursor = await list_users(query)
        page = UserPage(items=[user_view(user) for user in found], next_cursor=next_cursor)
        response = _page(page, _link(request, next_cursor))
        if counting := counting_of(prefer):
            total = await count_users(which, counting=counting)
            response.content = UserPage(items=page.items, next_cursor=next_cursor, total=total)
            response.headers["Preference-Applied"] = f"count={counting.value}"
        return response

    @post(
        responses=problems(409, 410, 413, 415, 422),
        response_headers=[ETAG, LOCATION, REPLAYED, *RATE_LIMIT_HEADERS],
        operation_id="create_user",
        summary="Create a user",
    )
    async def create(
        self,
        request: AuthorisedRequest,
        data: JSONBody[UserInput],
        idempotency_key: IdempotencyKeyHeader = None,
    ) -> Response[UserView]:
        """Create a user.

        `email` is required. A field that is left out gets its default. A request with `Idempotency-Key` may be
        repeated for 24 hours and creates at most one user. A repetition must be equal to the first request; its
        answer has `Idempotent-Replayed`.
        """
        await limit_password_write(request, data)
        cause, now, is_replayed = cause_of(request), now_utc(), False
        if idempotency_key is None:
            user = await create_user(data, cause=cause, now=now)
        else:
            sent = SentRequest(
                method=request.method,
                path=request.url.path,
                query=request.url.query,
                media_type=request.headers.get("content-type", ""),
                body=await request.json(),
            )
            user, is_replayed = await create_user_once(data, key=idempotency_key, sent=sent, cause=cause, now=now)
        response = answer(user, status=HTTPStatus.CREATED)
        if is_replayed:
            response.headers["Idempotent-Replayed"] = "true"
        response.headers["Location"] = f"/users/{user['_id']}"
        return response

    @get(
        "/search",
        opt=limited(Policy.SEARCH),
        responses=problems(),
        response_headers=[LINK, *RATE_LIMIT_HEADERS],
        operation_id="search_users",
        summary="Search users",
    )
    async def search(
        self,
        request: AuthorisedRequest,
        state: State,
        *,
        text: SearchText,
        status: Status = None,
        limit: Limit = DEFAULT_LIMIT,
        offset: Offset = 0,
        cursor: Cursor = None,
    ) -> Response[SearchPage]:
        """Find users by parts of their names and e-mail addresses.

        Newest users come first. All words must match; only the first eight words count. A word of one or two
        letters matches the begin of a word, a longer one any part of it. Case and accents do not matter. A user
        that was written here is found at once by the begin of a word, and by the rest within about a second.
        `total` is at most 1,001, which means "more than 1,000". `offset` is at most 1,000; use `cursor` to go
        deeper.
        """
        query = SearchQuery(text=text, status=status, limit=limit, offset=offset, cursor=cursor)
        result = await search_users(query, recent_users=state.recent_users)
        page = SearchPage(
            users=[user_view(user) for user in result.found],
            total=result.total,
            limit=limit,
            offset=offset,
            pages=ceil(result.total / limit),
            next_cursor=result.next_cursor,
            substrings=result.substrings,
        )
        return _page(page, _link(request, result.next_cursor))


async def _past_page(
    request: AuthorisedRequest, past_users: PastUsers, query: ListQuery, *, as_of: datetime
) -> Response[UserPage]:
    past = await past_users.list(query, as_of=as_of)
    page = UserPage(items=[user_view(user) for user in past.users], next_cursor=past.next_cursor)
    state = {"As-Of-State": as_of_state(past.doubts)}
    return _page(page, _link(request, past.next_cursor) | state)


def _page(page: Page, headers: dict[str, str]) -> Response[Page]:
    return JsonResponse(page, status=HTTPStatus.OK.value, headers=headers)


def _link(request: AuthorisedRequest, next_cursor: str | None) -> dict[str, str]:
    if next_cursor is None:
        return {}
    rest = [
        (name, value) for name, value in request.query_params.multi_items() if name not in {"cursor", "offset"}
    ]
    return {"Link": f'<{request.scope["path"]}?{urlencode([*rest, ("cursor", next_cursor)])}>; rel="next"'}
