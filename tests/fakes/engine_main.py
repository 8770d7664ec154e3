"""The engine's half of ``machine_main``, under a module name of its own, by which it is found."""

from tests.fakes.machine_main import main

if __name__ == "__main__":
    main()
