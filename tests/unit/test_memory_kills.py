"""An engine that the system killed: was it for want of memory, and what does the person read?"""

from pathlib import Path

import pytest

from tlfif.adapters.engines.memory_kills import MemoryKills, count_memory_kills, why_killed

EVENTS = "low 0\nhigh 0\nmax 12\noom 3\noom_kill {}\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"


def linux(root: Path, files: dict[str, str]) -> MemoryKills:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return count_memory_kills(root)


@pytest.mark.parametrize(
    ("group", "file", "text"),
    [
        ("0::/user.slice/a.scope\n", "sys/fs/cgroup/user.slice/a.scope/memory.events", EVENTS),
        ("0::/\n", "sys/fs/cgroup/memory.events", EVENTS),
        ("0::/docker/not-seen-from-inside\n", "sys/fs/cgroup/memory.events", EVENTS),
        ("5:cpu:/x\n4:memory:/box/a\n0::/\n", "sys/fs/cgroup/memory/box/a/memory.oom_control", CONTROL),
        ("4:hugetlb,memory:/box\n", "sys/fs/cgroup/memory/box/memory.oom_control", CONTROL),
        ("4:memory:/not-seen\n", "sys/fs/cgroup/memory/memory.oom_control", CONTROL),
    ],
)
def test_the_group_of_this_process_is_counted(tmp_path: Path, group: str, file: str, text: str) -> None:
    found = linux(tmp_path, {"proc/self/cgroup": group, file: text.format(7), "proc/vmstat": "pswpin 1\noom_kill 9\n"})
    assert found == MemoryKills(in_group=7, in_system=9)


def test_where_nobody_counts(tmp_path: Path) -> None:
    assert count_memory_kills(tmp_path) == MemoryKills()
    assert linux(tmp_path, {"proc/self/cgroup": "0::/a\n", "proc/vmstat": "nr_free_pages 3\n"}) == MemoryKills()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (MemoryKills(1, 5), MemoryKills(2, 6), "because all the memory that this container or service may use"),
        (MemoryKills(1, 5), MemoryKills(1, 6), "because memory ran out"),
        (MemoryKills(None, 5), MemoryKills(None, 6), "because memory ran out"),
        (MemoryKills(1, 5), MemoryKills(1, 5), "most likely because memory ran out"),
        (MemoryKills(), MemoryKills(), "most likely because memory ran out"),
    ],
)
def test_no_more_is_said_than_is_known(before: MemoryKills, after: MemoryKills, said: str) -> None:
    text = why_killed(before, after, model="tinyllama", weight_bytes=1_170_000_000, slots=4)
    assert text.startswith(f"The system ended the engine, {said}")
    assert ("most likely" in text) is ("most likely" in said)
    assert "The model tinyllama needs at least 1.2 GB of memory, and more for each of 4 answers at once." in text
    assert "Close other programs, choose a smaller model, or allow fewer answers at once" in text


def test_one_answer_at_once_cannot_be_fewer() -> None:
    text = why_killed(MemoryKills(), MemoryKills(), model="m", weight_bytes=10**9, slots=1)
    assert text.endswith("Close other programs or choose a smaller model.")
