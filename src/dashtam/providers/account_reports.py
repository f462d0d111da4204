"""Reports of accounts that a provider tells one by one, each with requests of its own."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    ProviderError,
    ProviderRateLimited,
    Report,
)
from dashtam.domain.account import AccountType, BalanceSign
from dashtam.domain.account_types import LIABILITY_TYPES
from dashtam.domain.parsing import UnusableField


def fetch_each(accounts: Iterable[tuple[str, Callable[[], AccountReport]]]) -> Report:
    """Return the report of the named accounts; one that cannot be read is a warning.

    After a limit no further account is asked for.

    Raises:
        CredentialsRefused: also where it is of one account.
        ProviderError: of the first account that failed, where none could be read.
    """
    reports: list[AccountReport] = []
    warnings: list[str] = []
    errors: list[ProviderError] = []
    for name, fetch in accounts:
        try:
            reports.append(fetch())
        except ProviderRateLimited as error:
            errors.append(error)
            warnings.append(f"{name} and the accounts after it: {error}")
            break
        except CredentialsRefused:
            raise
        except (ProviderError, UnusableField) as error:
            warnings.append(f"{name}: {error}")
            errors += [error] if isinstance(error, ProviderError) else []
    if errors and not reports:
        raise errors[0]
    return Report(reports, tuple(warnings), attention=find_attention(reports))


def find_attention(reports: Iterable[AccountReport]) -> tuple[str, ...]:
    """Return the sentences of the accounts' outages, each once."""
    outages = [report.outage for report in reports]
    return tuple(dict.fromkeys(outage.detail for outage in outages if outage is not None))


def find_debt_sign(account_type: AccountType | None, balance: Decimal | None) -> BalanceSign:
    """Return the sign of an account at a source that tells debts with either sign.

    Its first balance counts, which is a debt mostly; a zero is taken for a positive one.
    """
    if account_type not in LIABILITY_TYPES or balance is None or balance < 0:
        return 1
    return -1
