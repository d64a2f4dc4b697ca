"""``python -m gee_s1ben``."""

from gee_s1ben.cli import main

if __name__ == "__main__":
    main()
