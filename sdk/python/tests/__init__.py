"""Native tests of the SDK, over a fake of the bindings. They need nothing but Python: `python3 -m unittest` in `sdk/python`."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
for folder in (TESTS.parent / "src", TESTS / "fake"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
