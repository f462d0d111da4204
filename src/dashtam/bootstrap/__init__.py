"""The one place where ports meet adapters: settings become an application."""

from dashtam.bootstrap.container import now
from dashtam.bootstrap.installation import Installation

__all__ = ["Installation", "now"]
