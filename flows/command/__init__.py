"""The `harmspot` command. Each verb has its own module, imported only when called, so that `--help` is fast."""

import importlib
import os
import sys
from datetime import datetime
from pathlib import Path

import click

from flows.command.options import FILE, FOLDER, Moment, NearGroup
from flows.home import log
from pipeline.errors import HarmspotError, of_a_file

VERBS = {
    "demo": "Simulate a town and do the complete daily run on it.",
    "init": "Create a home: its folder, key and empty store.",
    "users": "Add users, give them roles and tokens, disable them.",
    "login": "Begin a session.",
    "logout": "End a session.",
    "backup": "Copy a home to a new folder, without its key; streams go on.",
    "restore": "Make a home from a backup and its key.",
    "retain": "Drop what the settings no longer let the home keep, with a report.",
    "compact": "Rewrite the databases of a home to their least size.",
    "store": "Move the store to PostgreSQL, which many streams write at once, or back.",
    "rotate-key": "Encrypt the databases of a home under a new key.",
    "upgrade": "Migrate a home created by an earlier version to this version.",
    "new-city": "Look at a file, write how it is read, load it and rank.",
    "load": "Load a file of events, or another system's file through a mapping.",
    "ingest": "Consume the Kafka topics until caught up, then stop.",
    "stream": "Consume the Kafka topics continuously, in micro-batches.",
    "run": "Do the daily run: ingest, prioritise, publish.",
    "backfill": "Do the daily run for a range of past days, in order.",
    "forecast": "Forecast harm per cell straight from a file of incidents.",
    "late": "Re-run retained days affected by late-arriving or corrected data.",
    "show": "Print a published table.",
    "explain": "Explain the rank of an area, cell or person.",
    "notices": "List, read, review, approve, serve and close notices.",
    "plan": "Print officer hours, crackdowns, visits and focus offences; register and record operations.",
    "promises": "Print announced promises and whether they were kept.",
    "lists": "Register, open, approve, override, revoke and export the lists of people.",
    "brief": "Write the morning brief of a run: a PDF and a page to take into the meeting.",
    "layers": "Rewrite the map layers and the report of a kept run.",
    "evaluate": "Score forecasts, area rankings and person rates; test near repeats; run the NIJ challenge.",
    "simulate": "Write a simulated town as event files.",
    "dead-letters": "List the rows that could not be used, with reason, column, value and line.",
    "replay": "Reprocess dead letters after fixing their cause.",
    "audit": "Sign periodic audit reports, verify the access log, check an exported list, erase a person.",
    "schedule": "Run the daily and late runs on a cron schedule.",
    "web": "Serve the board: look at a run and act on it in a browser.",
    "doctor": "Check the installation and report problems.",
}


class Verbs(NearGroup):
    """A command group that imports the module of a verb when the verb is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the verbs in help order."""
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import and return the command of a verb; None for an unknown name."""
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"flows.command.{name.replace('-', '_')}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs and their help texts without importing their modules."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True},
)
@click.option(
    "--home",
    type=FOLDER,
    envvar="HARMSPOT_HOME",
    default=Path("harmspot-home"),
    help="Folder with store, publications and key (HARMSPOT_HOME).",
)
@click.option(
    "--config",
    "config_file",
    type=FILE,
    envvar="HARMSPOT_CONFIG",
    help="Settings that override configs/default.yaml (HARMSPOT_CONFIG); saved in the home once a command succeeds.",
)
@click.option(
    "--clock", type=Moment(), envvar="HARMSPOT_CLOCK", help="Use this as the current time, for reruns and tests."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="harmspot")
@click.pass_context
def cli(context: click.Context, home: Path, config_file: Path | None, clock: datetime | None, debug: bool) -> None:
    """Rank places and people by harm, announce police action in advance, refer drug users to treatment.

    \b
    Example:
      harmspot --home city --config configs/philadelphia.yaml load incidents.parquet
      harmspot --home city run --as-of 2019-12-01
      harmspot --home city show areas
    """
    context.obj = (home, config_file, clock)


def main() -> None:
    """Run the command. An expected error prints one sentence and exits 1; `--debug` adds the traceback."""
    log.start()
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output closed the pipe, as `head` does; this is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        _report(error)
        sys.exit(1)


def _report(error: Exception) -> None:
    error = _explained(error)
    is_expected = isinstance(error, HarmspotError | ValueError | OSError)
    log.write_error(error, is_traced="--debug" in sys.argv or not is_expected)


def _explained(error: Exception) -> Exception:
    """Return a readable error for a full disk or a damaged file; any other error unchanged."""
    if isinstance(error, OSError):
        return of_a_file(error)
    if "duckdb" not in sys.modules:
        return error
    from pipeline.database import explained

    return explained(error)
