"""A file of published rules is read and written whole, and nobody's change is lost."""

import threading
from pathlib import Path

import pytest

from consumer.errors import CrashError, RetryError
from consumer.publishing.place import FilePlace, S3Place, place


def test_a_file_is_written_over_what_was_read(tmp_path: Path) -> None:
    found = FilePlace(tmp_path / "new" / "rules.json")
    assert found.read() is None
    found.write(b"one", None)
    first = found.read()
    assert first
    assert first.data == b"one"
    found.write(b"two", first.tag)
    second = found.read()
    assert second
    assert (second.data, second.tag != first.tag) == (b"two", True)


@pytest.mark.parametrize("over", [None, "another's tag"])
def test_what_somebody_else_has_written_stays(over: str | None, tmp_path: Path) -> None:
    found = FilePlace(tmp_path / "rules.json")
    found.write(b"theirs", None)
    with pytest.raises(CrashError, match="somebody else has published meanwhile"):
        found.write(b"ours", over)
    assert (tmp_path / "rules.json").read_bytes() == b"theirs"


def test_of_many_who_write_over_the_same_one_does(tmp_path: Path) -> None:
    found, won = FilePlace(tmp_path / "rules.json"), list[int]()
    ready = threading.Barrier(8)

    def write(number: int) -> None:
        ready.wait()
        try:
            found.write(f"{number}".encode(), None)
        except CrashError:
            return
        won.append(number)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert (tmp_path / "rules.json").read_text() == str(won[0])


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(RetryError, match="cannot be read: Is a directory"):
        FilePlace(tmp_path).read()
    (tmp_path / "file").write_text("")
    with pytest.raises(CrashError, match="cannot be written"):
        FilePlace(tmp_path / "file" / "rules.json").write(b"", None)


def test_a_place_is_a_path_or_an_object_of_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert place(str(tmp_path / "rules.json"), None).name == str(tmp_path / "rules.json")
    found = place("s3://bucket/folder/rules.json", "eu-west-1")
    assert isinstance(found, S3Place)
    assert found.name == "s3://bucket/folder/rules.json"


@pytest.mark.parametrize("text", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key"])
def test_what_names_no_object_is_refused(text: str) -> None:
    with pytest.raises(CrashError, match="it is s3://bucket/key"):
        place(text, "eu-west-1")
