"""The registry, held against a flat list: tokens, rate limit and transaction of each route."""

from dashtam.presentation.routers.api.v1.routes.registry import ROUTES

EXPECTED = """
GET /balance-snapshots READER API_READ READ
GET /accounts/{id}/balance-history READER API_READ READ
GET /accounts/{id}/balance-snapshots READER API_READ READ
GET /accounts/{id}/balance-snapshots/{snapshot_id}/sync READER API_READ READ
GET /balance-history READER API_READ READ
POST /accounts/{id}/balance-snapshots SESSION API_WRITE WRITE
DELETE /accounts/{id}/balance-snapshots/{snapshot_id} SESSION API_WRITE WRITE
POST /accounts/{id}/balance-snapshots/{snapshot_id}/correction SESSION API_WRITE WRITE
GET /accounts READER API_READ READ
POST /accounts SESSION API_WRITE WRITE
GET /accounts/{id} READER API_READ READ
PATCH /accounts/{id} SESSION API_WRITE WRITE
DELETE /accounts/{id} SESSION API_WRITE WRITE
POST /accounts/{id}/join SESSION API_WRITE WRITE
DELETE /accounts/{id}/join SESSION API_WRITE WRITE
GET /accounts/{id}/revisions READER API_READ READ
GET /accounts/{id}/holdings READER API_READ READ
GET /accounts/{id}/flows READER API_READ READ
GET /holdings READER API_READ READ
GET /holds READER API_READ READ
POST /holds/{id}/decision SESSION API_WRITE WRITE
GET /providers READER API_READ READ
POST /connections SESSION SYNC OWN
POST /authorizations SESSION SYNC OWN
POST /authorizations/completions SESSION SYNC OWN
GET /connections READER API_READ READ
GET /connections/{id} READER API_READ READ
PATCH /connections/{id} SESSION API_WRITE OWN
DELETE /connections/{id} SESSION API_WRITE WRITE
POST /connections/{id}/syncs SESSION SYNC OWN
POST /accounts/syncs SESSION SYNC OWN
POST /accounts/{id}/holdings/syncs SESSION SYNC OWN
GET /syncs/{id}/events READER API_READ READ
GET /connections/{id}/syncs READER API_READ READ
GET /syncs READER API_READ READ
GET /syncs/{id} READER API_READ READ
DELETE /syncs/{id} SESSION API_WRITE WRITE
POST /imports SESSION SYNC OWN
GET /imports/formats READER API_READ READ
GET /import-profiles READER API_READ READ
POST /import-profiles SESSION API_WRITE WRITE
DELETE /import-profiles/{id} SESSION API_WRITE WRITE
GET /export READER API_READ READ
POST /users NOBODY AUTH OWN
GET /registration NOBODY AUTH OWN
GET /users/me READER API_READ READ
PATCH /users/me SESSION API_WRITE OWN
POST /sessions NOBODY AUTH OWN
GET /sessions SESSION API_READ READ
DELETE /sessions/current SESSION API_WRITE WRITE
DELETE /sessions/{id} SESSION API_WRITE WRITE
POST /tokens NOBODY AUTH OWN
GET /access-tokens SESSION API_READ READ
POST /access-tokens SESSION API_WRITE WRITE
DELETE /access-tokens/{id} SESSION API_WRITE WRITE
"""


def test_the_routes_are_those_of_the_list() -> None:
    found = [
        f"{route.method} {route.path} {route.auth.name} {route.rate_limit.name}"
        f" {route.transaction.name}"
        for route in ROUTES
    ]
    assert found == EXPECTED.strip().splitlines()


def test_a_token_that_only_reads_calls_no_route_that_writes() -> None:
    for route in ROUTES:
        assert route.auth.name != "READER" or (route.method, route.transaction.name) == (
            "GET",
            "READ",
        )
