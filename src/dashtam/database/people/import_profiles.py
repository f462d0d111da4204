"""The statements on import profiles."""

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row, to_row
from dashtam.database.tables import import_profiles
from dashtam.domain.import_profile import ImportProfile, ImportProfileId
from dashtam.domain.user import UserId

_c: Final = import_profiles.c


class ImportProfiles(Repository):
    """The statements on ``import_profiles``."""

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[ImportProfile]:
        """Return the user's profiles, newest first."""
        statement = select(import_profiles).where(_c.user_id == user_id)
        return self._fetch_page(statement, page, _from_row, order=[_c.id], descending=True)

    def get(self, profile_id: ImportProfileId) -> ImportProfile | None:
        """Return the profile."""
        return self._fetch_one(select(import_profiles).where(_c.id == profile_id), _from_row)

    def find(self, user_id: UserId, shape: str) -> ImportProfile | None:
        """Return the user's profile for tables of this shape."""
        statement = select(import_profiles).where(_c.user_id == user_id, _c.shape == shape)
        return self._fetch_one(statement, _from_row)

    def add(self, profile: ImportProfile) -> None:
        """Insert a profile."""
        self._connection.execute(insert(import_profiles).values(_values(profile)))

    def replace(self, profile: ImportProfile) -> None:
        """Store the profile in place of the one with its id."""
        statement = update(import_profiles).where(_c.id == profile.id)
        self._connection.execute(statement.values(_values(profile)))

    def mark_used(self, profile_id: ImportProfileId, at: datetime) -> None:
        """Store the time of the profile's last use."""
        statement = update(import_profiles).where(_c.id == profile_id)
        self._connection.execute(statement.values(last_used_at=at))

    def delete(self, profile_id: ImportProfileId) -> None:
        """Delete the profile."""
        self._connection.execute(delete(import_profiles).where(_c.id == profile_id))


def _values(profile: ImportProfile) -> dict[str, Any]:
    return to_row(profile) | {
        "columns": json.dumps(list(profile.columns), ensure_ascii=False),
        "mapping": json.dumps(dict(profile.mapping), ensure_ascii=False),
    }


def _from_row(row: AnyRow) -> ImportProfile:
    columns, mapping = json.loads(row.columns), json.loads(row.mapping)
    return from_row(ImportProfile, row, columns=columns, mapping=mapping)
