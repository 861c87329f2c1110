"""Files that are broken, foreign or meant to do harm are named in the report, and the import goes on."""

from __future__ import annotations

import logging
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.data.importing import load_images
from studio.data.sources.decoding import read_picture, read_size
from studio.data.sources.source import UnreadableError
from studio.errors import DataError
from tests.unit.data.pictures import noise, save_noise


def png(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG whose header promises `width` × `height` grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def reason_for(tmp_path: Path, name: str, content: bytes) -> str:
    """What the report says about a file that lies beside a good one."""
    folder = tmp_path / "set"
    save_noise(folder / "good.png")
    (folder / name).write_bytes(content)
    result = load_images(folder)
    assert result.image_set.sources == ("good.png",)
    assert [item.path for item in result.report.skipped] == [name]
    return result.report.skipped[0].reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.png", b"I am no picture", "not a picture, in spite of its name"),
        ("notes.txt", b"hello", "not a picture"),
        ("empty.png", b"", "empty"),
        ("set.zip", b"PK\x03\x04", "an archive beside what was taken; choose it alone to import it"),
        ("set.7z", b"7z\xbc\xaf", "an archive; unpack it first"),
        ("phone.heic", b"\0\0\0\x18ftypheic", "an HEIC photograph, which cannot be read here; save it as JPEG"),
        ("vector.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing without pixels; save it as PNG"),
        ("model.pkl", b"\x80\x04.", "a pickle, which could run a program when opened; save arrays as .npz"),
        ("huge.png", png(60_000, 60_000), "far too large once unpacked"),
        ("large.png", png(10_000, 10_000), "far too large once unpacked"),
        ("labels.bin", struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 8, 8, 24, 0) + bytes(192), "not a picture"),
        ("bytes.jpg", bytes(range(256)) * 4, "not a picture, in spite of its name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reasons(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    assert reason_for(tmp_path, name, content) == reason


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tif", "tga"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_pictures(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"whole.{suffix}"
    Image.fromarray(noise(64, 64, 3)).save(path)
    content = path.read_bytes()
    assert reason_for(tmp_path, f"part.{suffix}", content[: int(len(content) * kept)])


def test_postscript_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n"
    assert "PostScript" in reason_for(tmp_path, "drawing.eps", content)


def test_a_file_that_is_too_big_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    save_noise(folder / "good.png")
    with (folder / "vast.png").open("wb") as file:
        file.truncate(300 * 2**20)
    assert load_images(folder).report.skipped[0].reason == "larger than 256 MB"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    save_noise(folder / "good.png")
    save_noise(folder / "secret.png").chmod(0)
    assert load_images(folder).report.skipped[0].reason == "no permission to read it"


def test_a_file_that_vanishes_or_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_noise(tmp_path / "a.png")
    for error, words in (
        (PermissionError(13, "denied"), "no permission"),
        (OSError(5, "Input/output error"), "cannot be read"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", lambda *_, error=error, **__: (_ for _ in ()).throw(error))
            with pytest.raises(UnreadableError, match=words):
                read_picture(path)
    path.unlink()
    with pytest.raises(UnreadableError, match="gone"):
        read_size(path)


def test_a_file_that_breaks_after_it_was_measured(tmp_path: Path) -> None:
    save_noise(tmp_path / "good.png")
    # The header is whole, the pixels are not.
    whole = save_noise(tmp_path / "whole.png", 64, 64).read_bytes()
    (tmp_path / "whole.png").write_bytes(whole[:-2000])
    result = load_images(tmp_path)
    assert result.image_set.count == 1
    assert result.report.skipped[0].reason == "cut off: the end is missing"


def test_only_broken_files_end_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"a\.png cannot be used: not a picture, in spite of its name"):
        load_images(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tif", "psd", "ico", "sgi", "dds"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_damage_ends_in_a_picture_or_a_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, data: st.DataObject
) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "psd":
        content = bytearray(b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(14) + bytes(192))
    else:
        Image.fromarray(noise(16, 16, 3)).save(path)
        content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=12)):
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        # Pillow logs what it thinks of some files.
        with caplog.at_level(logging.WARNING):
            outcome: object = read_picture(path).pixels.shape[2]
    except UnreadableError as error:
        outcome = str(error)
    assert outcome in (1, 3, 4) or (isinstance(outcome, str) and outcome)


def test_importing_reads_neither_torch_nor_qt() -> None:
    code = (
        "import sys, studio.data, studio.data.importing, studio.data.starter, studio.data.mixtures;"
        "print(sorted({'torch', 'PySide6', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
