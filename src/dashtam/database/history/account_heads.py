"""The statements on account heads: where the history of each account ends."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from dashtam.database.repository import Repository, from_row, to_row
from dashtam.database.tables import account_heads, accounts
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.hash_chain import GENESIS, Chain
from dashtam.domain.user import UserId

_h = account_heads.c
_KEY: Final = ("user_id", "account_id")


@dataclass(slots=True)
class AccountHead:
    """The end of an account's history; it changes with every snapshot.

    ``newest_at`` is the latest instant of any snapshot, also a retracted one, and ``last_live_at``
    that of a live one. ``positions_digest`` is that of the content of the last recorded set of
    positions, and ``positions_stored`` the number of the set that stores it.
    ``chunked_until`` is the end of the last chunk of the history cache, and ``latest`` the newest
    snapshot as the cache stores it, empty where none counts. Both are None before the first
    snapshot, and where the cache was dropped; ``cache_rebuilds`` counts how often that happened.
    The cache of an account that ``is_distrusted`` is neither read nor written. ``has_holds`` is
    False where none of the account's live snapshots since the last one that counts is held. The
    history cache has the account's own snapshots alone: an account that is joined or removed
    ``bypasses_cache``.
    """

    user_id: UserId
    account_id: AccountId
    chain_length: int = 0
    chain_head: bytes = GENESIS
    events_length: int = 0
    events_head: bytes = GENESIS
    newest_at: datetime | None = None
    last_live_at: datetime | None = None
    last_synced_at: datetime | None = None
    positions_length: int = 0
    positions_head: bytes = GENESIS
    positions_stored: int | None = None
    positions_digest: bytes | None = None
    flows_length: int = 0
    flows_head: bytes = GENESIS
    chunked_until: datetime | None = None
    latest: bytes | None = None
    is_distrusted: bool = False
    cache_rebuilds: int = 0
    has_holds: bool = False
    bypasses_cache: bool = False

    @property
    def chain(self) -> Chain:
        """The end of the hash chain of the account's snapshots."""
        return Chain(self.chain_length, self.chain_head)

    @chain.setter
    def chain(self, chain: Chain) -> None:
        self.chain_length, self.chain_head = chain.length, chain.head

    @property
    def events_chain(self) -> Chain:
        """The end of the hash chain of the account's events."""
        return Chain(self.events_length, self.events_head)

    @events_chain.setter
    def events_chain(self, chain: Chain) -> None:
        self.events_length, self.events_head = chain.length, chain.head

    @property
    def positions_chain(self) -> Chain:
        """The end of the hash chain of the account's sets of positions."""
        return Chain(self.positions_length, self.positions_head)

    @positions_chain.setter
    def positions_chain(self, chain: Chain) -> None:
        self.positions_length, self.positions_head = chain.length, chain.head

    @property
    def flows_chain(self) -> Chain:
        """The end of the hash chain of the account's external flows."""
        return Chain(self.flows_length, self.flows_head)

    @flows_chain.setter
    def flows_chain(self, chain: Chain) -> None:
        self.flows_length, self.flows_head = chain.length, chain.head


class AccountHeads(Repository):
    """Every statement on ``account_heads``.

    ``lock`` returns heads to be changed; ``flush`` stores the changes before the commit.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._locked: dict[AccountId, AccountHead] = {}
        self._stored: dict[AccountId, dict[str, Any]] = {}

    def add(self, new: Collection[Account]) -> None:
        """Insert the heads of new accounts, which have no history."""
        heads = [AccountHead(account.user_id, account.id) for account in new]
        if heads:
            self._connection.execute(insert(account_heads), list(map(to_row, heads)))
        self._keep(heads)

    def lock(self, of: Collection[Account]) -> dict[AccountId, AccountHead]:
        """Return the heads of the accounts, which are locked until the commit."""
        missing = [account for account in of if account.id not in self._locked]
        if missing:
            rows = self._connection.execute(_LOCK, _keys_of(missing))
            self._keep([from_row(AccountHead, row) for row in rows])
        return {account.id: self._locked[account.id] for account in of}

    def get(self, of: Collection[Account]) -> dict[AccountId, AccountHead]:
        """Return the heads of the accounts; lock nothing."""
        rows = self._connection.execute(_SELECT, _keys_of(of))
        heads = [from_row(AccountHead, row) for row in rows]
        return {head.account_id: head for head in heads}

    def mark_synced(self, of: Collection[Account], at: datetime) -> None:
        """Have the time of the accounts' last sync stored."""
        for head in self.lock(of).values():
            head.last_synced_at = at

    def flush(self) -> None:
        """Store the heads that changed since they were read."""
        changed = {}
        for account_id, head in self._locked.items():
            values = to_row(head)
            if values != self._stored[account_id]:
                changed[account_id] = values
        if changed:
            rows = [
                {f"new_{name}": value for name, value in row.items()} for row in changed.values()
            ]
            self._connection.execute(_UPDATE, rows)
            self._stored |= changed

    def all(self) -> Iterator[AccountHead]:
        """Yield the heads of every user's accounts, by account id; lock nothing."""
        statement = select(account_heads).join(accounts, accounts.c.id == _h.account_id)
        for row in self._stream_rows(statement.order_by(_h.account_id)):
            yield from_row(AccountHead, row)

    def _keep(self, heads: Collection[AccountHead]) -> None:
        for head in heads:
            self._locked[head.account_id] = head
            self._stored[head.account_id] = to_row(head)


def _keys_of(of: Collection[Account]) -> dict[str, object]:
    user_ids = {account.user_id for account in of}
    return {"of_users": list(user_ids), "of_accounts": [account.id for account in of]}


_SELECT: Final = select(account_heads).where(
    _h.user_id.in_(bindparam("of_users", expanding=True)),
    _h.account_id.in_(bindparam("of_accounts", expanding=True)),
)
_LOCK: Final = _SELECT.order_by(_h.user_id, _h.account_id).with_for_update()


_UPDATE: Final = (
    update(account_heads)
    .where(*(_h[name] == bindparam(f"new_{name}") for name in _KEY))
    .values(
        {
            column.name: bindparam(f"new_{column.name}")
            for column in account_heads.c
            if column.name not in _KEY
        }
    )
)
