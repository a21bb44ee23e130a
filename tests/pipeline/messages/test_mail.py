"""Mail goes out by a real SMTP server, encrypted and logged in; what is refused is said without address or password."""

import email
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import MailError, SettingsError
from pipeline.messages.mail import MailSettings, send_mail
from tests.pipeline.messages.smtp_server import PASSWORD, USER, mail_settings, smtp_server

FILES = {"brief.pdf": b"%PDF-1.7 \xff", "brief.html": "<p>ñ</p>".encode()}


def send(settings: MailSettings) -> str | None:
    return send_mail(settings, "Morning brief, Ñandú", "Three sentences.\n", FILES, language="en")


def test_a_mail_with_its_files_arrives_by_starttls_and_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    with smtp_server(tmp_path, is_encrypted=True) as (received, port, certificate):
        safe = {"encryption": "starttls", "user": USER}
        with pytest.raises(MailError, match=r"is not trusted: .*SSL_CERT_FILE names the certificates"):
            send(mail_settings(port, **safe, password=PASSWORD))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        send(mail_settings(port, **safe, password=PASSWORD))
        send(mail_settings(port, **safe, password_file=secret))
        with pytest.raises(MailError, match=r"refuses mail.user or its password \(535\)") as refused:
            send(mail_settings(port, **safe, password="Zebra-99"))
        assert "Zebra-99" not in str(refused.value)
        with pytest.raises(MailError):
            send(mail_settings(port))  # the server takes nothing that is not encrypted
    assert [one.rcpt_tos for one in received.envelopes] == [["duty@police.example", "chief@police.example"]] * 2
    message: Any = email.message_from_bytes(received.envelopes[0].content, policy=default)
    assert message["Subject"] == "Morning brief, Ñandú" and message["Auto-Submitted"] == "auto-generated"
    assert message.get_body().get_content().split() == ["Three", "sentences."]
    kept = {part.get_filename(): part for part in message.iter_attachments()}
    assert {name: part.get_payload(decode=True) for name, part in kept.items()} == FILES
    assert kept["brief.pdf"].get_content_type() == "application/pdf"


def test_what_a_server_refuses_is_said_without_an_address(tmp_path: Path) -> None:
    with smtp_server(tmp_path, is_encrypted=False) as (received, port, _):
        received.refused = {"chief@police.example"}
        assert send(mail_settings(port)) == (
            f"the mail server 127.0.0.1:{port} refuses 1 of 2 recipients; the others have it"
        )
        assert len(received.envelopes) == 1
        received.refused |= {"duty@police.example"}
        with pytest.raises(MailError, match="refuses every recipient") as every:
            send(mail_settings(port))
        assert "@" not in str(every.value)
        received.refused, received.is_full = set(), True
        with pytest.raises(MailError, match="refuses the mail: 452"):
            send(mail_settings(port))
    with pytest.raises(MailError, match=rf"127.0.0.1:{port} does not take the mail: .*refused; see section mail"):
        send(mail_settings(port))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"encryption": "ssl"}, "mail.encryption='ssl': expected one of starttls, tls, none"),
        ({"port": 0}, "mail.port=0: expected a port"),
        ({"user": "me"}, "the password would go unencrypted"),
        ({"host": "smtp.police.example"}, "mail.host='smtp.police.example' is another machine: the brief would go"),
        ({"host": "10.0.0.5"}, "is another machine"),
        ({"recipients": ()}, "expected mail.sender and at least one of mail.recipients"),
        ({"sender": None}, "expected mail.sender and at least one of mail.recipients"),
        ({"recipients": ("a@b.example\nBcc: c@d.example",)}, "is no address"),
        ({"sender": "nobody"}, "'nobody' is no address"),
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        mail_settings(**({"port": 25} | changed))
    assert said in str(refused.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1"])
def test_a_mail_server_of_this_machine_needs_no_encryption(host: str) -> None:
    assert mail_settings(25, host=host).encryption == "none"


def test_a_mail_that_was_taken_is_sent_whatever_the_server_says_at_the_end(tmp_path: Path) -> None:
    with smtp_server(tmp_path, is_encrypted=False) as (received, port, _):
        received.goodbye = "451 busy"
        assert send(mail_settings(port)) is None
    assert len(received.envelopes) == 1


def test_the_password_is_never_shown() -> None:
    assert "Zebra-99" not in repr(mail_settings(587, encryption="starttls", user="me", password="Zebra-99"))
    lost = mail_settings(587, encryption="starttls", user="me", password_file=Path("/nowhere"))
    with pytest.raises(MailError, match=r"mail.password_file /nowhere cannot be read"):
        lost.secret()
