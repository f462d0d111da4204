"""The export on the wire: all of a user's data as one document, written piece by piece."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar, Final, Literal, TypeVar
from uuid import UUID

import msgspec

from dashtam.application.export import export
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.history.account_event import AccountEvent, EventKind
from dashtam.domain.history.position_set import PositionSet
from dashtam.domain.user import UserId
from dashtam.presentation.http.parameters import KNOWN_AT
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.routers.api.v1.accounts import AccountShape, listed_account_shape
from dashtam.presentation.routers.api.v1.connections import ConnectionShape
from dashtam.presentation.routers.api.v1.external_flows import FlowShape, flow_shape
from dashtam.presentation.routers.api.v1.holdings import HoldingShape, holding_shape
from dashtam.presentation.routers.api.v1.import_profiles import ImportProfileShape
from dashtam.presentation.routers.api.v1.syncs import SyncShape
from dashtam.presentation.routers.api.v1.users import UserShape
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Instant, Shape
from dashtam.presentation.schemas.snapshots import LatestSnapshots, Snapshot, snapshot_shape

T = TypeVar("T")

_IN_MEMORY_BYTES: Final = 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024

_encode: Final = msgspec.json.Encoder().encode


class AccountEventShape(Shape):
    """An event of an account, and its place among them from 1 on.

    `sequence` is the place of the snapshot that it is about among those of the account, in order of
    recording; `counts` whether that snapshot counts from then on. `content` depends on the kind.
    """

    account_id: UUID
    number: int
    kind: EventKind
    recorded_at: Instant
    sync_id: UUID | None
    sequence: int | None
    counts: bool | None
    content: dict[str, Any]

    example: ClassVar = {
        "account_id": examples.ACCOUNT_ID,
        "number": 2,
        "kind": "retraction",
        "recorded_at": examples.CAPTURED_AT,
        "sync_id": None,
        "sequence": 7,
        "counts": False,
        "content": {
            "snapshot_id": "550e8400-e29b-41d4-a716-446655440003",
            "captured_at": examples.CAPTURED_AT,
            "reason": "The bank reported another account's balance.",
        },
    }


class PositionSetShape(Shape):
    """The positions of an account that came with a snapshot, and their place from 1 on.

    `captured_at` is that of the snapshot. A set with the same positions as an earlier one names
    that in `same_as`, and has no `positions` of its own. Positions of a retracted run or snapshot
    are listed too.
    """

    account_id: UUID
    number: int
    sync_id: UUID
    captured_at: Instant
    recorded_at: Instant
    same_as: int | None
    positions: list[HoldingShape] | None

    example: ClassVar = {
        "account_id": examples.ACCOUNT_ID,
        "number": 1,
        "sync_id": "8c5d7e1a-3b42-4f6d-9e08-1a2b3c4d5e6f",
        "captured_at": examples.CAPTURED_AT,
        "recorded_at": examples.CAPTURED_AT,
        "same_as": None,
        "positions": [HoldingShape.example],
    }


class ExportShape(Shape, kw_only=True):
    """All of one user's data; retracted runs are listed, their snapshots are not."""

    format: Literal["dashtam_export"]
    version: Literal[1]
    exported_at: Instant
    user: UserShape
    connections: list[ConnectionShape]
    accounts: list[AccountShape]
    holdings: list[HoldingShape]
    syncs: list[SyncShape]
    balance_snapshots: list[Snapshot]
    account_events: list[AccountEventShape]
    position_sets: list[PositionSetShape]
    external_flows: list[FlowShape]
    import_profiles: list[ImportProfileShape]

    example: ClassVar = {
        "format": "dashtam_export",
        "version": 1,
        "exported_at": examples.CAPTURED_AT,
        "user": UserShape.example,
        "connections": [ConnectionShape.example],
        "accounts": [AccountShape.example],
        "holdings": [HoldingShape.example],
        "syncs": [SyncShape.example],
        "balance_snapshots": LatestSnapshots.example["snapshots"],
        "account_events": [AccountEventShape.example],
        "position_sets": [PositionSetShape.example],
        "external_flows": [FlowShape.example],
        "import_profiles": [ImportProfileShape.example],
    }


def export_data(context: RequestContext) -> Response[ExportShape]:
    """Export all data.

    All of the user's data as one document: connections, accounts, holdings, syncs and every
    snapshot that is not retracted, account by account, oldest first; and each account's events,
    such as corrections and changes of its settings, every set of positions, and every
    external flow.

    With `known_at` the accounts, their snapshots, holdings, positions, flows and events, and the
    runs are those of then; the user, the connections and the remembered mappings are as they are
    now.
    """
    # A slow client reads from here, long after the transaction has ended.
    spool = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed with the last chunk
    try:
        for piece in export_pieces(context.work, context.user_id, context.optional(KNOWN_AT)):
            spool.write(piece)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise

    def read_chunks() -> Iterator[bytes]:
        with spool:
            while chunk := spool.read(_CHUNK_BYTES):
                yield chunk

    disposition = f'attachment; filename="dashtam-export-{context.work.now.date()}.json"'
    return Response(chunks=read_chunks(), headers={"Content-Disposition": disposition})


def export_pieces(
    work: UnitOfWork, user_id: UserId, known_at: datetime | None = None
) -> Iterator[bytes]:
    """Yield the document piece by piece, each item on a line, while the work is open."""
    everything = export(work, user_id, known_at)
    yield b'{"format":"dashtam_export","version":1,"exported_at":' + _encode(everything.at)
    yield b',\n"user":' + _encode(UserShape.of(everything.user))
    yield from _list("connections", everything.connections, ConnectionShape.of)
    yield from _list("accounts", everything.accounts, listed_account_shape)
    yield from _list("holdings", everything.holdings, holding_shape)
    yield from _list("syncs", everything.syncs, SyncShape.of)
    snapshots = everything.balance_snapshots
    yield from _list("balance_snapshots", snapshots, lambda item: snapshot_shape(*item))
    yield from _list("account_events", everything.account_events, _event_shape)
    yield from _list("position_sets", everything.position_sets, _position_set_shape)
    yield from _list("external_flows", everything.external_flows, flow_shape)
    yield from _list("import_profiles", everything.import_profiles, ImportProfileShape.of)
    yield b"}\n"


def _event_shape(event: AccountEvent) -> AccountEventShape:
    return AccountEventShape.of(event, content=event.values)


def _position_set_shape(one: PositionSet) -> PositionSetShape:
    is_own = one.same_as is None
    return PositionSetShape.of(
        one, positions=list(map(holding_shape, one.holdings)) if is_own else None
    )


def _list(name: str, items: Iterable[T], to_shape: Callable[[T], Shape]) -> Iterator[bytes]:
    yield f',\n"{name}":['.encode()
    separators = chain([b"\n"], iter(lambda: b",\n", None))
    for separator, item in zip(separators, items, strict=False):
        yield separator + _encode(to_shape(item))
    yield b"]"
