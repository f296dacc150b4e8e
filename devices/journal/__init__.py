"""What a run has changed on a camera and not yet put back, written before each change.

One JSON object a line in ``changes.jsonl`` of the run's folder, synced to the disk before the
camera is told anything, so that a run that is killed leaves word of what it was about to do. The
first line names the device file and the unit. Passwords stand apart, in a file that only its owner
may read (mode 0600), which no evidence and no dossier takes up; it goes when nothing is open any
more.
"""

from devices.journal.change import KINDS, LOCK_SECONDS, SURFACES, Change, Kind, surface
from devices.journal.entries import Contents, Unit
from devices.journal.files import CHANGES, SECRETS, JournalBusy, JournalError
from devices.journal.journal import Journal

__all__ = [
    "CHANGES",
    "KINDS",
    "LOCK_SECONDS",
    "SECRETS",
    "SURFACES",
    "Change",
    "Contents",
    "Journal",
    "JournalBusy",
    "JournalError",
    "Kind",
    "Unit",
    "surface",
]
