"""One example of every answer and body, as JSON; those of the snapshots are the document's own."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dashtam.presentation.routers.api.v1 import (
    accounts,
    api_tokens,
    connections,
    exports,
    holdings,
    imports,
    sessions,
    syncs,
    total_history,
    users,
)
from dashtam.presentation.schemas.snapshots import LatestSnapshots, Snapshot, SnapshotHistory
from dashtam.presentation.schemas.token_pairs import TokenPairShape

_ACCOUNT_ID: Final = "123e4567-e89b-12d3-a456-426614174000"
_CONNECTION_ID: Final = "9c1b8d52-4f0e-4d3a-9a57-2f6f0c1c7e11"
_SYNC_ID: Final = "0199c1de-5c1f-7a32-8e0b-6d5f3b0c9a44"
_CAPTURED_AT: Final = "2025-12-26T10:00:00Z"
_MADE_AT: Final = "2025-01-15T10:00:00Z"
_TIMES: Final = {"created_at": _MADE_AT, "updated_at": _CAPTURED_AT}

_LATEST: Final = {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "account_id": _ACCOUNT_ID,
    "balance": "25000.00",
    "available_balance": "24500.00",
    "holdings_value": "22000.00",
    "cash_value": "3000.00",
    "currency": "USD",
    "source": "holdings_sync",
    "captured_at": _CAPTURED_AT,
    "created_at": _CAPTURED_AT,
    "change_amount": "500.00",
    "change_percent": 2.04,
}

_JANUARY: Final = {
    "id": "550e8400-e29b-41d4-a716-446655440001",
    "account_id": _ACCOUNT_ID,
    "balance": "20000.00",
    "available_balance": "19500.00",
    "holdings_value": "17000.00",
    "cash_value": "3000.00",
    "currency": "USD",
    "source": "account_sync",
    "captured_at": "2025-01-15T10:00:00Z",
    "created_at": "2025-01-15T10:00:00Z",
    "change_amount": None,
    "change_percent": None,
}

_JUNE: Final = {
    "id": "550e8400-e29b-41d4-a716-446655440002",
    "account_id": _ACCOUNT_ID,
    "balance": "22500.00",
    "available_balance": "22000.00",
    "holdings_value": "19500.00",
    "cash_value": "3000.00",
    "currency": "USD",
    "source": "holdings_sync",
    "captured_at": "2025-06-15T10:00:00Z",
    "created_at": "2025-06-15T10:00:00Z",
    "change_amount": "2500.00",
    "change_percent": 12.5,
}

_HISTORY: Final = {
    "snapshots": [_JANUARY, _JUNE],
    "total_count": 2,
    "start_balance": "20000.00",
    "end_balance": "22500.00",
    "total_change_amount": "2500.00",
    "total_change_percent": 12.5,
    "currency": "USD",
}

_ACCOUNT: Final = {
    "id": _ACCOUNT_ID,
    "connection_id": _CONNECTION_ID,
    "name": "Brokerage",
    "institution": "Example Securities",
    "account_type": "brokerage",
    "account_number_masked": "…4321",
    "currency": "USD",
    "balance": "25000.00",
    "available_balance": "24500.00",
    "balance_sign": 1,
    "is_hidden": False,
    "closed_at": None,
    "last_synced_at": _CAPTURED_AT,
    **_TIMES,
}

_HOLDING: Final = {
    "id": "7d3f5a1e-2c44-4f0b-8a36-0b7c9e5d1f20",
    "account_id": _ACCOUNT_ID,
    "symbol": "VTI",
    "name": "Total Stock Market ETF",
    "asset_type": "etf",
    "quantity": "62.5",
    "price": "352.00",
    "market_value": "22000.00",
    "cost_basis": "17500.00",
    "currency": "USD",
    "as_of": _CAPTURED_AT,
}

_CONNECTION: Final = {
    "id": _CONNECTION_ID,
    "provider": "ofx",
    "name": "Example Securities",
    "state": "active",
    "detail": None,
    "last_synced_at": _CAPTURED_AT,
    "next_sync_at": None,
    **_TIMES,
}

_SYNC: Final = {
    "id": _SYNC_ID,
    "connection_id": _CONNECTION_ID,
    "source": "holdings_sync",
    "state": "succeeded",
    "started_at": _CAPTURED_AT,
    "finished_at": "2025-12-26T10:00:02Z",
    "recorded": 1,
    "skipped": 0,
    "accounts": [
        {"account_id": _ACCOUNT_ID, "state": "succeeded", "code": None, "detail": None},
    ],
    "code": None,
    "detail": None,
    "retracted_at": None,
}

_IMPORT: Final = {
    "id": _SYNC_ID,
    "format": "balance_csv",
    "dry_run": False,
    "recorded": 2,
    "skipped": 0,
    "refused": 1,
    "accounts": [
        {
            "account_id": _ACCOUNT_ID,
            "name": "Brokerage",
            "currency": "USD",
            "is_new": False,
            "recorded": 2,
            "skipped": 0,
            "refused": 1,
            "problems": [
                {"line": 4, "code": "invalid_amount", "detail": "This is not an amount."},
            ],
        },
    ],
}

_FORMAT: Final = {
    "slug": "ofx",
    "name": "OFX / QFX",
    "extensions": [".ofx", ".qfx"],
    "description": "What banks, cards and brokers offer for Quicken or Money, positions included.",
}

_USER: Final = {
    "id": "3b7e1f64-90ad-4b0c-8d15-5a2c6e7f8091",
    "email": "ann@example.org",
    "created_at": _MADE_AT,
}

_SESSION: Final = {
    "id": "c2a9d4b8-1e6f-4c73-9b02-8f4d5e6a7b90",
    "created_at": _CAPTURED_AT,
    "last_used_at": _CAPTURED_AT,
    "address": "192.0.2.7",
    "user_agent": "curl/8.14.1",
    "is_current": True,
}

_ACCESS_TOKEN: Final = {
    "id": "e41c0b7a-5d92-4a3e-b6f8-1c9d2e3f4a5b",
    "name": "Spreadsheet",
    "created_at": _MADE_AT,
    "expires_at": "2026-01-15T10:00:00Z",
    "last_used_at": None,
}

_PASSWORD: Final = "a pelican under nine bridges"  # noqa: S105 - nobody's, and shown to everyone


def _page(plural: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {plural: [item], "total_count": 1, "next_cursor": None}


EXAMPLES: Final[Mapping[type[msgspec.Struct], Mapping[str, Any]]] = {
    LatestSnapshots: {
        "snapshots": [_LATEST],
        "total_count": 1,
        "total_balance_by_currency": {"USD": "25000.00"},
    },
    SnapshotHistory: _HISTORY,
    total_history.TotalHistory: {
        "series": [
            {
                "currency": "USD",
                "points": [
                    {
                        "at": "2025-12-25T22:59:59.999999Z",
                        "balance": "24500.00",
                        "accounts": 1,
                        "carried": 1,
                    },
                    {
                        "at": "2025-12-26T22:59:59.999999Z",
                        "balance": "25000.00",
                        "accounts": 1,
                        "carried": 0,
                    },
                ],
            },
        ],
        "start_date": "2025-12-25T00:00:00Z",
        "end_date": "2025-12-26T22:59:59.999999Z",
        "interval": "day",
        "tz": "Europe/Berlin",
    },
    Snapshot: _LATEST | {"source": "manual_sync"},
    accounts.TypedSnapshot: {"balance": "25000.00", "captured_at": _CAPTURED_AT},
    accounts.AccountShape: _ACCOUNT,
    accounts.AccountList: _page("accounts", _ACCOUNT),
    accounts.NewAccount: {
        "name": "House",
        "account_type": "property",
        "currency": "USD",
        "balance": "410000.00",
        "captured_at": "2025-12-26",
    },
    accounts.AccountPatch: {"name": "Retirement", "account_type": "ira", "is_hidden": False},
    holdings.HoldingList: _page("holdings", _HOLDING),
    connections.ConnectionShape: _CONNECTION,
    connections.ProviderList: {
        "providers": [
            {
                "slug": "alpaca",
                "name": "Alpaca",
                "kind": "api",
                "credentials": [
                    {"name": "key_id", "title": "API key id", "secret": False},
                    {"name": "secret_key", "title": "API secret key", "secret": True},
                ],
            },
            {"slug": "ofx", "name": "OFX / QFX", "kind": "file", "credentials": []},
        ],
        "total_count": 2,
    },
    connections.ConnectRequest: {
        "provider": "alpaca",
        "credentials": {"key_id": "AK…", "secret_key": "…"},
        "name": "Brokerage",
    },
    connections.ConnectionPatch: {"name": "Brokerage"},
    connections.ConnectedShape: _CONNECTION
    | {
        "provider": "alpaca",
        "next_sync_at": "2025-12-27T09:41:00Z",
        "sync_id": _SYNC_ID,
        "accounts_found": 1,
    },
    syncs.SyncOrder: {"force": False},
    syncs.AccountSyncOrder: {"connection_id": _CONNECTION_ID, "force": False},
    connections.ConnectionList: _page("connections", _CONNECTION),
    syncs.SyncShape: _SYNC,
    syncs.SyncList: _page("syncs", _SYNC),
    imports.ImportShape: _IMPORT,
    exports.ExportShape: {
        "format": "dashtam_export",
        "version": 1,
        "exported_at": _CAPTURED_AT,
        "user": _USER,
        "connections": [_CONNECTION],
        "accounts": [_ACCOUNT],
        "holdings": [_HOLDING],
        "syncs": [_SYNC],
        "balance_snapshots": [_LATEST],
    },
    imports.FormatList: {"formats": [_FORMAT], "total_count": 1},
    users.Registration: {"email": "ann@example.org", "password": _PASSWORD},
    users.PasswordChange: {"password": _PASSWORD, "new_password": "seven lamps and a slow canoe"},
    users.RegistrationState: {"is_open": False, "has_users": True, "needs_setup_code": False},
    users.UserShape: _USER,
    sessions.SignIn: {"email": "ann@example.org", "password": _PASSWORD},
    sessions.SessionList: _page("sessions", _SESSION),
    sessions.Refresh: {"refresh_token": "dtr_…"},
    TokenPairShape: {
        "access_token": "eyJ…",
        "refresh_token": "dtr_…",
        "token_type": "bearer",
        "expires_in": 900,
    },
    api_tokens.NewAccessToken: {"name": "Spreadsheet", "expires_in_days": 365},
    api_tokens.CreatedAccessToken: _ACCESS_TOKEN | {"token": "dta_…"},
    api_tokens.AccessTokenList: _page("access_tokens", _ACCESS_TOKEN),
}

# The same two snapshots as in the history, in the order of this answer.
BY_HANDLER: Final[Mapping[str, Mapping[str, Any]]] = {
    "list_balance_snapshots": _HISTORY | {"snapshots": [_JUNE, _JANUARY]},
}

FORM: Final[Mapping[str, str]] = {
    "file": "Date,Balance,Account\n2025-01-15,20000.00,Brokerage\n",
    "account_id": _ACCOUNT_ID,
}
