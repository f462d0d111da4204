"""The steps of every request: authenticate, spend its rate limit, read, perform, respond."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse

from dashtam.application.people import api_tokens, sessions
from dashtam.application.people.api_tokens import TokenUsage
from dashtam.application.ports import Services
from dashtam.application.rate_limits import UNAUTHENTICATED, RateLimitResult, bucket_address
from dashtam.application.syncs.syncs import ImportRunning, SyncFailed, SyncInterrupted, SyncRunning
from dashtam.database.people.idempotency_keys import StoredResponse
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import Conflict, DashtamError, Forbidden, RateLimited, Unauthorized
from dashtam.domain.user import Principal
from dashtam.presentation.http.content_coding import accepts_gzip, encode_body, parse_accept
from dashtam.presentation.http.parameters import read_parameters
from dashtam.presentation.http.problems import (
    MEDIA_TYPE,
    NOT_ACCEPTABLE,
    HttpError,
    Problems,
    problem_type_of,
    replay_problem,
)
from dashtam.presentation.http.request_context import (
    BASE_PATH,
    Request,
    RequestContext,
    Response,
    bearer_token,
)
from dashtam.presentation.routers.api.v1.routes.event_stream import EventStream
from dashtam.presentation.routers.api.v1.routes.idempotency import (
    KEY_HEADER,
    IdempotencyClaim,
    LeaseExpired,
    claim_key,
    read_key,
)
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route, Transaction

_SHOWN_ONCE: Final = "This request was answered before, with a secret that is shown only once."


class Pipeline:
    """One request of one route. Its steps may block, and run in a worker thread.

    A step that refuses the request raises ``DashtamError``, which ``error_response`` turns into the
    response.
    """

    def __init__(
        self,
        route: Route,
        request: Request,
        services: Services,
        problems: Problems,
        token_usage: TokenUsage,
        find_address: Callable[[], str],
    ) -> None:
        self._route = route
        self._request = request
        self._services = services
        self._problems = problems
        self._token_usage = token_usage
        self._find_address = find_address
        self._policy = services.options.rate_policies[route.rate_limit.name]
        self._caller: Principal | None = None
        self._spent: RateLimitResult | None = None
        self._values: Mapping[str, object] = {}
        self._key: str | None = None

    def run(self) -> HttpResponse:
        """Return the response of a route that takes no body."""
        if self._route.transaction is not Transaction.READ:
            self.admit()
            return self._perform()
        token = self._read_token()
        # One transaction for token and handler; only reads take API tokens.
        with self._services.database.read() as work:
            self._caller = self._authenticate(work, token)
            self._check_request()
            response = self._route.handler(self._build_context(work))
        if self._caller.unrecorded_token_id is not None:
            self._token_usage.note(self._caller.unrecorded_token_id)
        return self._respond(response)

    def admit(self) -> None:
        """Authenticate the caller, and check all that needs no body."""
        if self._route.auth is not Auth.NOBODY:
            token = self._read_token()
            with self._services.database.read() as work:
                self._caller = self._authenticate(work, token)
        self._check_request()

    def run_with_body(self, request: Request) -> HttpResponse:
        """Return the response of an admitted request, which has its body now."""
        self._request = request
        return self._perform()

    def error_response(self, error: DashtamError) -> HttpResponse:
        """Return the response of an error."""
        return self._problems.error_response(
            error,
            instance=self._request.path,
            trace_id=self._request.trace_id,
            headers=self._with_common_headers(_location(_sync_path(error))),
        )

    def _read_token(self) -> str:
        """Return the request's token; one that cannot be valid costs no transaction."""
        token = bearer_token(self._request.headers.get("authorization", ""))
        services = self._services
        if token.startswith(api_tokens.PREFIX) or services.signer.verify(token, services.clock()):
            return token
        self._limit_refusals()
        raise Unauthorized

    def _authenticate(self, work: UnitOfWork, token: str) -> Principal:
        try:
            return sessions.authenticate(work, self._services.signer, token)
        except Unauthorized:
            self._limit_refusals()
            raise

    def _limit_refusals(self) -> None:
        """Spend a refused token from its client's address, so that nobody tries many of them."""
        policy = self._services.options.rate_policies[UNAUTHENTICATED.name]
        bucket = f"address:{bucket_address(self._find_address())}"
        spent = self._services.buckets.spend(policy, bucket)
        if spent.retry_after_s is not None:
            self._spent = spent
            raise RateLimited(spent.retry_after_s)

    def _check_request(self) -> None:
        """Spend from the rate limit, read the parameters, and check the headers and the token.

        The first error is the answer, in the order 429, 400, 406, 403. A read-only token is refused
        here, before the body is read. The 404 and 403 of a resource come from the handler.
        """
        request, route = self._request, self._route
        if self._caller:
            bucket = user_bucket(self._caller)
        else:
            bucket = f"address:{bucket_address(request.address)}"
        self._spent = self._services.buckets.spend(self._policy, bucket)
        if self._spent.retry_after_s is not None:
            raise RateLimited(self._spent.retry_after_s)
        self._values = read_parameters(route.parameters, request.path_values, request.query)
        if route.idempotent and KEY_HEADER in request.headers:
            self._key = read_key(request)
        check_accept(request.headers.get("accept"), route.media_type)
        if route.auth is Auth.SESSION and self._caller and self._caller.session_id is None:
            detail = "A read-only token only reads. Sign in to do this."
            raise Forbidden(detail)

    def _perform(self) -> HttpResponse:
        """Call the handler, or replay the response that is stored under the idempotency key.

        A key that was used for another request gives 422, even where this request would be 404 or
        403.
        """
        if self._caller is None or self._key is None:
            return self._respond(self._call_handler(None))
        claim = claim_key(
            self._services, self._route, self._request, self._caller.user_id, self._key
        )
        if isinstance(claim, StoredResponse):
            body = claim.body
            if claim.headers.get("content-type") == MEDIA_TYPE:
                body = replay_problem(body, self._request.trace_id)
            headers = self._with_common_headers(claim.headers)
            return HttpResponse(body, claim.status or HTTPStatus.OK, headers=headers)
        try:
            return self._respond(self._call_handler(claim))
        except DashtamError as error:
            # A repeat may succeed later.
            is_temporary = (
                isinstance(error, RateLimited | ImportRunning)
                or problem_type_of(error).is_server_error
            )
            # If the lease expired, another request owns the key; this response does not change.
            with suppress(LeaseExpired), self._services.database.write() as work:
                if is_temporary:
                    claim.release(work)
                else:
                    self._store_error(claim, work, error)
            return self.error_response(error)
        except BaseException:
            with self._services.database.write() as work:
                claim.release(work)
            raise

    def _call_handler(self, claim: IdempotencyClaim | None) -> Response[Any]:
        if self._route.transaction is Transaction.OWN:
            return self._route.handler(self._build_context(None, claim))
        with self._services.database.write(self._request.address) as work:
            response = self._route.handler(self._build_context(work, claim))
            if claim:
                self._store_response(claim, work, response)
        return response

    def _build_context(
        self, work: UnitOfWork | None, claim: IdempotencyClaim | None = None
    ) -> RequestContext:
        services = self._services
        if work is None:
            # The audit log has the address also in the units of work that the handler opens.
            database = services.database.for_address(self._request.address)
            services = replace(services, database=database)
        context = RequestContext(self._values, services, self._request, self._caller, work)
        if claim:
            context.store_response = partial(self._store_response, claim)
        return context

    def _store_response(
        self, claim: IdempotencyClaim, work: UnitOfWork, response: Response[Any]
    ) -> None:
        if self._route.shows_secret:
            self._store_error(claim, work, Conflict(_SHOWN_ONCE))
            return
        headers = {**_location(response.location), **response.headers}
        headers["content-type"] = response.media_type
        claim.store(work, response.status or self._route.status, headers, _json(response))

    def _store_error(self, claim: IdempotencyClaim, work: UnitOfWork, error: DashtamError) -> None:
        response = self.error_response(error)
        headers = _location(_sync_path(error)) | {"content-type": MEDIA_TYPE}
        claim.store(work, response.status_code, headers, bytes(response.body))

    def _respond(self, response: Response[Any]) -> HttpResponse:
        status = response.status or self._route.status
        headers = self._with_common_headers({**_location(response.location), **response.headers})
        if status == HTTPStatus.NO_CONTENT:
            return HttpResponse(status_code=status, headers=headers)
        if response.stream is not None:
            return EventStream(response.stream, headers, response.media_type)
        if response.chunks is not None:
            return StreamingResponse(response.chunks, status, headers, response.media_type)
        body = _json(response)
        if self._route.conditional:
            gzip = accepts_gzip(self._request.headers.get("accept-encoding", ""))
            encoded = encode_body([body], gzip=gzip)
            headers["ETag"] = encoded.etag
            is_known = etag_matches(self._request.headers.get("if-none-match"), encoded.etag)
            if encoded.varies and (is_known or encoded.is_gzip):
                # The middleware adds it to those that it might have compressed.
                headers["Vary"] = "Accept-Encoding"
            if is_known:
                return HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
            body = encoded.content
            if encoded.is_gzip:
                headers["Content-Encoding"] = "gzip"
        return HttpResponse(body, status, headers=headers, media_type=response.media_type)

    def _with_common_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return these headers with those of every response; a location gets the proxy's path."""
        # Without a spent token (401) the headers show a full bucket.
        full, now = self._policy.capacity, int(self._services.clock().timestamp())
        spent = self._spent or RateLimitResult(
            allowed=True, limit=full, remaining=full, reset_at=now, retry_after_s=None
        )
        limits = {name.decode(): value.decode() for name, value in rate_limit_fields(spent)}
        own = {"Cache-Control": "no-store", **limits, **headers}
        if "Location" in own:
            own["Location"] = self._services.options.base_path + own["Location"]
        return own


