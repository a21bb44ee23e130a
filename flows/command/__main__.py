"""Run the command as `python -m flows.command`."""

from flows.command import main

main()
