"""Start-up: the settings become an installation, and ports get their adapters."""

from dashtam.bootstrap.container import now
from dashtam.bootstrap.installation import Installation

__all__ = ["Installation", "now"]
