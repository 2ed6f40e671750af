"""`python -m kuadrant` is the command `kuadrant`."""

from kuadrant.cli import main

if __name__ == "__main__":
    main()
