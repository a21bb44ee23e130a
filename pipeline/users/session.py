"""Who acts in one command, and how they were authenticated."""

from dataclasses import dataclass

PASSWORD, TOKEN, KEY_HOLDER = "password session", "token", "home key"


@dataclass(frozen=True, slots=True)
class Session:
    """An authenticated user: id, role, how, and the purpose stated at login (None: of a service)."""

    user_id: str
    role: str
    how: str
    purpose: str | None = None
