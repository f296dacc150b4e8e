"""The emulated camera's web interface: page, JSON API, and the plain HTTP port that redirects."""

from devices.emulated.web.service import WebService

__all__ = ["WebService"]
