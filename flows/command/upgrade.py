"""`harmspot upgrade`: migrate a home created by an earlier version to this version."""

from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("upgrade")
@click.option("--dry-run", is_flag=True, help="Print pending changes without applying them.")
@pass_home
def command(home: "Home", dry_run: bool) -> None:
    """Migrate the store to this version; a copy of the old file is kept beside it.

    Every command that opens the store does the same at its first use. Published files need no upgrade: the next run
    replaces them, with a new run_id, because the version of the code is part of it.

    \b
    Example:
      harmspot --home town upgrade --dry-run
      harmspot --home town upgrade

    To go back: install the earlier version, and copy `store.duckdb.before-…` over `store.duckdb`.
    """
    from flows.home.store_access import open_home_store
    from pipeline.shared_store.opening import pending_migrations, purpose_of
    from pipeline.store.migrations import kept_aside

    pending = pending_migrations(home.store, home.key, wait_s=home.settings.store.wait_s, progress=home.progress)
    if not pending:
        click.echo(f"{home.store} has the schema of this version; nothing to upgrade")
        return
    click.echo(f"{home.store} {'lacks' if dry_run else 'lacked'} {len(pending)} of the migrations of this version:")
    for name in pending:
        click.echo(f"  {name}: {purpose_of(home.store, name)}")
    if dry_run:
        is_file = home.store == home.store_file
        kept = kept_aside(home.store_file, pending)
        click.echo("nothing was changed" + (f"; an upgrade keeps the file as it is in {kept}" if is_file else ""))
        return
    with open_home_store(home):
        click.echo("upgraded")
