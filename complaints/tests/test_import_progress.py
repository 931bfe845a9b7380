"""How far an import is: a bar on a terminal, now and then a line elsewhere."""

from io import StringIO

from freezegun import freeze_time

from complaints.importing.engine import Batch
from complaints.importing.report import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_goes_away():
    terminal = Terminal()
    with freeze_time("2026-11-20") as clock:
        progress = Progress(terminal)
        clock.tick(1)
        progress.count(Batch(new=900, known=100), 50, 100)
        clock.tick(0.1)
        progress.count(Batch(new=1000), 99, 100)
    assert terminal.getvalue().count("\r") == 1
    assert "50%" in terminal.getvalue()
    assert "1,000" in terminal.getvalue()
    progress.end()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_log_gets_a_line_every_ten_seconds():
    log = StringIO()
    with freeze_time("2026-11-20") as clock:
        progress = Progress(log)
        for _second in range(25):
            clock.tick(1)
            progress.count(Batch(new=10), 0, 0)
        progress.end()
    assert log.getvalue().count("\n") == 2
    assert "\r" not in log.getvalue()
    assert progress.rows == 250
