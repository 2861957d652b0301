"""Entry of the `headwater` command."""

from headwater.commands.app import build_app


def main() -> None:
    """Run the command line."""
    build_app()()


if __name__ == "__main__":
    main()
