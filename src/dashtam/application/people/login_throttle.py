"""The limit on guessing passwords: failures have a bucket of their own."""

from dashtam.application.ports import Services
from dashtam.application.rate_limits import AUTH_FAILURES, bucket_address
from dashtam.domain.errors import RateLimited
from dashtam.domain.user import email_key


def refuse_when_spent(services: Services, email: str, address: str) -> None:
    """Refuse an attempt before its password is compared; nothing is taken from the bucket.

    Raises:
        RateLimited: too many attempts failed.
    """
    _spend(services, email, address, 0)


def count_failure(services: Services, email: str, address: str) -> None:
    """Take one token from the bucket of this e-mail at this address.

    Raises:
        RateLimited: others failed at the same moment, and the bucket is empty.
    """
    _spend(services, email, address, 1)


def _spend(services: Services, email: str, address: str, tokens: int) -> None:
    policy = services.options.rate_policies[AUTH_FAILURES.name]
    # A derived key: buckets may be on a server, and an e-mail does not belong there.
    name = f"{email_key(email)}\n{bucket_address(address)}".encode("utf-8", "surrogatepass")
    key = services.secrets.derive("auth-failures", name).hex()
    retry_after_s = services.buckets.spend(policy, key, tokens).retry_after_s
    if retry_after_s is not None:
        detail = "Too many attempts failed. Wait a moment before the next one."
        raise RateLimited(retry_after_s, detail)
