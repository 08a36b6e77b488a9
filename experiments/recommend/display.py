"""What is shown while a recommendation is made."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from experiments.common.progress import readable_time


class Display:
    """A bar with the time left, or plain lines in a pipe.

    Args:
        console: `rich.console.Console`.
    """

    def __init__(self, console: Console):
        self.console = console
        self.lively = console.is_terminal
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=console,
            transient=True,
            disable=not self.lively,
        )
        self.task = self.bars.add_task("", total=1.0, left="")

    def say(self, text: str) -> None:
        """Prints a line that stays.

        Args:
            text: String.
        """
        self.console.print(text, soft_wrap=True)

    def show(self, text: str, share: float, left: float | None = None) -> None:
        """Shows where the work stands.

        Args:
            text: String.
            share: Float, done of this part, 0 to 1.
            left: Float, seconds left of this part, if known.
        """
        tail = "" if left is None else f"about {readable_time(left)} left"
        self.bars.update(
            self.task, description=text, completed=share, left=tail
        )

    def step(self, text: str, share: float, left: float) -> None:
        """Shows a finished step; a line of its own in a pipe.

        Args:
            text: String.
            share: Float, done of this part.
            left: Float, seconds left of this part.
        """
        self.show(text, share, left)
        if not self.lively:
            self.say(f"{text}, about {readable_time(left)} left")
