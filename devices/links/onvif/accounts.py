"""Which accounts of the device file ONVIF is used with."""

from __future__ import annotations

from devices.description import DeviceFile, Role
from devices.errors import DeviceFileError
from devices.secrets import Secrets


class OnvifAccounts:
    """Chooses among the accounts of a device file that gives [links.onvif]."""

    def __init__(self, device: DeviceFile, secrets: Secrets) -> None:
        if device.links.onvif is None:
            raise DeviceFileError("the device file gives no [links.onvif]")
        self._link = device.links.onvif
        self._secrets = secrets

    def default_account(self) -> str:
        """The account of links.onvif, else the first administrator. Raises DeviceFileError."""
        if self._link.account is not None:
            return self._link.account
        return self.account_of("admin")

    def account_of(self, role: Role, purpose: str = "test") -> str:
        """The first account with this role that is for ONVIF. Raises DeviceFileError."""
        found = self._secrets.account(role=role, purpose=purpose, service="onvif")
        if found is None:
            raise DeviceFileError(
                f"the device file gives no account of role {role!r} and purpose {purpose!r} "
                "for the onvif link"
            )
        return found[0]

    def expendable_account(self) -> str:
        """The account for logins that the camera should refuse.

        One that may be locked where the device file gives it, else the first viewer, else the
        default account. Raises DeviceFileError.
        """
        try:
            return self.account_for_lockout()
        except DeviceFileError:
            found = self._secrets.account(role="viewer", service="onvif")
            return found[0] if found is not None else self.default_account()

    def account_for_lockout(self) -> str:
        """The account that may be locked over ONVIF, of the least role. Raises DeviceFileError."""
        roles: tuple[Role, ...] = ("viewer", "operator", "admin")
        for role in roles:
            if found := self._secrets.account(role=role, purpose="lockout", service="onvif"):
                return found[0]
        raise DeviceFileError(
            "the device file gives no account of purpose 'lockout' for the onvif link"
        )
