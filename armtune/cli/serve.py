"""``armtune serve``: an exported model as a service over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from armtune.cli._arguments import Plugins, run_plugins
from armtune.cli._output import say
from armtune.cli._rows import BundlePath

NEEDED = ("fastapi", "python_multipart", "uvicorn")


def command(
    bundle: BundlePath,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for all that there are.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8000,
    size: Annotated[
        float, typer.Option(min=0.001, metavar="MB", help="Largest body of a request.")
    ] = 16.0,
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Longest that a request waits for its answer.")
    ] = 10.0,
    plugins: Plugins = None,
) -> None:
    """Serve predictions over HTTP: POST /predict, GET /health, GET /metrics; Ctrl-C ends it.

    Only this machine can reach it, unless --host says otherwise. It knows no users and no
    encryption: put a proxy that does in front of it where others can reach it.
    """
    from armtune.errors import RunError

    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        raise RunError(f"serve needs {', '.join(lacking)}: pip install 'armtune[serve]'")
    from armtune.bundle.server import Limits, run

    run_plugins(plugins)
    say(f"serving {bundle} at http://{host}:{port}  (Ctrl-C ends it)")
    run(bundle, host, port, Limits(int(size * 1e6), seconds))
