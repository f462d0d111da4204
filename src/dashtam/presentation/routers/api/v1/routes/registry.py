"""Every route of the API: one entry each, and no route without one.

An entry names the errors that are its own; those of its kind follow from it (``route_errors``).
"""

from functools import partial
from typing import Final

from dashtam.presentation.http import problems
from dashtam.presentation.http.parameters import (
    ACCOUNT_ID,
    CONNECTION_ID,
    DETAIL,
    END_DATE,
    GROUP_BY,
    INCLUDE,
    INTERVAL,
    MAX_POINTS,
    ONLY_ACCOUNT,
    PAGE,
    SNAPSHOT_ID,
    SOURCE,
    START_DATE,
    TZ,
)
from dashtam.presentation.routers.api.v1 import (
    accounts,
    api_tokens,
    balance_snapshots,
    connections,
    corrections,
    exports,
    holdings,
    imports,
    sessions,
    syncs,
    total_history,
    users,
)
from dashtam.presentation.routers.api.v1.routes.route import (
    Transaction,
    public,
    read,
    read_in_session,
    sync,
    tagged,
    write,
)

_provider_sync: Final = partial(
    sync,
    location="Where the run is.",
    errors=(problems.PROVIDER_ERROR,),
    responds_async=True,
    asks_providers=True,
)

