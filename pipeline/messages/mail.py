"""Mail by SMTP (RFC 5321), encrypted by STARTTLS (RFC 3207) unless the settings say otherwise."""

import contextlib
import ipaddress
import re
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from pipeline.errors import MailError, SettingsError
from pipeline.given_secret import secret_of

ENCRYPTIONS = ("starttls", "tls", "none")
TIMEOUT_S = 30.0
MEDIA = {"pdf": ("application", "pdf"), "html": ("text", "html")}
ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Server, sender and recipients of mail; without a host none is sent."""

    host: str | None
    port: int
    encryption: str
    user: str | None
    password: str | None = field(repr=False)
    password_file: Path | None
    sender: str | None
    recipients: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.encryption not in ENCRYPTIONS:
            raise SettingsError(f"mail.encryption={self.encryption!r}: expected one of {', '.join(ENCRYPTIONS)}")
        if not 0 < self.port < 65536:
            raise SettingsError(f"mail.port={self.port!r}: expected a port from 1 to 65535, such as 587")
        if self.user and self.encryption == "none":
            raise SettingsError("mail.user is set and mail.encryption is none: the password would go unencrypted")
        if self.encryption == "none" and self.host is not None and not _is_this_machine(self.host):
            raise SettingsError(
                f"mail.encryption is none and mail.host={self.host!r} is another machine: the brief would go "
                "unencrypted; take starttls or tls, or a mail server of this machine, such as localhost"
            )
        if self.host is not None and not (self.sender and self.recipients):
            raise SettingsError("mail.host is set: expected mail.sender and at least one of mail.recipients, too")
        for address in (*([self.sender] if self.sender else []), *self.recipients):
            if not ADDRESS.fullmatch(address):
                raise SettingsError(f"mail: {address!r} is no address; expected one such as duty@police.example")

    def secret(self) -> str:
        """Return the password: as set, else from its file."""
        return secret_of(self.password, self.password_file, "mail.password_file", MailError) or ""


def _is_this_machine(host: str) -> bool:
    """Return whether a host is this machine by its name or loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name
        return False


def send_mail(
    settings: MailSettings, subject: str, text: str, files: Mapping[str, bytes], *, language: str
) -> str | None:
    """Send a mail with files to all recipients; return what the server said if it took it for some of them alone.

    Parameters
    ----------
    settings : MailSettings
        Those of a server.
    subject, text : str
        What it says.
    files : mapping of str to bytes
        Attachments by file name, which ends in .pdf or .html.
    language : str
        Of the text.

    Returns
    -------
    str or None
        That some recipients were refused, without their addresses; the others have the mail. None if all have it.

    Raises
    ------
    MailError
        It was sent to nobody; the message names server and reason, and no address.
    """
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, settings.sender, ", ".join(settings.recipients)
    message["Content-Language"], message["Auto-Submitted"] = language, "auto-generated"
    message.set_content(text)
    for name, content in files.items():
        kind, form = MEDIA[name.rpartition(".")[2]]
        message.add_attachment(content, maintype=kind, subtype=form, filename=name)
    where = f"{settings.host}:{settings.port}"
    try:
        with contextlib.closing(_connected(settings)) as server:
            refused = server.send_message(message)
            with contextlib.suppress(OSError):  # the mail is taken, whatever the server says to our leaving
                server.quit()
    except smtplib.SMTPAuthenticationError as error:
        raise MailError(f"the mail server {where} refuses mail.user or its password ({error.smtp_code})") from error
    except smtplib.SMTPResponseException as error:
        raise MailError(f"the mail server {where} refuses the mail: {error.smtp_code}") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise MailError(f"the mail server {where} refuses every recipient of mail.recipients") from error
    except ssl.SSLError as error:
        raise MailError(
            f"the mail server {where} is not trusted: {error.reason}; SSL_CERT_FILE names the certificates to trust"
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"the mail server {where} does not take the mail: {error}; see section mail") from error
    few = f"{len(refused)} of {len(settings.recipients)} recipients"
    return f"the mail server {where} refuses {few}; the others have it" if refused else None


def _connected(settings: MailSettings) -> smtplib.SMTP:
    """Return a connection to the server, encrypted and logged in as the settings say."""
    host, context = str(settings.host), ssl.create_default_context()
    server: smtplib.SMTP
    if settings.encryption == "tls":
        server = smtplib.SMTP_SSL(host, settings.port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(host, settings.port, timeout=TIMEOUT_S)
    try:
        if settings.encryption == "starttls":
            server.starttls(context=context)
        if settings.user:
            server.login(settings.user, settings.secret())
    except BaseException:
        server.close()
        raise
    return server
