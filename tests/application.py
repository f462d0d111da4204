"""People who use the API, for tests: over HTTP, on a real database."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from starlette.testclient import TestClient

from dashtam.application.ports import Services
from dashtam.bootstrap import Installation
from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.hash_chain import Chain, Record, link_records
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import Session, SessionId, User, UserId


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who is signed in."""

    id: UserId
    client: TestClient
    token: str

    def get(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - what httpx gives
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - what httpx gives
        return self.request("POST", path, **options)

    def patch(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - what httpx gives
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - what httpx gives
        return self.request("DELETE", path, **options)

    def request(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - what httpx gives
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    def account(self, balance: str = "0", currency: str = "USD", **fields: Any) -> str:  # noqa: ANN401 - JSON
        """Make a manual account and return its id."""
        body = {
            "name": "Everyday",
            "account_type": "checking",
            "currency": currency,
            "balance": balance,
            "captured_at": "2025-01-01T10:00:00Z",
        } | fields
        made = self.post("/accounts", json=body)
        assert made.status_code == 201, made.text
        account_id: str = made.json()["id"]
        return account_id

    def type(self, account_id: str, balance: str, captured_at: str, **fields: Any) -> Any:  # noqa: ANN401 - JSON
        """Type a balance and return the snapshot it became."""
        body = {"balance": balance, "captured_at": captured_at} | fields
        typed = self.post(f"/accounts/{account_id}/balance-snapshots", json=body)
        assert typed.status_code == 201, typed.text
        return typed.json()

    def history(self, account_id: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        """Return the account's whole history."""
        query = {"start_date": "1900-01-01", "end_date": "9999-12-31"} | query
        answer = self.get(f"/accounts/{account_id}/balance-history", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass(slots=True)
class Api:
    """One running application."""

    installation: Installation
    client: TestClient
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = self.installation.services()

    def person(self, email: str = "ada@example.com") -> Person:
        """Return a new user, signed in without the slow hash."""
        with self.services.database.write() as work:
            user = User(UserId(work.new_id()), email, work.now)
            assert work.users.add(user, "nobody signs in with this")
            session = Session(
                id=SessionId(work.new_id()),
                user_id=user.id,
                generation=0,
                refresh_hash=bytes(32),
                rotated_at=work.now,
                created_at=work.now,
                last_used_at=work.now,
                expires_at=work.now + timedelta(days=1),
                revoked_at=None,
                address="127.0.0.1",
                user_agent="tests",
            )
            work.sessions.add(session)
            now = work.now
        return Person(user.id, self.client, self.services.signer.issue(user.id, session.id, now))

    def record(self, person: Person, account_id: str, *rows: dict[str, Any]) -> None:
        """Store snapshots as a live sync would have: their ids, sources and times are given."""
        with self.services.database.write() as work:
            account = work.accounts.get(AccountId(UUID(account_id)))
            assert account is not None
            sync_id = SyncId(uuid4())
            work.syncs.add(
                Sync(
                    id=sync_id,
                    user_id=person.id,
                    connection_id=account.connection_id,
                    kind=SyncKind.LIVE,
                    source=SnapshotSource.ACCOUNT_SYNC,
                    state=SyncState.SUCCEEDED,
                    started_at=work.now,
                    finished_at=work.now,
                    recorded=len(rows),
                    skipped=0,
                    accounts=(),
                    code=None,
                    detail=None,
                    retracted_at=None,
                )
            )
            chain = work.accounts.lock_chain(account.id)
            records = [
                _record(row, account.id, sequence, sync_id, account.currency)
                for sequence, row in enumerate(rows, chain.length + 1)
            ]
            links = list(link_records(chain, records))
            work.balance_snapshots.add(links)
            end = Chain(links[-1].record.sequence, links[-1].digest) if links else chain
            work.accounts.update_chain(account.id, end)
            work.history_chunks.mark_changed(account.id)
            work.accounts.mark_synced(account.connection_id, [account.id], work.now)


def _record(
    row: dict[str, Any], account_id: AccountId, sequence: int, sync_id: SyncId, currency: Currency
) -> Record:
    def amount(name: str) -> Decimal | None:
        return None if row.get(name) is None else Decimal(row[name])

    captured_at = datetime.fromisoformat(row["captured_at"])
    return Record(
        id=SnapshotId(UUID(row["id"]) if "id" in row else uuid4()),
        account_id=account_id,
        sequence=sequence,
        sync_id=sync_id,
        source=SnapshotSource(row.get("source", "account_sync")),
        currency=currency,
        reading=Reading(
            captured_at=captured_at,
            balance=Decimal(row["balance"]),
            available_balance=amount("available_balance"),
            holdings_value=amount("holdings_value"),
            cash_value=amount("cash_value"),
        ),
        created_at=datetime.fromisoformat(row.get("created_at", row["captured_at"])),
    )
