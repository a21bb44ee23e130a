"""Users of a home that is no rehearsal: one in each role, by these names and with this password."""

PASSWORD = "correct horse battery"


def name_in(role: str) -> str:
    return f"{role.capitalize()}, A. Lee"
