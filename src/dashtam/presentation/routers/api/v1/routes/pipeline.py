"""One request's way through one route: admitted, performed, answered; in this one place."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from xxhash import xxh3_128_hexdigest

from dashtam.application.people import sessions
from dashtam.application.people.api_tokens import TokenUsage
from dashtam.application.ports import Services
from dashtam.application.rate_limits import RateLimitResult, bucket_address
from dashtam.application.syncs.syncs import SyncFailed, SyncInterrupted, SyncRunning
from dashtam.database.people.idempotency_keys import StoredResponse
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import Conflict, DashtamError, Forbidden, RateLimited, Unauthorized
from dashtam.domain.user import Principal
from dashtam.presentation.http.parameters import read_parameters
from dashtam.presentation.http.problems import MEDIA_TYPE as PROBLEM
from dashtam.presentation.http.problems import (
    NOT_ACCEPTABLE,
    HttpError,
    Problems,
    kind_of,
    told_again,
)
from dashtam.presentation.http.request_context import Request, RequestContext, Response
from dashtam.presentation.routers.api.v1.routes.event_stream import EventStream
from dashtam.presentation.routers.api.v1.routes.idempotency import (
    IdempotencyClaim,
    TookTooLong,
    key_of,
    key_text,
)
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route, Transaction

_SERVER_FAULT: Final = 500
_SHOWN_ONCE: Final = "This request was answered before, with a secret that is shown only once."


class Pipeline:
    """One request of one route. Every method may block, and is called in a worker thread."""

    def __init__(
        self,
        route: Route,
        request: Request,
        services: Services,
        problems: Problems,
        token_usage: TokenUsage,
    ) -> None:
        self._route = route
        self._request = request
        self._services = services
        self._problems = problems
        self._token_usage = token_usage
        self._caller: Principal | None = None
        self._spent: RateLimitResult | None = None
        self._values: Mapping[str, object] = {}
        self._key: str | None = None

    def answer(self) -> HttpResponse:
        """Return the answer of a route that takes no body."""
        try:
            if self._route.transaction is not Transaction.READ:
                self._admit()
                return self._perform()
            with self._services.database.read() as work:
                self._caller = self._authenticated(work)
                self._check()
                answer = self._route.handler(self._context(work))
            if self._caller:
                self._token_usage.note(self._caller)
            return self._respond(answer)
        except DashtamError as refusal:
            return self.refuse(refusal)

    def admit(self) -> HttpResponse | None:
        """Settle who calls, before his body is read; return the answer if he may not."""
        try:
            self._admit()
        except DashtamError as refusal:
            return self.refuse(refusal)
        return None

    def answer_body(self, request: Request) -> HttpResponse:
        """Return the answer to the request, once admitted, with its body."""
        self._request = request
        try:
            return self._perform()
        except DashtamError as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: DashtamError) -> HttpResponse:
        """Return the answer that tells of a refusal."""
        return self._problems.refused(
            refusal,
            instance=self._request.path,
            trace_id=self._request.trace_id,
            headers=self._limit_headers() | self._located(_run_of(refusal)),
        )

    def _admit(self) -> None:
        if self._route.auth is not Auth.NOBODY:
            with self._services.database.read() as work:
                self._caller = self._authenticated(work)
        self._check()

    def _check(self) -> None:
        """Check what needs no body, once the caller is known (401); the first fault is answered.

        The order is 429, 400, 406, 403. The 403 is that of a token which may not do this at all: it
        comes before the body is read, and so before a 400 or 422 of the body. What is there, and
        whose it is (404, 403), only the handler finds out, with the body.
        """
        self._spend()
        request = self._request
        self._values = read_parameters(self._route.parameters, request.path_values, request.query)
        self._key = key_text(self._route, request)
        check_accept(request.headers.get("accept"), self._route.media_type)
        if self._caller and not self._caller.may_write and self._route.auth is Auth.SESSION:
            detail = "A read-only token only reads. Sign in to do this."
            raise Forbidden(detail)

    def _authenticated(self, work: UnitOfWork) -> Principal | None:
        if self._route.auth is Auth.NOBODY:
            return None
        scheme, _, token = self._request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized
        return sessions.authenticate(work, self._services.signer, token.strip())

    def _spend(self) -> None:
        policy = self._services.options.rate_policies[self._route.rate_limit.name]
        key = f"address:{bucket_address(self._request.address)}"
        if self._caller:
            key = user_key(self._caller)
        self._spent = self._services.buckets.spend(policy, key)
        if self._spent.retry_after_s is not None:
            raise RateLimited(self._spent.retry_after_s)

    def _perform(self) -> HttpResponse:
        """Do what is asked, or answer again what was answered under the request's key.

        The key is looked at before anything is done: used for another request it is 422, also where
        that request would have been 404 or 403.
        """
        if self._caller is None or self._key is None:
            return self._respond(self._handle(None))
        key = key_of(self._services, self._route, self._request, self._caller.user_id, self._key)
        with self._services.database.write() as work:
            found = key.claim(work)
        if isinstance(found, StoredResponse):
            return self._repeat(found)
        return self._answer_once(found)

    def _answer_once(self, claim: IdempotencyClaim) -> HttpResponse:
        try:
            return self._respond(self._handle(claim))
        except DashtamError as refusal:
            response = self.refuse(refusal)
            # A refusal is true whoever has the key by now.
            with suppress(TookTooLong), self._services.database.write() as work:
                if _is_lasting(refusal):
                    _keep_response(claim, work, response, _run_of(refusal))
                else:
                    claim.free(work)
            return response
        except BaseException:
            with self._services.database.write() as work:
                claim.free(work)
            raise

    def _handle(self, claim: IdempotencyClaim | None) -> Response:
        if self._route.transaction is Transaction.OWN:
            return self._route.handler(self._context(None, claim))
        with self._services.database.write(self._request.address) as work:
            answer = self._route.handler(self._context(work, claim))
            if claim:
                self._keep(claim, work, answer)
        return answer

    def _context(
        self, work: UnitOfWork | None, claim: IdempotencyClaim | None = None
    ) -> RequestContext:
        # A handler that opens work of its own need not say for whom.
        services = (
            self._services
            if work is not None
            else self._services.for_address(self._request.address)
        )
        context = RequestContext(services, self._request, self._caller, self._values, work)
        if claim:
            context.keep = partial(self._keep, claim)
        return context

    def _keep(self, claim: IdempotencyClaim, work: UnitOfWork, answer: Response) -> None:
        if self._route.shows_secret:
            _keep_response(claim, work, self.refuse(Conflict(_SHOWN_ONCE)), {})
            return
        headers = dict(answer.headers) | {"content-type": answer.media_type}
        claim.keep(work, answer.status or self._route.status, headers, _json(answer))

    def _repeat(self, kept: StoredResponse) -> HttpResponse:
        headers = self._own_headers() | self._located(kept.headers)
        body = kept.body
        if kept.headers.get("content-type") == PROBLEM:
            body = told_again(body, self._request.trace_id)
        return HttpResponse(body, kept.status or 200, headers=headers)

    def _respond(self, answer: Response) -> HttpResponse:
        status = answer.status or self._route.status
        headers = self._own_headers() | self._located(answer.headers)
        if status == HTTPStatus.NO_CONTENT:
            return HttpResponse(status_code=status, headers=headers)
        if answer.stream is not None:
            return EventStream(answer.stream, headers, answer.media_type)
        if answer.chunks is not None:
            return StreamingResponse(answer.chunks, status, headers, answer.media_type)
        body = _json(answer)
        if self._route.conditional:
            headers["ETag"] = etag_of(body)
            if matches(self._request.headers.get("if-none-match"), headers["ETag"]):
                return HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return HttpResponse(body, status, headers=headers, media_type=answer.media_type)

    def _located(self, headers: Mapping[str, str]) -> dict[str, str]:
        if "Location" not in headers:
            return dict(headers)
        return dict(headers) | {"Location": self._services.options.base_path + headers["Location"]}

    def _own_headers(self) -> dict[str, str]:
        return {"Cache-Control": "no-store"} | self._limit_headers()

    def _limit_headers(self) -> dict[str, str]:
        spent = self._spent
        if spent is None:
            # Nobody's bucket was touched: say what a full one looks like.
            policy = self._services.options.rate_policies[self._route.rate_limit.name]
            now = int(self._services.clock().timestamp())
            spent = RateLimitResult(True, policy.capacity, policy.capacity, now, None)  # noqa: FBT003 - the field is its first
        return limit_headers(spent)


def _keep_response(
    claim: IdempotencyClaim, work: UnitOfWork, response: HttpResponse, headers: dict[str, str]
) -> None:
    headers = headers | {"content-type": response.headers["content-type"]}
    claim.keep(work, response.status_code, headers, bytes(response.body))


def _is_lasting(refusal: DashtamError) -> bool:
    """Tell whether the same request is refused for good: not where it is only to come later."""
    return not isinstance(refusal, RateLimited) and kind_of(refusal).status < _SERVER_FAULT


def _run_of(refusal: DashtamError) -> dict[str, str]:
    if isinstance(refusal, SyncRunning | SyncFailed | SyncInterrupted):
        return {"Location": f"/api/v1/syncs/{refusal.sync_id}"}
    return {}


def _json(answer: Response) -> bytes:
    return b"" if answer.body is None else msgspec.json.encode(answer.body)


def user_key(principal: Principal) -> str:
    """Return what stands for a user's own buckets."""
    return f"user:{principal.user_id}"


