"""`python -m jssl`."""

import os
import sys

# `python -m` puts the current folder in front, where a user's random.py or json.py would be taken
# for the module of that name by everyone.
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if sys.path and os.path.abspath(sys.path[0] or ".") == os.getcwd() and not sys.flags.safe_path:
    del sys.path[0]
    if os.getcwd() == _HERE:  # a checkout that is not installed
        sys.path.append(_HERE)

from jssl.cli import main  # noqa: E402

sys.exit(main())
