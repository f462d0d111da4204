"""Choices: the sender's words about the accounts of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dashtam.domain import parsing
from dashtam.domain.account import AccountChoice, AccountType, Identity
from dashtam.domain.account_types import TypeProposal
from dashtam.domain.errors import FieldError, MappingNeeded
from dashtam.domain.mapping_proposal import Certainty, MappingProposal

_TABLES: Final = "balance_csv"
_RULE: Final = (
    "accounts holds an object for each account, with name, institution, type and sign; a type is"
    " one of those that accounts have, and a sign 1 or -1."
)


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a mapping that concern accounts, and the table that it reads.

    ``account_type`` and ``has_sign`` are those for every account of the file, ``accounts`` those
    for one, by its key. ``is_remembered`` where a profile names the account of all rows.
    """

    table: MappingProposal | None = None
    account_type: AccountType | None = None
    has_sign: bool = False
    accounts: Mapping[str, AccountChoice] = field(default_factory=dict)
    is_remembered: bool = False

    @classmethod
    def of(
        cls,
        mapping: Mapping[str, object],
        table: MappingProposal | None = None,
        *,
        is_remembered: bool = False,
    ) -> "Choices":
        """Return the choices in a mapping.

        Raises:
            MappingNeeded: they have unknown members, or invalid values.
        """
        raw: Any = mapping.get("accounts", {})
        kind = mapping.get("account_type")
        try:
            return cls(
                table,
                None if kind is None else AccountType(str(kind)),
                mapping.get("sign") is not None,
                {key: _parse_choice(choice) for key, choice in dict(raw).items()},
                is_remembered,
            )
        except (TypeError, ValueError):
            field_error = FieldError("/mapping/accounts", "invalid_mapping", _RULE)
            raise MappingNeeded(_RULE, (field_error,)) from None

    def apply(self, identity: Identity) -> Identity:
        """Return the identity with the institution that was chosen for this account."""
        institution = self._choice(identity).institution
        if institution is None:
            return identity
        key = identity.institution_key
        if key.startswith(_TABLES):
            # Only the sender names the institution of a table.
            key = f"{_TABLES}/{parsing.clean(institution)}"
        return replace(identity, institution=parsing.clean(institution), institution_key=key)

    def describe(self, identity: Identity, proposed: TypeProposal) -> tuple[Identity, TypeProposal]:
        """Return the identity and the type of a new account, as they were chosen."""
        choice = self._choice(identity)
        chosen_type = choice.type or self.account_type
        if chosen_type is not None:
            proposed = replace(proposed, account_type=chosen_type, type_certainty=Certainty.SURE)
        if choice.sign is not None:
            proposed = replace(proposed, sign=choice.sign, sign_certainty=Certainty.SURE)
        elif self.has_sign:
            proposed = replace(proposed, sign=1, sign_certainty=Certainty.SURE)
        name = parsing.clean(choice.name or "") or identity.name
        return replace(identity, name=name, account_type=proposed.account_type), proposed

    def _choice(self, identity: Identity) -> AccountChoice:
        return self.accounts.get(identity.external_id) or AccountChoice()


def _parse_choice(raw: Any) -> AccountChoice:  # noqa: ANN401 - JSON
    """Return the choice, or raise TypeError or ValueError."""
    choice = AccountChoice(**raw)
    texts = (choice.name, choice.institution)
    if choice.sign not in {None, 1, -1} or not all(isinstance(one, str | None) for one in texts):
        raise ValueError
    return replace(choice, type=None if choice.type is None else AccountType(choice.type))
