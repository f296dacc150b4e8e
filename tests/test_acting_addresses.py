"""Addresses that may do something when they are asked for: told by their words, never called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.links.http.acting import is_program, may_act, may_take_nothing

ACTING = [
    "/reboot.cgi",
    "/restore_factory.cgi",
    "/set_users.cgi?user1=a&pwd1=b",
    "/decoder_control.cgi?command=0",
    "/camera_control.cgi?param=5&value=0",
    "/set_alarm.cgi",
    "/upgrade_firmware.cgi",
    "/cgi-bin/logout.cgi",
    "/cgi-bin/CGIProxy.fcgi?cmd=rebootSystem",
    "/cgi-bin/CGIProxy.fcgi?cmd=addAccount&usrName=x",
    "/cgi-bin/CGIProxy.fcgi?cmd=ptzMoveUp",
    "/cgi-bin/CGIProxy.fcgi?cmd=openInfraLed",
    "/cgi-bin/CGIProxy.fcgi?cmd=restoreToFactorySetting",
    "/cgi-bin/CGIProxy.fcgi?cmd=logOut",
    "/cgi-bin/CGIProxy.fcgi?cmd=importConfig",
    "/cgi-bin/magicBox.cgi?action=reboot",
    "/cgi-bin/configManager.cgi?action=setConfig&Network.Hostname=x",
    "/cgi-bin/ptz.cgi?action=start",
    "/cgi-bin/userManager.cgi?action=deleteUser",
    "/cgi-bin/devVideoInput.cgi?action=adjustFocus",
    "/axis-cgi/restart.cgi",
    "/axis-cgi/hardfactorydefault.cgi",
    "/axis-cgi/pwdgrp.cgi?action=add",
    "/axis-cgi/param.cgi?action=update&root.Network=x",
    "/web/cgi-bin/hi3510/param.cgi?cmd=setnetattr",
    "/web/cgi-bin/hi3510/ptzctrl.cgi?-act=left",
    "/goform/formReboot",
    "/goform/SetNetwork",
    "/api/system/reboot",
    "/ISAPI/System/reboot",
    "/api/factory-reset",
    "/api/Storage/format",
    "/cgi-bin/%72eboot.cgi",
    "/cgi-bin/%2572eboot.cgi",
    "/CGI-BIN/REBOOT.CGI",
    "/api/users/add",
    "/default.cgi",
    "/api/door?cmd=open",
    "/reboot.html",
    "/cgi-bin/reboot.cgi/x.js",
    "/reboot.cgi?x.js",
    "/reboot.cgi;x.css",
    "/api/v1/delete?id=3",
    "/cgi-bin/sys_re-boot.cgi",
    "/cgi-bin/wifi.cgi?act=save",
    "/cgi-bin/usr.cgi?rm=admin",
]
READING = [
    "/",
    "/index.html",
    "/api/status",
    "/api/users",
    "/api/settings",
    "/api/configuration",
    "/api/device",
    "/api/snapshot",
    "/api/live.mjpeg",
    "/api/live/index.m3u8",
    "/api/recordings",
    "/api/audit",
    "/api/session",
    "/api/update",
    "/api/update/status",
    "/api/firmware",
    "/api/addresses",
    "/api/setup",
    "/ISAPI/System/deviceInfo",
    "/ISAPI/Security/users",
    "/cgi-bin/info.cgi",
    "/get_status.cgi",
    "/snapshot.cgi",
    "/videostream.cgi",
    "/cgi-bin/magicBox.cgi?action=getSystemInfo",
    "/cgi-bin/configManager.cgi?action=getConfig&name=All",
    "/axis-cgi/param.cgi?action=list",
    "/cgi-bin/CGIProxy.fcgi?cmd=getDevState",
    "/onvif/device_service",
    "/web/cgi-bin/hi3510/param.cgi?cmd=getserverinfo",
    "/api/v1/network/addressing",
    "/js/reset.js",
    "/css/control.css",
    "/change_password.html",
    "/set_network.htm",
    "/api/openapi.json",
    "/system.ini",
    "/api/recorded",
    "/check_user.cgi",
    "/api/sensors",
    "/api/delays",
]


@pytest.mark.parametrize("target", ACTING)
def test_what_may_be_obeyed_is_told(target: str) -> None:
    assert may_act(target)


@pytest.mark.parametrize("target", READING)
def test_what_reads_is_not_taken_to_act(target: str) -> None:
    assert not may_act(target)


@pytest.mark.parametrize(
    ("target", "program", "nothing"),
    [
        ("/goform/wlan", True, True),
        ("/cgi-bin/network.cgi", True, True),
        ("/network.php?x=1", True, True),
        ("/cgi-bin/get_network.cgi", True, False),
        ("/cgi-bin/info.cgi", True, False),
        ("/api/users", False, False),
        ("/api/reboot", False, True),
    ],
)
def test_programs_that_take_a_missing_field_for_an_empty_one(
    *, target: str, program: bool, nothing: bool
) -> None:
    assert is_program(target) == program
    assert may_take_nothing(target) == nothing


@given(st.text(max_size=3000))
def test_any_text_gives_an_answer(text: str) -> None:
    assert may_act(text) in {True, False}
    assert may_take_nothing(text) >= may_act(text)


@given(
    st.sampled_from([one for one in ACTING if "%" not in one]),
    st.sampled_from(["//", "/./", "/%2e/", "/x/../"]),
)
def test_what_acts_does_so_behind_any_trick(target: str, trick: str) -> None:
    assert may_act(target.replace("/", trick, 1))