def _sync_path(error: DashtamError) -> str | None:
    if isinstance(error, SyncRunning | SyncFailed | SyncInterrupted):
        return f"/syncs/{error.sync_id}"
    return None


def _location(path: str | None) -> dict[str, str]:
    return {} if path is None else {"Location": BASE_PATH + path}


def _json(response: Response[Any]) -> bytes:
    return b"" if response.body is None else msgspec.json.encode(response.body)


def user_bucket(principal: Principal) -> str:
    """Return the key of a user's own buckets."""
    return f"user:{principal.user_id}"


def rate_limit_fields(spent: RateLimitResult) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a bucket's state, as ASGI sends them."""
    return (
        (b"x-ratelimit-limit", b"%d" % spent.limit),
        (b"x-ratelimit-remaining", b"%d" % spent.remaining),
        (b"x-ratelimit-reset", b"%d" % spent.reset_at),
    )


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client has this body already (``If-None-Match``)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def check_accept(accept: str | None, media_type: str) -> None:
    """Check the header ``Accept``.

    Raises:
        HttpError: the header accepts neither the media type nor ``application/problem+json``.
    """
    if not accept:
        return
    kind = media_type.split(";", 1)[0]
    accepted = {kind, kind.split("/", 1)[0] + "/*", "*/*", MEDIA_TYPE}
    if any(name in accepted and is_allowed for name, is_allowed in parse_accept(accept)):
        return
    detail = f"This is answered as {kind} only."
    raise HttpError(NOT_ACCEPTABLE, detail)
