"""A result file is the old one or the new one, never a part."""

import os
import stat

import pytest

from tools.errors import DataError
from tools.whole_file import check_writable, write_whole


def stopped_after(lines, trouble):
    yield from lines
    raise trouble


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), OSError(28, "No space left on device"), ValueError("ours")])
def test_a_write_that_is_stopped_leaves_what_was_there_and_nothing_beside_it(tmp_path, trouble) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("precious\n")
    expected = DataError if isinstance(trouble, OSError) else type(trouble)
    with pytest.raises(expected):
        write_whole(path, stopped_after(["a\n"] * 100_000, trouble))
    assert path.read_text() == "precious\n"
    assert list(tmp_path.iterdir()) == [path]


def test_nobody_sees_a_part_of_the_new_file(tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old\n")

    def lines():
        for number in range(100_000):
            if number % 10_000 == 0:
                assert path.read_text() == "old\n"
            yield "new\n"

    write_whole(path, lines())
    assert path.read_text() == "new\n" * 100_000
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_rights_that_the_shell_asks_for(tmp_path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "rows.csv", ["a\n"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "rows.csv").stat().st_mode) == 0o640


def test_a_name_that_the_shell_gave_in_no_known_encoding_is_written_as_it_came(tmp_path) -> None:
    write_whole(tmp_path / "rows.csv", [os.fsdecode(b"zone-\xff\n"), "서울\n"])
    assert (tmp_path / "rows.csv").read_bytes() == b"zone-\xff\n" + "서울\n".encode()


def test_a_pipe_is_written_and_not_replaced(tmp_path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, ["a\n", "b\n"])
        assert os.read(reader, 100) == b"a\nb\n"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
