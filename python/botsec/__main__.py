"""`python -m botsec` is the command `botsec`."""

import sys

from botsec.cli import main

sys.exit(main())
