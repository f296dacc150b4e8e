"""Everything security-relevant that an emulated camera can do, one field each.

The default is compliant. A fault changes one or a few fields; the services read them and behave
accordingly. Nothing outside ``devices.emulated`` may look at a posture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True)
class Posture:
    """The security posture of one emulated camera; see faults.toml for what changes it."""

    # streams
    rtsp_plain_port: bool = False  # a listener without TLS on 8554
    rtp_plain_udp: bool = False  # accepts RTP/AVP over UDP: media in the clear
    rtsp_authentication: str = "digest"  # digest | basic | none
    rtsp_digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    rtsp_open_paths: tuple[str, ...] = ()  # paths that skip authentication
    rtsp_nonce_reuse: bool = False  # one nonce for ever
    rtsp_nonce_life: str = "connection"  # connection | shared | endless: for all, for ever
    rtsp_nonce_counted: bool = True  # false: a nonce count is taken again
    rtsp_login_scope: str = "every"  # every | describe: who has a description need not log in
    rtsp_session_hijack: bool = False  # a session's identifier stands for a login, everywhere
    rtsp_teardown_ends: bool = True  # false: datagrams go on after TEARDOWN
    rtsp_sessions_time_out: bool = True  # false: datagrams go on as long as the connection is open
    rtsp_revocation_ends: bool = True  # false: sessions of a removed user go on
    srtp_checks_tags: bool = True  # false: the back channel takes packets whose tag is wrong
    srtp_checks_replay: bool = True  # false: it takes a packet again
    srtcp_checks_tags: bool = True  # false: it takes RTCP whose tag is wrong, or that has none
    srtcp_checks_replay: bool = True  # false: it takes an SRTCP packet again
    backchannel_anonymous: bool = False  # it asks for no login
    backchannel_plain: bool = False  # it takes RTP/AVP over UDP
    backchannel_everywhere: bool = False  # every stream has one, declared or not
    rtsp_login_cached: bool = False  # a login that was right once stays right
    tls_minimum: str = "TLSv1.2"  # TLSv1 | TLSv1.1 | TLSv1.2
    tls_ciphers: str = "strong"  # strong | cbc | rsa-key-exchange
    tls_groups: str = "strong"  # strong | secp224r1 | dh-1024
    tls_signatures: str = "strong"  # strong | sha1
    tls_renegotiation: bool = False  # a client may begin a second handshake inside a session
    tls_key: str = "own"  # own | firmware (the released image carries it) | published
    hsts: str = "year"  # year | none | minute
    cookie_attributes: bool = True  # Secure and HttpOnly
    http_redirect: str = "camera"  # camera | host-header (goes wherever a client says)
    certificate_flaw: str = ""  # expired | rsa-1024 | self-signed | wrong-name | sha1
    srtp_key_reuse: bool = False  # one master key for all sessions
    srtp_cipher: str = "aes-cm-128"  # aes-cm-128 | null
    srtp_authentication: bool = True  # false: packets without tag
    rtcp_protected: bool = True  # false: sender reports in clear beside SRTP, under a telling name
    rtp_header_extension: str = ""  # onvif-replay | text: in every packet, in clear beside SRTP
    rtsp_tunnel: tuple[str, ...] = ()  # RTSP over HTTP: tls (on the RTSP port) | anonymous | plain
    # RTSP in a WebSocket: tls (on HTTPS) | plain (on HTTP too) | anonymous | second (one more path)
    rtsp_websocket: tuple[str, ...] = ("tls",)
    rtp_multicast: str = ""  # plain | srtp: SETUP gives media to a group
    rtsp_hidden_stream: str = ""  # path of a stream that is not declared; needs the login
    rtsp_hidden_codec: str = "h264"  # h264 | mjpeg: of that stream
    rtsp_plain_refuses: tuple[str, ...] = ()  # methods that the port without TLS refuses
    snapshot_anonymous: bool = False
    snapshot_over_http: bool = False  # port 80's twin serves pictures instead of redirecting
    stream_uri: str = "rtsps"  # rtsps | rtsp | credentials
    onvif_xaddr: str = "https"  # https | http | elsewhere: where ONVIF says its services are
    onvif_over_http: bool = False  # port 80's twin answers ONVIF instead of redirecting
    onvif_events_anonymous: bool = False  # events for who has no login
    onvif_subscription_open: bool = False  # a subscription's address is enough to pull from it
    onvif_capabilities_true: bool = True  # false: says what a compliant camera would
    onvif_encoder_true: bool = True  # false: the encoder configuration is not that of the stream
    rtp_metadata_plain: bool = False  # the metadata track goes over UDP without SRTP
    rtsp_metadata_open: bool = False  # the metadata track asks for no login
    web_media_open: tuple[str, ...] = ()  # without login: mjpeg hls hls-segments websocket clips
    web_media_plain: tuple[str, ...] = ()  # the same words: over plain HTTP, with a Digest login
    web_media_hidden: tuple[str, ...] = ()  # paths that give MJPEG without login
    websocket_origin_checked: bool = True
    picture: str = "moving"  # moving | frozen | black | looped
    frame_rate: int = 12  # pictures per second of every stream
    main_scene: str = "live"  # live | other (of another camera) | delayed: main stream alone
    snapshot_stale: bool = False  # the snapshot is an old picture
    stream_codec_swapped: bool = False  # main stream is not in the declared codec
    sub_codec: str = "h265"  # h265 | mjpeg: of the second stream
    cloud_certificate_check: str = "full"  # full | chain (any name) | none
    cloud_transport: str = "tls"  # tls | plain
    storage_encryption: str = "volume"  # volume | video-only (index in clear) | none
    outbound_undeclared: tuple[str, ...] = ()  # cloud, p2p, rtmp: contacts nobody was told of

    # credentials
    factory_account: str = ""  # "admin:admin": works before set-up
    extra_web_account: str = ""  # "user:user": a published pair that works after set-up
    extra_onvif_account: str = ""  # "admin:12345": an ONVIF user apart from the camera's accounts
    extra_ssh_account: str = ""  # "root:..." password login over SSH
    password_min_length: int = 8
    password_complexity: bool = True
    password_may_hold_username: bool = False
    password_username_inside: bool = False  # refused only where it is the whole password
    password_common_refused: bool = True
    password_rule_skipped: tuple[str, ...] = ()  # create change setup onvif-create onvif-set
    label_password: str = "random"  # noqa: S105 - random | mac | serial | shared: how it was made
    label_logs_in: bool = False  # before set-up it opens everything, unchanged
    setup_stays_open: bool = False  # set-up can be called again, and makes an administrator
    recovery_code: str = ""  # date | page: how the maker gets in
    reset_keeps: tuple[str, ...] = ()  # accounts | keys | wifi | log | recordings | tls
    tls_own_key: bool = False  # made by the camera itself, instead of the maker's
    lockout_http: bool = True
    lockout_rtsp: bool = True
    lockout_onvif: bool = True
    lockout_http_digest: bool = True
    lockout_onvif_digest: bool = True
    lockout_scope: str = "account"  # account service everyone forgiving forwarded(-onvif)
    lockout_attempts: int = 5
    lockout_of_nobody: bool = True  # a name that no user has is locked as any other
    lockout_change: bool = True  # wrong old passwords count at a change of password
    lockout_length: str = "declared"  # declared | endless | brief
    lockout_clock: str = "timer"  # timer | wall: the time of day, which can be set
    lockout_survives_reboot: bool = True
    login_slow_for_known: tuple[str, ...] = ()  # web onvif rtsp ssh: a hash for existing users
    ssh_password_login: bool = False
    ssh_empty_password: bool = False  # an empty one opens every account that has a shell
    ssh_any_key: bool = False  # so does whatever key
    ssh_tries_per_connection: int = 6  # wrong passwords; 0: without end
    ssh_tells_unknown_user: bool = False  # offers a user who does not exist no method
    ssh_added_algorithms: tuple[str, ...] = ()  # beside the strong ones, of any kind
    ssh_strict_kex: bool = True  # the countermeasure to CVE-2023-48795
    ssh_host_key: str = "ed25519"  # ed25519 | rsa-2048 | rsa-1024 | rsa-close-primes
    ssh_key_reset: bool = True  # false: the host key outlives a factory reset
    ssh_remote_forwarding: bool = False  # tcpip-forward
    ssh_agent_forwarding: bool = False
    ssh_sftp_as_root: bool = False  # SFTP opens what only root may read
    login_tells_unknown_user: bool = False
    onvif_tells_unknown_user: bool = False
    rtsp_tells_unknown_user: bool = False
    api_roles_enforced: bool = True
    onvif_roles_enforced: bool = True
    onvif_anonymous: bool = False
    onvif_replay_window: bool = True  # nonce cache and Created window
    onvif_password_text: bool = False
    session_ids: str = "random"  # random | counter | short | time-hash (MD5 of the milliseconds)
    session_survives: tuple[str, ...] = ()  # admin-password role removal reboot idle
    session_in_url: bool = False  # after its login the page is led to an address with the session
    log_holds_passwords: bool = False  # what was typed at a failed login is logged
    export_holds_passwords: bool = False  # the exported configuration has them in clear
    onvif_support_passwords: bool = False  # so has the support information given over ONVIF
    users_copied: tuple[str, ...] = ()  # rtsp onvif: each with passwords of its own, never renewed
    web_hidden_operation: bool = False  # one that no document names lists the users for anybody
    web_tricks: tuple[str, ...] = ()  # verb rewrite-header override-header: past the login
    onvif_open_operations: tuple[str, ...] = ()  # for every account, whatever their class
    digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")  # of web and ONVIF
    digest_nonces: str = "counted"  # counted | uncounted | endless: of web and ONVIF
    onvif_token_flaws: tuple[str, ...] = ()  # future no-nonce no-created: taken all the same
    session_survives_logout: bool = False
    session_survives_password_change: bool = False
    old_password_survives: bool = False
    http_serves_login: bool = False  # login accepted over plain HTTP
    password_storage: str = "bcrypt"  # noqa: S105 - bcrypt | md5-crypt | plain
    csrf_unprotected: bool = False
    role_cookie: bool = False  # the role is what a cookie says
    redirects_with_content: bool = False  # who may not read is sent to the login, with the answer
    console_hash: str = "bcrypt"  # bcrypt | sha1 | pbkdf2-low | ha1 | shared-salt
    os_vendor_hash: str = ""  # "root:..." as vendors ship it in the image's shadow file
    kept_for_cloud: str = ""  # xor | base64: the administrator's password beside the accounts
    audit_passwords: bool = False  # the audit log names the password of a login
    host_key_readable: bool = False  # the SSH host key may be read by every user
    key_folder_open: bool = False  # every user may write in the folder of the SSH host key
    shadow_readable: bool = False  # so may the shadow file of the image

    # backdoors
    listeners: tuple[str, ...] = ()
    os_extra_account: str = ""  # "vstarcam:0" uid 0 twin of root
    os_empty_password: bool = False
    authorized_key_of_vendor: bool = False
    web_bypasses: tuple[
        str, ...
    ] = ()  # auth-parameter config-download double-slash cookie no-header suffix
    web_debug_pages: tuple[str, ...] = ()  # paths that answer without login
    rtsp_master_password: str = ""  # "admin:..." accepted by RTSP only
    bootloader: str = "locked"  # locked | prompt | password | published-password | word
    boot_single: bool = False  # the kernel is told to start a shell in place of init
    serial_login: str = "password"  # password | shell | automatic
    serial_start_shell: str = ""  # interrupt | failsafe: a key while starting gives a shell
    serial_lockout: bool = True
    serial_lockout_length: str = "declared"  # declared | endless | brief
    serial_password: str = ""  # published pair that works on the console
    serial_leaks_secrets: bool = False
    ssh_algorithms: str = "strong"  # strong | weak
    ssh_none_authentication: bool = False
    ssh_forwarding: bool = False
    startup_telnet: str = ""  # rcS | sd-card: a start script that opens telnet
    debug_process: bool = False
    host_key_fixed: bool = False  # same SSH host key in every unit (a published one)

    # updates
    update_payload_checked: bool = True
    update_signature_checked: bool = True
    update_signer_checked: bool = True
    update_unsigned_accepted: bool = False
    update_rollback_refused: bool = True
    update_model_checked: bool = True
    update_length_checked: bool = True
    update_atomic: bool = True
    update_applies: bool = True
    update_needs_admin: bool = True
    update_needs_login: bool = True
    update_over_http: bool = False
    update_signature_digest: Literal["sha256", "sha1"] = "sha256"
    update_signer_key: str = "ec-p256"  # ec-p256 | rsa-1024

    # origin
    device_certificate: str = "genuine"  # genuine | foreign-ca | other-serial | none
    reported_manufacturer: str = ""
    reported_model: str = ""
    reported_serial: str = ""
    certificate_of_origin: str = (
        "genuine"  # genuine | forged | other-model | other-serial | expired | missing
    )
    sbom: str = "complete"  # complete | missing-component | wrong-hash | missing | vulnerable
    firmware_modified: bool = False  # a program on the running system is not the released one
    mac_mismatch: bool = False
    foreign_brand: bool = False  # another maker's strings in banners and files
    firmware_version_false: bool = False  # reports a version that is not the one installed

    @classmethod
    def of(cls, changed: Mapping[str, Any]) -> Posture:
        """A posture with some fields changed; lists, as JSON and TOML have them, become tuples.

        Raises TypeError for a field that does not exist.
        """
        known = {each.name for each in fields(cls)}
        if unknown := set(changed) - known:
            raise TypeError(f"a posture has no field {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in changed.items()
        }
        return cls(**values)