ROUTES: Final = (
    *tagged(
        "Balance Snapshots",
        read(
            "/balance-snapshots",
            balance_snapshots.get_latest_snapshots,
            parameters=(INCLUDE, DETAIL),
            conditional=True,
            fast_handler=balance_snapshots.fast_latest,
        ),
        read(
            "/accounts/{id}/balance-history",
            balance_snapshots.get_balance_history,
            parameters=(
                *(ACCOUNT_ID, START_DATE, END_DATE, SOURCE, INTERVAL, TZ, MAX_POINTS, DETAIL),
            ),
            errors=(problems.INVALID_DATE_RANGE,),
            conditional=True,
            fast_handler=balance_snapshots.fast_history,
        ),
        read(
            "/accounts/{id}/balance-snapshots",
            balance_snapshots.list_balance_snapshots,
            parameters=(ACCOUNT_ID, balance_snapshots.LIMIT, SOURCE, DETAIL),
            example=balance_snapshots.RECENT_EXAMPLE,
            conditional=True,
            fast_handler=balance_snapshots.fast_recent,
        ),
        read(
            "/accounts/{id}/balance-snapshots/{snapshot_id}/sync",
            syncs.get_snapshot_sync,
            parameters=(ACCOUNT_ID, SNAPSHOT_ID),
        ),
        read(
            "/balance-history",
            total_history.get_total_history,
            parameters=(
                *(START_DATE, END_DATE, total_history.EVERY, TZ),
                *(GROUP_BY, ONLY_ACCOUNT, MAX_POINTS),
            ),
            errors=(problems.INVALID_DATE_RANGE, problems.NOT_FOUND),
            conditional=True,
            is_heavy=True,
        ),
        write(
            "POST",
            "/accounts/{id}/balance-snapshots",
            accounts.type_balance,
            parameters=(ACCOUNT_ID,),
            body=accounts.TypedSnapshot,
            location="Where the run is by which the balance can be retracted.",
        ),
        write(
            "DELETE",
            "/accounts/{id}/balance-snapshots/{snapshot_id}",
            corrections.retract_snapshot,
            parameters=(ACCOUNT_ID, SNAPSHOT_ID),
            body=corrections.Retraction,
            body_is_optional=True,
            errors=(problems.CONFLICT,),
        ),
        write(
            "POST",
            "/accounts/{id}/balance-snapshots/{snapshot_id}/correction",
            corrections.correct_snapshot,
            parameters=(ACCOUNT_ID, SNAPSHOT_ID),
            body=corrections.Correction,
            location="Where the run is that recorded the new snapshot.",
        ),
    ),
    *tagged(
        "Accounts",
        read("/accounts", accounts.list_accounts, parameters=PAGE),
        write(
            "POST",
            "/accounts",
            accounts.create_account,
            body=accounts.NewAccount,
            location="Where the account is.",
        ),
        read("/accounts/{id}", accounts.get_account, parameters=(ACCOUNT_ID,)),
        write(
            "PATCH",
            "/accounts/{id}",
            accounts.change_account,
            parameters=(ACCOUNT_ID,),
            body=accounts.AccountPatch,
        ),
        read(
            "/accounts/{id}/holdings",
            holdings.list_account_holdings,
            parameters=(ACCOUNT_ID, *PAGE),
        ),
        read("/holdings", holdings.list_holdings, parameters=PAGE),
    ),
    *tagged(
        "Connections and syncs",
        read("/providers", connections.list_providers),
        sync(
            "/connections",
            connections.create_connection,
            body=connections.ConnectRequest,
            location="Where the connection is.",
            errors=(problems.PROVIDER_ERROR,),
            asks_providers=True,
        ),
        read("/connections", connections.list_connections, parameters=PAGE),
        read("/connections/{id}", connections.get_connection, parameters=(CONNECTION_ID,)),
        write(
            "PATCH",
            "/connections/{id}",
            connections.change_connection,
            parameters=(CONNECTION_ID,),
            body=connections.ConnectionPatch,
            errors=(problems.CONFLICT, problems.PROVIDER_ERROR),
            transaction=Transaction.OWN,
            asks_providers=True,
        ),
        write(
            "DELETE",
            "/connections/{id}",
            connections.disconnect,
            parameters=(CONNECTION_ID,),
            errors=(problems.CONFLICT,),
        ),
        _provider_sync(
            "/connections/{id}/syncs",
            syncs.sync_connection,
            parameters=(CONNECTION_ID,),
            body=syncs.SyncOrder,
            body_is_optional=True,
        ),
        _provider_sync(
            "/accounts/syncs",
            syncs.sync_accounts,
            body=syncs.AccountSyncOrder,
            errors=(problems.NOT_FOUND, problems.PROVIDER_ERROR),
        ),
        _provider_sync(
            "/accounts/{id}/holdings/syncs",
            syncs.sync_holdings,
            parameters=(ACCOUNT_ID,),
            body=syncs.SyncOrder,
            body_is_optional=True,
        ),
        read(
            "/syncs/{id}/events",
            syncs.follow_sync,
            parameters=(syncs.SYNC_ID,),
            media_type=syncs.EVENT_STREAM,
        ),
        read(
            "/connections/{id}/syncs",
            syncs.list_connection_syncs,
            parameters=(CONNECTION_ID, *PAGE),
        ),
        read("/syncs", syncs.list_syncs, parameters=PAGE),
        read("/syncs/{id}", syncs.get_sync, parameters=(syncs.SYNC_ID,)),
        write(
            "DELETE",
            "/syncs/{id}",
            syncs.retract_sync,
            parameters=(syncs.SYNC_ID,),
            errors=(problems.CONFLICT,),
        ),
    ),
    *tagged(
        "Imports and export",
        sync(
            "/imports",
            imports.import_file,
            upload=imports.FORM,
            location="Where the run is; left out in a dry run.",
            errors=(problems.NOT_FOUND,),
        ),
        read("/imports/formats", imports.list_import_formats),
        read("/export", exports.export_data, is_heavy=True),
    ),
    *tagged(
        "Users and sessions",
        public(
            "POST",
            "/users",
            users.create_user,
            body=users.Registration,
            errors=(problems.FORBIDDEN, problems.CONFLICT),
        ),
        public("GET", "/registration", users.get_registration),
        read("/users/me", users.get_user),
        write(
            "PATCH",
            "/users/me",
            users.change_user,
            body=users.UserPatch,
            transaction=Transaction.OWN,
        ),
        public(
            "POST",
            "/sessions",
            sessions.create_session,
            body=sessions.SignIn,
            errors=(problems.UNAUTHORIZED,),
        ),
        read_in_session("/sessions", sessions.list_sessions, parameters=PAGE),
        write("DELETE", "/sessions/current", sessions.delete_current_session),
        write(
            "DELETE", "/sessions/{id}", sessions.delete_session, parameters=(sessions.SESSION_ID,)
        ),
        public(
            "POST",
            "/tokens",
            sessions.create_tokens,
            body=sessions.Refresh,
            errors=(problems.UNAUTHORIZED, problems.FORBIDDEN),
        ),
        read_in_session("/access-tokens", api_tokens.list_access_tokens, parameters=PAGE),
        write(
            "POST",
            "/access-tokens",
            api_tokens.create_access_token,
            body=api_tokens.NewAccessToken,
            shows_secret=True,
        ),
        write(
            "DELETE",
            "/access-tokens/{id}",
            api_tokens.delete_access_token,
            parameters=(api_tokens.ACCESS_TOKEN_ID,),
        ),
    ),
)
