"""Questions to whoever sits at the terminal; where nobody does, the option to give instead is named."""

import sys

import click


def is_terminal() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty()


def ask(question: str, instead: str) -> str:
    """Return the answer to a question."""
    if not is_terminal():
        raise click.UsageError(f"nobody can be asked here; give {instead}")
    return str(click.prompt(question, err=True))


def ask_password(is_piped: bool, *, is_new: bool) -> str:
    """Return a password: the first line of standard input, or what is typed unseen; a new one is typed twice."""
    if is_piped:
        return sys.stdin.readline().rstrip("\r\n")
    if not is_terminal():
        raise click.UsageError("nobody can be asked here; pipe the password in with --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=is_new, err=True))
