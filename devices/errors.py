"""Everything that can go wrong between the bench and a camera, in one tree.

    DeviceError
      DeviceFileError          the device file is wrong: exit code 2
      OutsideAuthorisation     a target that the device file does not authorise; nothing was sent
      LinkError                a link could not measure
        Unreachable            no connection (refused, no route, name not found)
        TimedOut               the stated limit passed without an answer
          NotConnected         nothing takes the connection up: a packet filter, or no host
        Garbled                an answer that the protocol does not allow
        LoginRefused           the camera did not accept the account given for the test
        NotOffered             the camera answers but does not offer the function
        Busy                   the camera answers, again and again, that it cannot at the moment
      BenchError               the bench (power, provisioning, a tool) failed, not the camera

``cause`` is the stable word that verdicts carry; the message is for people.
"""

from __future__ import annotations


class DeviceError(Exception):
    """Root of this tree."""

    cause = "suite"


class DeviceFileError(DeviceError):
    """The device file is wrong; the message names file, line, key and expectation."""

    cause = "device-file"


class OutsideAuthorisation(DeviceError):
    """The target is outside the device file's authorisation; nothing was sent to it."""

    cause = "not-authorised"


class LinkError(DeviceError):
    """A link could not measure what it was asked to."""

    cause = "link"


class Unreachable(LinkError):
    """No connection: refused, reset before a byte, no route, unknown name."""

    cause = "unreachable"


class TimedOut(LinkError):
    """The stated limit passed without an answer."""

    cause = "timeout"


class NotConnected(TimedOut):
    """The stated limit passed without a connection: as good as refused, which filters hide."""

    cause = "unreachable"


class Garbled(LinkError):
    """The answer is not what the protocol allows."""

    cause = "garbled"


class LoginRefused(LinkError):
    """The camera did not accept the account that the device file gives for the test."""

    cause = "login-refused"


class NotOffered(LinkError):
    """The camera answers, and says that it has no such function."""

    cause = "not-offered"


class Busy(LinkError):
    """The camera answers that it cannot at the moment, and did so when it was asked again."""

    cause = "busy"


class BenchError(DeviceError):
    """The bench failed, not the camera: power control, provisioning, a missing tool."""

    cause = "bench"
