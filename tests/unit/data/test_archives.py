"""ZIP and TAR: what Python's own writers wrote is read as it was, and nothing that lies gets through."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio.data.report import SkippedFile
from studio.data.sources.archive import member_parts
from studio.data.sources.packing import unpack
from studio.data.sources.source import UnreadableError
from studio.errors import DataError
from tests.unit.data.pictures import idx_bytes, noise
from tests.unit.data.scans import labels, names, pixels, read, reasons, scanned

Files = dict[str, bytes]
PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def png(seed: int = 0, side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(side, side, 3, seed=seed)).save(file, "PNG")
    return file.getvalue()


def zipped(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar_bytes(files: Files, form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def tarred(path: Path, files: Files, form: int = tarfile.PAX_FORMAT) -> Path:
    packing = path.suffix if path.suffix in PACKERS else ""
    path.write_bytes(PACKERS[packing](tar_bytes(files, form)))
    return path


def packed(path: Path, files: Files) -> Path:
    return zipped(path, files) if path.suffix == ".zip" else tarred(path, files)


CLASSES = {f"set/{name}/{number}.png": png(number) for name in ("dog", "cat") for number in (10, 9, 1)}
SORTED = [f"set/{name}/{number}.png" for name in ("cat", "dog") for number in (1, 9, 10)]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_pictures_in_folders(tmp_path: Path, name: str) -> None:
    with scanned(packed(tmp_path / name, CLASSES)) as catalog:
        assert catalog.title == "a"
        assert names(catalog) == SORTED
        assert [catalog.sources[0].folders(index)[1] for index in range(6)] == ["cat"] * 3 + ["dog"] * 3
        seen = pixels(catalog)
    for shown, picture in zip(SORTED, seen, strict=True):
        assert (picture == np.asarray(Image.open(io.BytesIO(CLASSES[shown])))).all()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("size", [1, 100, 1_500_000])
def test_every_byte_of_a_member(tmp_path: Path, method: int, size: int) -> None:
    values = noise(size // 100 + 1, 10, 10)
    path = zipped(tmp_path / "a.zip", {"train-images-idx3-ubyte": idx_bytes(values)}, method)
    with scanned(path) as catalog:
        assert catalog.count == len(values)
        assert (read(catalog, len(values) - 1).pixels[..., 0] == values[-1]).all()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_every_kind_of_tar(tmp_path: Path, form: int) -> None:
    long = "/".join(["folder with a long name"] * 4) + "/a.png"
    files = {long: png(1), "b.png": png(2)}
    if form != tarfile.USTAR_FORMAT:
        files["ü/漢字.png"] = png(3)
    with scanned(tarred(tmp_path / "a.tar", files, form)) as catalog:
        assert sorted(names(catalog)) == sorted(files)


def test_names_in_letters_of_old_and_new(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"grün.png": png(1), "漢字.png": png(2)})
    # The flag that says UTF-8 taken away, as many programs leave it.
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset : at + offset + 2] = b"\0\0"
            at = content.find(signature, at + 1)
    path.write_bytes(content)
    with scanned(path) as catalog:
        assert sorted(names(catalog)) == ["grün.png", "漢字.png"]


def test_something_before_the_archive(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", CLASSES)
    path.write_bytes(b"#!/bin/sh\nexit\n" + path.read_bytes())
    with scanned(path) as catalog:
        assert catalog.count == len(pixels(catalog)) == 6


def test_more_members_than_sixteen_bits_count(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first.png", png(1))
        for number in range(65_600):
            archive.writestr(f"._{number}", b"")
        archive.writestr("last.png", png(2))
    with scanned(path) as catalog:
        assert names(catalog) == ["first.png", "last.png"]
        assert len(pixels(catalog)) == 2


def test_a_report_that_nobody_would_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.sources.account.MAX_REPORT_LINES", 10)
    files = {f"{number}.dat": b"x" for number in range(50)}
    with scanned(zipped(tmp_path / "a.zip", {"a.png": png(), **files})) as catalog:
        assert len(catalog.skipped) == 11
        assert catalog.skipped[-1] == SkippedFile("40 more", "not a picture")


def test_more_members_than_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.sources.archive.MAX_MEMBERS", 3)
    for name in ("a.zip", "a.tar"):
        with scanned(packed(tmp_path / name, CLASSES)) as catalog:
            assert catalog.count == 3
            assert "only the first 3 files" in reasons(catalog)[name]


def test_several_archives_are_told_apart(tmp_path: Path) -> None:
    dropped = [zipped(tmp_path / "cat.zip", {"1.png": png(1)}), tarred(tmp_path / "dog.tar.gz", {"1.png": png(2)})]
    with scanned(dropped) as catalog:
        assert names(catalog) == ["cat/1.png", "dog/1.png"]
        assert [source.folders(0) for source in catalog.sources] == [("cat",), ("dog",)]


def test_archives_give_way_to_the_pictures_beside_them(tmp_path: Path) -> None:
    zipped(tmp_path / "set.zip", CLASSES)
    (tmp_path / "a.png").write_bytes(png())
    with scanned(tmp_path) as catalog:
        assert names(catalog) == ["a.png"]
        assert reasons(catalog) == {"set.zip": "an archive beside what was taken; choose it alone to import it"}
    (tmp_path / "a.png").unlink()
    with scanned(tmp_path) as catalog:
        assert names(catalog) == [f"set/{name}" for name in SORTED]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_files_of_many_pictures_inside(tmp_path: Path, name: str) -> None:
    values = noise(30, 5, 5)
    classes = (np.arange(30) % 3).astype(np.uint8)
    array = io.BytesIO()
    np.savez_compressed(array, images=values, labels=classes)
    for files in (
        {"x/train-images-idx3-ubyte": idx_bytes(values), "x/train-labels-idx1-ubyte": idx_bytes(classes)},
        {
            "train-images-idx3-ubyte.gz": gzip.compress(idx_bytes(values)),
            "train-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(classes)),
        },
        {"deep/er/set.npz": array.getvalue()},
    ):
        with scanned(packed(tmp_path / name, files)) as catalog:
            assert (np.stack(pixels(catalog))[..., 0] == values).all()
            assert labels(catalog) == [str(number) for number in classes]
            assert catalog.class_names == ("0", "1", "2")


def test_a_table_inside(tmp_path: Path) -> None:
    files = {"in/a.png": png(1), "in/b.png": png(2), "in/list.csv": b"file,label\na.png,x\nb.png,y\n"}
    with scanned(zipped(tmp_path / "a.zip", files)) as catalog:
        assert labels(catalog) == ["x", "y"]


# What lies


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
@pytest.mark.parametrize(
    "evil", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "..\\evil.png", "C:\\evil.png"]
)
def test_paths_that_lead_out_are_refused_by_name(tmp_path: Path, name: str, evil: str) -> None:
    path = packed(tmp_path / name, {"good.png": png(), evil: png()})
    before = sorted(tmp_path.parent.rglob("*"))
    with scanned(path) as catalog:
        assert names(catalog) == ["good.png"]
        assert len(reasons(catalog)) == 1
        assert "of the archive" in reasons(catalog)[f"{name}/{evil}"]
        pixels(catalog)
    assert sorted(tmp_path.parent.rglob("*")) == before


@given(st.text(max_size=40))
def test_no_path_leads_out(name: str) -> None:
    try:
        parts = member_parts(name)
    except UnreadableError:
        return
    assert parts
    assert ".." not in parts
    inside = os.path.normpath(os.path.join("/home/set", *parts))
    assert inside.startswith("/home/set/")


def test_names_that_cannot_be_shown(tmp_path: Path) -> None:
    files = {"a\x1b[31m.png": png(1), "b\u202egnp.exe.png": png(2), "c\nd.png": png(3)}
    with scanned(zipped(tmp_path / "a.zip", files)) as catalog:
        assert names(catalog) == ["a\\x1b[31m.png", "b\\u202egnp.exe.png", "c\\nd.png"]
        assert len(pixels(catalog)) == 3


def test_links_and_devices_in_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("s.png", tarfile.SYMTYPE), ("h.png", tarfile.LNKTYPE), ("d.png", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("good.png")
        member.size = len(png())
        archive.addfile(member, io.BytesIO(png()))
    with scanned(path) as catalog:
        assert names(catalog) == ["good.png"]
        assert reasons(catalog) == {
            "a.tar/s.png": "a link",
            "a.tar/h.png": "a link",
            "a.tar/d.png": "not an ordinary file",
        }


def test_links_in_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"good.png": png()})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with scanned(path) as catalog:
        assert reasons(catalog) == {"a.zip/link.png": "a link"}


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"secret.png": png(1), "good.png": png(2)})
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with scanned(path) as catalog:
        assert names(catalog) == ["good.png"]
        assert "encrypted" in reasons(catalog)["a.zip/secret.png"]


def test_a_packing_that_cannot_be_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"odd.png": png(1), "good.png": png(2)}, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("plain.png", png(3))
    with scanned(path) as catalog:
        assert names(catalog) == ["plain.png"]
        assert "method 14" in reasons(catalog)["a.zip/odd.png"]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", png(1))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.png", png(2))
        archive.writestr("A.png", png(3))
    with scanned(path) as catalog:
        assert sorted(names(catalog)) == ["A.png", "a.png"]
        assert reasons(catalog) == {"a.zip/a.png": "a second file of the same name"}
        assert any("upper and lower case" in note for note in catalog.notes)


def test_archives_inside_of_archives_are_not_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("b.png", png())
    files = {f"{number}.zip": inner.getvalue() for number in range(10_000)}
    with scanned(zipped(tmp_path / "a.zip", {"a.png": png(), **files}, zipfile.ZIP_STORED)) as catalog:
        assert names(catalog) == ["a.png"]
        assert len(catalog.skipped) == 10_000
        assert {item.reason for item in catalog.skipped} == {"an archive inside of an archive; unpack it first"}


def overlapping(path: Path, count: int = 50) -> Path:
    """An archive whose members all share one body, as in "A better zip bomb"."""
    body = png(side=64)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(body), len(body), len(body), 5, 0)
    members = local + b"x.png" + body
    directory = b""
    for number in range(count):
        name = f"{number:05}.png".encode()
        sizes = (zlib.crc32(body), len(body), len(body), len(name), 0, 0, 0, 0, 0, 0)
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, *sizes) + name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(members), 0)
    path.write_bytes(members + directory + end)
    return path


def test_members_that_lie_on_top_of_each_other(tmp_path: Path) -> None:
    with scanned(overlapping(tmp_path / "a.zip")) as catalog:
        assert names(catalog) == ["00000.png"]
        assert len(reasons(catalog)) == 49
        assert all("on top of another" in reason for reason in reasons(catalog).values())


def test_a_zip_bomb_of_a_single_member(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bomb.bmp": bytes(64 * 2**20), "good.png": png()})
    assert path.stat().st_size < 100_000
    with scanned(path) as catalog:
        assert names(catalog) == ["good.png"]
        assert "decompression bomb" in reasons(catalog)["bomb.bmp"]


def test_a_zip_bomb_of_many_members(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{number}.bmp": bytes(16 * 2**20) for number in range(20)})
    with pytest.raises(DataError, match="decompression bomb"), scanned(path):
        pass


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_packed_tar_bomb(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.sources.spool.UNPACKED_RATIO_FROM", 2**20)
    path = tarred(tmp_path / f"a.tar{suffix}", {"bomb.bmp": bytes(8 * 2**20)})
    with pytest.raises(DataError, match="decompression bomb"), scanned(path):
        pass


def test_a_member_longer_than_it_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": png(side=64), "b.png": png()})
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\1\2")
    content[at + 24 : at + 28] = struct.pack("<L", 10)
    path.write_bytes(content)
    with scanned(path) as catalog:
        assert names(catalog) == ["b.png"]
        assert reasons(catalog) == {"a.png": "damaged: it is longer than the archive says"}


def test_a_wrong_checksum(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": png(1), "b.png": png(2)}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.find(b"IDAT") + 20] ^= 1
    path.write_bytes(content)
    with scanned(path) as catalog:
        assert names(catalog) == ["b.png"]
        assert "checksum" in reasons(catalog)["a.png"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"])
@pytest.mark.parametrize("kept", [0, 1, 30, 0.5, 0.7])
def test_archives_that_are_cut_off(tmp_path: Path, name: str, kept: float) -> None:
    path = packed(tmp_path / name, {f"{number}.png": png(number, 32) for number in range(8)})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    if name == "a.tar" and 0 < kept < 1:
        with scanned(path) as catalog:
            # What lies before the cut is whole.
            assert 0 < len(pixels(catalog)) < 8
            assert catalog.skipped
        return
    with pytest.raises(DataError, match=name), scanned(path):
        pass


def test_a_tar_header_that_claims_to_be_giant(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**32
    path = tmp_path / "a.tar"
    members = tar_bytes({"a.png": png()}).rstrip(b"\0")
    members += bytes(-len(members) % 512)
    path.write_bytes(members + header.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    with scanned(path) as catalog:
        assert names(catalog) == ["a.png"]
        assert "far too large" in reasons(catalog)["a.tar"]


def test_an_xz_file_that_asks_for_gigabytes_of_memory(tmp_path: Path) -> None:
    content = bytearray(lzma.compress(tar_bytes(CLASSES), filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}]))
    # The dictionary's size is one byte of the block header (The .xz File Format, 5.3.1), under the header's checksum.
    header = bytearray(content[12 : 12 + (content[12] + 1) * 4])
    header[header.index(0x21) + 2] = 36
    header[-4:] = struct.pack("<L", zlib.crc32(header[:-4]))
    content[12 : 12 + len(header)] = header
    path = tmp_path / "a.tar.xz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|memory"), scanned(path):
        pass


def test_an_archive_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without pictures"), scanned(zipped(tmp_path / "a.zip", {})):
        pass


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.sources.spool._FOLDERS", (str(tmp_path / "spool"),))
    monkeypatch.setattr("studio.data.sources.spool.MAX_SPOOL_IN_MEMORY", 100)
    (tmp_path / "spool").mkdir()
    with scanned(tarred(tmp_path / "a.tar.gz", CLASSES)) as catalog:
        assert len(pixels(catalog)) == 6
        assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@given(content=st.binary(max_size=3000), cut=st.integers(1, 40), twice=st.booleans())
def test_unpacking_is_the_inverse_of_packing(kind: str, content: bytes, cut: int, twice: bool) -> None:
    pack = PACKERS[f".{kind}"]
    whole = pack(content) + pack(content) if twice else pack(content)
    chunks = [whole[at : at + cut] for at in range(0, len(whole), cut)]
    assert b"".join(unpack(chunks, kind)) == content * (2 if twice else 1)
    with pytest.raises(UnreadableError):
        b"".join(unpack([whole[:-1]], kind))
