"""The one place where ports meet adapters: settings become an application."""

from dashtam.bootstrap.installation import Installation

__all__ = ["Installation"]
