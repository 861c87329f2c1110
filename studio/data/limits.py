"""How much of a foreign file is believed and read. Everything beyond is refused with a reason, never tried."""

from __future__ import annotations

MAX_PICTURE_FILE_BYTES = 256 * 2**20
"""Largest single picture file that is opened."""

MAX_PICTURE_PIXELS = 89_478_485
"""Most pixels of one decoded picture: Pillow's own threshold for a decompression bomb (256 MiB of RGB)."""

MAX_SET_BYTES = 2 * 2**30
"""Most memory an image set may take; also the most bytes read out of one array file."""

MAX_UNPACKED_BYTES = 16 * 2**30
"""Most bytes that one packed file is unpacked to; they go to the disk, not into memory."""

MAX_UNPACKED_RATIO = 200
"""How many times longer than packed a file may become once it is unpacked, when it is larger than the next."""

UNPACKED_RATIO_FROM = 256 * 2**20
"""Up to this many bytes the ratio is not judged: drawings on empty ground shrink to next to nothing."""

MAX_LABEL_BYTES = 64 * 2**20
"""Most bytes of all labels of one set."""

MAX_SPOOL_IN_MEMORY = 16 * 2**20
"""Up to this many unpacked bytes are kept in memory rather than in a file without a name."""

MAX_PICTURES = 1_000_000
"""Most pictures of one set."""

MAX_FOLDER_ENTRIES = 2_000_000
"""Most directory entries looked at before the search of a folder ends."""

MAX_FOLDER_DEPTH = 32
"""Deepest nesting of folders that is followed."""

MAX_ARCHIVE_MEMBERS = 10_000
"""Most arrays inside one .npz file."""

MAX_REPORT_LINES = 10_000
"""Most files that a report names one by one; the rest is counted by reason."""

MAX_CLASSES = 10_000
"""Most different labels of one set."""

MAX_KEPT_SIDE = 64
"""Pictures which all share one size up to this side are kept as they are."""

MAX_SIDE = 512
"""Largest side a set may be brought to."""
