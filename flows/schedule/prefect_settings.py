"""How Prefect is embedded: its state inside the home, no telemetry, patience for two cores."""

import os

from flows.home.home import Home

# The ephemeral server takes 16 to 23 s to start on two cores, past its own limit of 20 s.
STARTUP_TIMEOUT_S = "90"


def embed_prefect(home: Home) -> None:
    """Set Prefect's environment before it is imported; whatever the user has set stays.

    A PREFECT_API_URL of the user's means a server of theirs; without one Prefect starts its own inside this process.
    """
    defaults = {
        "PREFECT_HOME": str((home.path / "prefect").resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": STARTUP_TIMEOUT_S,
        # What goes wrong is said once, by the command itself; Prefect would add its own traceback of every layer.
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
