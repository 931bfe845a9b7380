"""How many complaints does the API take? `python bench/intake.py [--seconds 2] [--rounds 7] [--with-key]`

The two turns of `bench/web.py` that say so, by themselves: filing a complaint, beside a view on the same server that
parses JSON and inserts one row.
"""

import sys

from web import main

if __name__ == "__main__":
    sys.argv += ["--only", "intake", "insert"]
    main()
