"""The one place where ports meet adapters: settings become an application."""

from dashtam.bootstrap.installation import Installation
from dashtam.bootstrap.parts import now

__all__ = ["Installation", "now"]
