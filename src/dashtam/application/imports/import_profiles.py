"""Import profiles: mappings are remembered by the shape of their tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import NotFound
from dashtam.domain.import_profile import ImportProfile, ImportProfileId
from dashtam.domain.user import UserId

# A choice of the first kind makes that of the second void, and the other way round.
_EITHER: Final = (("account", "account_name"), ("currency", "currency_code"))
_OF_ACCOUNT: Final = ("account", "account_name", "currency", "currency_code", "account_type")


def list_for_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[ImportProfile]:
    """Return the user's profiles, newest first."""
    return work.import_profiles.of_user(user_id, page)


def save(
    work: UnitOfWork,
    user_id: UserId,
    table: tuple[str, str, Sequence[str]],
    mapping: Mapping[str, Any],
    file_name: str | None = None,
) -> ImportProfile:
    """Store the mapping for tables of a shape, in place of an earlier one.

    ``table`` is the shape, the delimiter and the columns.

    Raises:
        Unauthorized: the user does not exist any more.
    """
    work.users.lock_for_recording(user_id)
    shape, delimiter, columns = table
    known = work.import_profiles.find(user_id, shape)
    if known is not None:
        changed = replace(known, mapping=mapping, file_name=file_name, updated_at=work.now)
        work.import_profiles.replace(changed)
        return changed
    profile = ImportProfile(
        id=ImportProfileId(work.new_id()),
        user_id=user_id,
        shape=shape,
        delimiter=delimiter,
        columns=columns,
        mapping=mapping,
        file_name=file_name,
        created_at=work.now,
        updated_at=work.now,
    )
    work.import_profiles.add(profile)
    return profile


def delete(work: UnitOfWork, user_id: UserId, profile_id: ImportProfileId) -> None:
    """Forget a mapping.

    Raises:
        NotFound: there is no such profile, or it is another user's.
    """
    profile = work.import_profiles.get(profile_id)
    if profile is None or profile.user_id != user_id:
        raise NotFound
    work.import_profiles.delete(profile_id)
    work.record_event("import_profile_deleted", user_id, profile_id)


def merge(
    profile: ImportProfile, given: Mapping[str, object], *, has_account: bool
) -> dict[str, object]:
    """Return the remembered mapping with the sender's choices, which go first.

    ``has_account`` where an account is chosen for the file.
    """
    remembered = dict(profile.mapping)
    for one, other in _EITHER:
        if given.get(one) is not None:
            remembered.pop(other, None)
        if given.get(other) is not None:
            remembered.pop(one, None)
    if has_account:
        remembered = {name: kept for name, kept in remembered.items() if name not in _OF_ACCOUNT}
    return remembered | dict(given)
