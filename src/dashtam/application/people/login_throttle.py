"""How often a password may be guessed: failures have a bucket of their own."""

from dashtam.application.ports import Services
from dashtam.application.rate_limits import AUTH_FAILURES, RatePolicy, bucket_address
from dashtam.domain.errors import RateLimited
from dashtam.domain.user import email_key

_TOO_MANY = "Too many attempts failed. Wait a moment before the next one."


def refuse_when_spent(services: Services, email: str, address: str) -> None:
    """Refuse an attempt before anything is looked at; nothing is taken from the bucket.

    Raises:
        RateLimited: too many failed.
    """
    spent = services.buckets.spend(_policy(services), _key(services, email, address), 0)
    if spent.retry_after_s is not None:
        raise RateLimited(spent.retry_after_s, _TOO_MANY)


def count_failure(services: Services, email: str, address: str) -> None:
    """Take one from the bucket of this e-mail at this address.

    Raises:
        RateLimited: others failed at the same moment, and there is none left.
    """
    spent = services.buckets.spend(_policy(services), _key(services, email, address))
    if spent.retry_after_s is not None:
        raise RateLimited(spent.retry_after_s, _TOO_MANY)


def _policy(services: Services) -> RatePolicy:
    return services.options.rate_policies[AUTH_FAILURES.name]


def _key(services: Services, email: str, address: str) -> str:
    # A derived key: buckets may lie on a server, and an e-mail does not belong there.
    named = f"{email_key(email)}\n{bucket_address(address)}".encode("utf-8", "surrogatepass")
    return services.secrets.derive("auth-failures", named).hex()
