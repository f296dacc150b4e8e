"""Permission first: nothing outside the authorisation is contacted."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from devices.errors import OutsideAuthorisation, Unreachable
from devices.permit import Permit

TOMORROW = date.today() + timedelta(days=1)


def test_permitted_addresses_and_networks() -> None:
    permit = Permit(["192.0.2.7", "198.51.100.0/24", "2001:db8::/64"], ["power"], TOMORROW)
    assert permit.address("192.0.2.7") == "192.0.2.7"
    assert permit.address("198.51.100.200") == "198.51.100.200"
    assert permit.address("[2001:db8::5]") == "2001:db8::5"
    assert permit.permits("power")
    assert not permit.permits("firmware")


@pytest.mark.parametrize("host", ["192.0.2.8", "127.0.0.1", "localhost", "2001:db8:1::1"])
def test_everything_else_is_refused(host: str) -> None:
    with pytest.raises(OutsideAuthorisation, match="nothing was sent"):
        Permit(["192.0.2.7", "2001:db8::/64"], [], TOMORROW).address(host)


def test_an_authorisation_ends() -> None:
    permit = Permit(["192.0.2.7"], [], date.today() - timedelta(days=1))
    with pytest.raises(OutsideAuthorisation, match="ended on"):
        permit.address("192.0.2.7")
    assert Permit(["192.0.2.7"], [], date.today()).address("192.0.2.7") == "192.0.2.7"


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="does not resolve"):
        Permit(["192.0.2.7"], [], TOMORROW).address("camera.invalid")


def test_a_name_that_resolves_to_a_permitted_address() -> None:
    assert Permit(["127.0.0.0/8"], [], TOMORROW).address("localhost") == "127.0.0.1"
