"""A real SMTP server on loopback, with STARTTLS and a login where asked for; it keeps what it gets."""

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.messages.mail import MailSettings

USER, PASSWORD = "harmspot", "correct horse battery"
HOST = "127.0.0.1"


@dataclass
class Received:
    """What came in, recipients that are refused, and what QUIT is answered."""

    envelopes: list[Envelope] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    is_full: bool = False
    goodbye: str = "221 bye"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        if self.is_full:
            return "452 no room"
        self.envelopes.append(envelope)
        return "250 kept"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return self.goodbye


@contextmanager
def smtp_server(folder: Path, *, is_encrypted: bool) -> Iterator[tuple[Received, int, Path]]:
    """Yield what the server receives, its port, and its certificate."""
    certificate, received, more = folder / "cert.pem", Received(), {}
    if is_encrypted:
        _write_certificate(certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        def check(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
            is_right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), PASSWORD.encode())
            return AuthResult(success=is_right, handled=is_right or False)

        more = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": check}
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    server = Controller(received, hostname=HOST, port=port, **more)
    server.start()
    try:
        yield received, port, certificate
    finally:
        server.stop()


def mail_settings(port: int, **changed: Any) -> MailSettings:
    given: dict[str, Any] = {
        "host": HOST, "port": port, "encryption": "none", "user": None, "password": None, "password_file": None,
        "sender": "harmspot@police.example", "recipients": ("duty@police.example", "chief@police.example"),
    }  # fmt: skip
    return MailSettings(**(given | changed))


def _write_certificate(path: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
