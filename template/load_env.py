"""Load the project's `.env` into the process environment, for scripts and notebooks.

`from load_env import *` at the top of a script is enough. What the environment already sets wins.
The shared client needs no such line: it reads `.env` itself.
"""

import os
import sys

from quant_team_utils.settings import env_file, read_env_file

__all__: list[str] = []

env_path = env_file()
for _name, _value in read_env_file(env_path).items():
    os.environ.setdefault(_name, _value)
if env_path.exists():
    print(f"Loaded environment from {env_path}", file=sys.stderr)
else:
    print(
        f"Warning: there is no {env_path}: run `quant setup`, "
        "or set TICKDB_BASE_URL and TICKDB_API_KEY.",
        file=sys.stderr,
    )
