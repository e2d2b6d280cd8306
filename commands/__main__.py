"""`python -m commands`, which the launcher runs."""

from commands.app import app

app(prog_name="./engine")
