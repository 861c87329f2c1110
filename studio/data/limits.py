"""How much of a foreign file is believed and read. Everything beyond is refused with a reason, never tried."""

from __future__ import annotations

MAX_PICTURE_FILE_BYTES = 256 * 2**20
"""Largest single picture file that is opened."""

MAX_PICTURE_PIXELS = 89_478_485
"""Most pixels of one decoded picture: Pillow's own threshold for a decompression bomb (256 MiB of RGB)."""

MAX_SET_BYTES = 32 * 2**30
"""Most bytes that the pictures of one set may take; large sets lie on the disk."""

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

MAX_PICTURES = 4_000_000
"""Most pictures of one set."""

MAX_FILM_FRAMES = 10_000
"""Most frames of one animation."""

MAX_FILM_PIXELS = 4 * 10**9
"""Most pixels of all frames of one animation: a giant picture that hardly changes is told in few bytes."""

MAX_SHEETS_LOOKED_AT = 64
"""Among more pictures than this, none is examined for being a sheet of sprites."""

MAX_BYTES_AT_ONCE = 2 * 2**30
"""Most bytes of a file that are in memory at once, where there is no way to read it piece by piece."""

MAX_ROW_GROUP_BYTES = 2**30
"""Largest group of rows of a Parquet table, which can only be read at once."""

MAX_TABLE_BYTES = 128 * 2**20
"""Largest table (CSV) that is read."""

MAX_TABLES = 16
"""Most tables of one folder that are read."""

MAX_FOLDER_ENTRIES = 2_000_000
"""Most directory entries looked at before the search of a folder ends."""

MAX_FOLDER_DEPTH = 32
"""Deepest nesting of folders that is followed."""

MEMBER_RATIO_FROM = 32 * 2**20
"""Up to this many bytes the ratio of a single member of an archive is not judged."""

MAX_MEMBERS = 1_000_000
"""Most files of one archive that are looked at."""

MAX_UNPACKER_MEMORY = 256 * 2**20
"""Most memory that unpacking may take; an xz file may ask for gigabytes."""

MAX_TAR_HEADER = 2**20
"""Longest single header of a TAR archive that is read."""

MAX_TAR_HEADERS = 256 * 2**20
"""Most bytes of all headers of a TAR archive beyond the ordinary 512 each."""

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
