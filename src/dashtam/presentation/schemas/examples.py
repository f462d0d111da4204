"""Values that several examples of the OpenAPI document share."""

from typing import Final

ACCOUNT_ID: Final = "123e4567-e89b-12d3-a456-426614174000"
CONNECTION_ID: Final = "9c1b8d52-4f0e-4d3a-9a57-2f6f0c1c7e11"
SYNC_ID: Final = "0199c1de-5c1f-7a32-8e0b-6d5f3b0c9a44"

CREATED_AT: Final = "2025-01-15T10:00:00Z"
CAPTURED_AT: Final = "2025-12-26T10:00:00Z"

PASSWORD: Final = "a pelican under nine bridges"  # noqa: S105 - nobody's, and shown to everyone
