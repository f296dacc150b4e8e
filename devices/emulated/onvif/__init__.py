"""The emulated camera's ONVIF services: device, media and media2, over HTTPS."""

from devices.emulated.onvif.service import add_onvif_routes, add_upload_route

__all__ = ["add_onvif_routes", "add_upload_route"]
