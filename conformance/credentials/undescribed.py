"""Ways into a camera that may take a login, and that the device file does not describe."""

from __future__ import annotations

from collections.abc import Iterable

from devices.description import DeviceFile


def undescribed_logins(device: DeviceFile, tried: Iterable[str]) -> list[str]:
    """A sentence for each declared TCP service at which nothing can be tried; what to add.

    ``tried`` are the protocols that the suite logs in to by itself. A vendor's own login in steps
    of text is described under [links.tcp]; a binary one cannot be, and stays named here.
    """
    known, described = set(tried), {login.port for login in device.links.tcp.values()}
    return [
        f"the declared service {service.name} ({service.port}/tcp, {service.protocol}) may "
        "have a login of its own, at which nothing was tried: describe it under "
        f"[links.tcp.NAME], or declare login = false for it"
        for service in device.declared.services
        if service.transport == "tcp" and service.on and service.login is not False
        if service.protocol not in known and service.port not in described
    ]
