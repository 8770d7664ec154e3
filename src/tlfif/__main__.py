"""Makes `python -m tlfif` the same program as the command `tlfif`."""

import sys

from tlfif.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