def limit_headers(spent: RateLimitResult) -> dict[str, str]:
    """Return what tells a client how much it may still ask."""
    return {
        "X-RateLimit-Limit": str(spent.limit),
        "X-RateLimit-Remaining": str(spent.remaining),
        "X-RateLimit-Reset": str(spent.reset_at),
    }


def etag_of(body: bytes) -> str:
    """Return the strong validator of an answer (RFC 9110, 8.8.3): another for other bytes."""
    return f'"{xxh3_128_hexdigest(body)}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client has the answer already (``If-None-Match``)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def check_accept(accept: str | None, media_type: str) -> None:
    """Refuse what the client would not take.

    Raises:
        Rejection: it accepts neither the media type nor a problem's.
    """
    if not accept:
        return
    kind = media_type.split(";", 1)[0]
    accepted = {kind, kind.split("/", 1)[0] + "/*", "*/*", "application/problem+json"}
    for entry in accept.split(","):
        name, *options = [part.strip().lower() for part in entry.split(";")]
        if name in accepted and not any(_is_zero(option) for option in options):
            return
    detail = f"This is answered as {kind} only."
    raise HttpError(NOT_ACCEPTABLE, detail)


def _is_zero(option: str) -> bool:
    name, _, weight = option.partition("=")
    return name.strip() == "q" and weight.strip("0. ") == "" and weight.strip() != ""
