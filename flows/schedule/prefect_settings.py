"""Settings of embedded Prefect: its state in the home, no telemetry, a start timeout that suits two cores."""

import os

from flows.home.home import Home

# The ephemeral server takes 16 to 23 s to start on two cores, past its own limit of 20 s.
STARTUP_TIMEOUT_S = "90"


def embed_prefect(home: Home) -> None:
    """Set Prefect's environment before it is imported; variables that the user has set are kept.

    With PREFECT_API_URL, Prefect uses that server; without it, Prefect starts its own in this process.
    """
    defaults = {
        "PREFECT_HOME": str((home.path / "prefect").resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": STARTUP_TIMEOUT_S,
        # The command reports an error once; Prefect would add a traceback for every layer.
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
