"""What changes a camera over ONVIF: users, a restart, the factory state; all journalled."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from devices.links.onvif import requests
from devices.links.onvif.observations import (
    FirmwareUpload,
    OnvifCall,
    Outcome,
)
from devices.links.onvif.sessions import ANONYMOUS, ONVIF, OnvifSessions
from devices.protocols import soap

_REFUSALS = (Outcome.NOT_AUTHORISED, Outcome.NOT_SUPPORTED)


class OnvifChanges(OnvifSessions):
    """Changes the camera as an account of the device file."""

    def create_user(self, account: str, name: str, password: str, level: str) -> OnvifCall:
        """Create a user as an account; ``level`` is Administrator, Operator or User."""
        entry = self.journal.begin("user", name, ONVIF)
        call = self._change(account, requests.create_user(name, password, level))
        if call.answer.outcome in _REFUSALS:
            self.journal.end(entry, f"refused: {call.answer.detail}")
        return call

    def set_user(self, account: str, name: str, password: str, level: str) -> OnvifCall:
        """Give a user another password and level, as an account."""
        self.journal.begin("password", name, ONVIF, secrets=[password])
        return self._change(account, requests.set_user(name, password, level))

    def set_own_user(self, name: str, password: str, new: str, level: str) -> OnvifCall:
        """Give an administrator who logs in with ``password`` another one."""
        self.journal.begin("password", name, ONVIF, secrets=[password, new])
        body = requests.set_user(name, new, level)
        with self.session_with(name, password) as session:
            return OnvifCall(answer=session.answer("device", body, session.call("device", body)))

    def delete_user(self, account: str, name: str) -> OnvifCall:
        """Delete a user as an account."""
        call = self._change(account, requests.delete_user(name))
        if call.answer.outcome is Outcome.DATA:
            for kind in ("user", "password", "lock"):
                self.journal.ended(kind, name, "the user was deleted")
        return call

    def reboot(self, account: str) -> OnvifCall:
        """Restart the camera; in the journal until it is seen to be up again."""
        entry = self.journal.begin("start", via=ONVIF)
        call = self._change(account, requests.plain("device", "SystemReboot"))
        if call.answer.outcome in _REFUSALS:
            self.journal.end(entry, f"refused: {call.answer.detail}")
        return call

    def factory_default(self, account: str, *, hard: bool = False) -> OnvifCall:
        """Put the camera into its factory state; ``hard`` includes its network settings."""
        entry = self.journal.begin("factory", via=ONVIF)
        call = self._change(account, requests.factory_default(hard=hard))
        if call.answer.outcome in _REFUSALS:
            self.journal.end(entry, f"refused: {call.answer.detail}")
        return call

    def start_firmware_upgrade(self, account: str = ANONYMOUS) -> FirmwareUpload:
        """Ask where firmware is uploaded. The address is the camera's word: ask the permit."""
        body = requests.plain("device", "StartFirmwareUpgrade")
        with self.session(account) as session:
            reply = session.call("device", body)
            answer = session.answer("device", body, reply)
        if reply.body is None:
            return FirmwareUpload(answer=answer)
        return FirmwareUpload(
            answer=answer,
            uri=soap.text(reply.body, "UploadUri"),
            delay=soap.text(reply.body, "UploadDelay"),
            expected_down_time=soap.text(reply.body, "ExpectedDownTime"),
        )

    def _change(self, account: str, body: Element) -> OnvifCall:
        with self.session(account) as session:
            reply = session.call("device", body)
            return OnvifCall(answer=session.answer("device", body, reply))
