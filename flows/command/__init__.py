"""The `harmspot` command: one verb a file, imported only when it is called, so that `--help` answers at once."""

import errno
import importlib
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}

VERBS = {
    "demo": "Simulate a town and do the whole daily run on it.",
    "init": "Make a home: its folder, key and empty store.",
    "load": "Load a file of events, or somebody else's file through a mapping.",
    "ingest": "Consume the Kafka topics, or event files, until caught up.",
    "stream": "Consume the Kafka topics continuously, in micro-batches.",
    "run": "Do the daily run: ingest, prioritise, publish.",
    "backfill": "Do the daily run for a range of past days, in order.",
    "forecast": "Forecast harm per cell straight from a file of incidents.",
    "late": "Redo the kept days that late data or corrections have touched.",
    "show": "Print a published table.",
    "explain": "Say why an area or a person stands where it does.",
    "notices": "List, read, review, approve, serve and close notices.",
    "plan": "Print officer hours, crackdowns, visits and what deserves attention.",
    "promises": "Say what was announced, and whether it was kept.",
    "lists": "Register, open, approve, override, revoke and export the lists of people.",
    "layers": "Write the map layers and the report of a kept run again.",
    "evaluate": "Measure forecasts and rates on what then happened; near repeats; the NIJ challenge.",
    "simulate": "Write a simulated town as event files.",
    "replay": "Read the dead letters again after their cause is mended.",
    "audit": "Sign the reports that keep lists going; verify the log of reads; check a copy; erase a person.",
    "schedule": "Serve the daily and late runs on cron.",
    "doctor": "Say what is wrong with an installation.",
}


class Verbs(click.Group):
    """A group whose verbs live in modules of their own, found by name."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"flows.command.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


class Moment(click.ParamType):
    """An ISO 8601 date-time with its zone."""

    name = "ISO8601"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 time such as 2019-12-01T05:00:00Z", param, context)
        if moment.tzinfo is None:
            self.fail(f"{value!r} names no zone; add Z or an offset such as +01:00", param, context)
        return moment.astimezone(UTC)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="HARMSPOT_HOME",
    default=Path("harmspot-home"),
    show_default=True,
    help="Folder of store, publications and key (HARMSPOT_HOME).",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="HARMSPOT_CONFIG",
    help="Settings over the defaults in configs/default.yaml (HARMSPOT_CONFIG); the home remembers them.",
)
@click.option("--clock", type=Moment(), envvar="HARMSPOT_CLOCK", help="The time to take as now, for reruns and tests.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="harmspot")
@click.pass_context
def cli(context: click.Context, home: Path, config_file: Path | None, clock: datetime | None, debug: bool) -> None:
    """Rank places and people by harm, say in advance what will happen, send users to treatment.

    \b
    Example:
      harmspot --home city --config configs/philadelphia.yaml load incidents.parquet
      harmspot --home city run --as-of 2019-12-01
      harmspot --home city show areas
    """
    context.obj = (home, config_file, clock)


def main() -> None:
    """Run the command; a user's error prints one sentence and exits 1, `--debug` shows where it came from."""
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
        # The reader of our output went away, as `head` does; that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        _report(error)
        sys.exit(1)


def _report(error: Exception) -> None:
    from pipeline.errors import HarmspotError
    from pipeline.privacy.pii_guard import without_people

    error = _explained(error)
    is_expected = isinstance(error, HarmspotError | ValueError | OSError)
    if "--debug" in sys.argv or not is_expected:
        click.echo(without_people("".join(traceback.format_exception(error))), err=True, nl=False)
    click.secho(f"harmspot: {without_people(str(error))}", fg="red", err=True)


def _explained(error: Exception) -> Exception:
    """Return our sentence for what DuckDB or the system says of a full disk or a damaged file."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return OSError(
            f"{error.filename or 'a file'} cannot be written: the disk is full. Free some space, then run again"
        )
    if "duckdb" not in sys.modules:
        return error
    import duckdb

    from pipeline.database import explain_duckdb_error

    return (explain_duckdb_error(error) if isinstance(error, duckdb.Error) else None) or error
