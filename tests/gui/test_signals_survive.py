"""Signals do not wear out the interpreter.

PySide6 6.12 on Python 3.11 takes one reference too many from True with every emit and aborts after some hundreds, so
what is installed is tried out, in a process that may die.
"""

from __future__ import annotations

import subprocess
import sys

_EMIT = """
from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot

class Counter(QObject):
    switched = Signal(bool)
    counted = Signal(int)

    def __init__(self):
        super().__init__()
        self.total = 0
        self.switched.connect(self.add)
        self.counted.connect(self.add)

    @Slot(bool)
    @Slot(int)
    def add(self, amount):
        self.total += amount

application = QCoreApplication([])
counter = Counter()
for number in range(5000):
    counter.switched.emit(True)
    counter.counted.emit(1)
print(counter.total)
"""


def test_five_thousand_signals():
    run = subprocess.run([sys.executable, "-c", _EMIT], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "10000"
