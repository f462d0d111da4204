"""Questions: the parts of a table that only a mapping settles, all asked at once."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dashtam.domain import parsing
from dashtam.domain.errors import FieldError, MappingNeeded
from dashtam.domain.parsing import UnusableField
from dashtam.statements.csv.layout import Layout, Proposal
from dashtam.statements.csv.mapping import ColumnMapping

_MOST_NAMES = 40


class AccountContext(NamedTuple):
    """The account of rows that name none: its number, its name and its currency."""

    number: str | None
    name: str | None
    currency: str | None

    @classmethod
    def of(cls, layout: Layout, mapping: ColumnMapping) -> "AccountContext":
        """Return the account by the mapping, else by the file, else by the mapping's defaults."""
        number = layout.account_number or layout.account_name
        name = layout.account_name
        if mapping.account_name or not number:
            number = name = mapping.account_name or mapping.default_account_name
        code = mapping.currency_code or layout.currency_code
        if code is None:
            code = "USD" if layout.is_monarch else mapping.default_currency_code
        return cls(number, name, code)


def identity_questions(layout: Layout | None, mapping: ColumnMapping) -> list[FieldError]:
    """Return the questions for an account and a currency that nothing names."""
    layout = layout or Layout("", 0, (), {"account": None, "currency": None})
    context = AccountContext.of(layout, mapping)
    questions: list[FieldError] = []
    if layout.roles["account"] is None and mapping.account is None and not context.number:
        detail = "No column names the account: a mapping must say account or account_name."
        questions.append(FieldError("/mapping/account_name", "required", detail))
    if layout.roles["currency"] is None and mapping.currency is None and not context.currency:
        detail = "No column names the currency: a mapping must say currency or currency_code."
        questions.append(FieldError("/mapping/currency_code", "required", detail))
    if mapping.currency_code:
        try:
            parsing.parse_currency_field("currency_code", mapping.currency_code)
        except UnusableField as error:
            questions.append(FieldError("/mapping/currency_code", error.code, str(error)))
    return questions


def mapping_needed(
    questions: Sequence[FieldError],
    proposal: Proposal,
    known: Mapping[str, object],
    mapping: ColumnMapping,
) -> MappingNeeded:
    """Return the error that asks all open questions at once, with an example that answers them."""
    example = proposal.example | dict(known)
    open_names = {question.place.removeprefix("/mapping/") for question in questions}
    if "account_name" in open_names:
        example["account_name"] = "Current account"
    if "currency_code" in open_names:
        example["currency_code"] = "EUR"
    given = {
        name: getattr(mapping, name)
        for name in mapping.__struct_fields__
        if name not in open_names and getattr(mapping, name) != getattr(ColumnMapping(), name)
    }
    example |= {name: one for name, one in given.items() if not name.startswith("default_")}
    names = [
        f"{number} {name or '(without a name)'}"
        for number, name in enumerate(proposal.columns[:_MOST_NAMES], start=1)
    ]
    hints = [
        FieldError("/mapping", "columns_found", f"The columns are {', '.join(names)}."),
        FieldError(
            "/mapping",
            "example_mapping",
            f"Such a mapping answers: {json.dumps(example, ensure_ascii=False)}",
        ),
    ]
    if len(questions) == 1:
        detail = questions[0].detail
    else:
        detail = f"A mapping must say {', '.join(sorted(open_names))}."
    return MappingNeeded(detail, (*questions, *hints))
