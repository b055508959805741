"""Cases on disk: the same bits as in memory, no more memory than they may take, read before they are wanted."""

import threading

import pytest
import torch

from tessera.data import schema, shards, store
from tessera.errors import DataError
from tessera.learning.cutting import waited
from tessera.learning.frames import Frames, frames, select
from tessera.learning.reconstruction import whiten
from tessera.learning.sampling import Recipe, Sampler, Window
from tessera.learning.stored import Stored
from tessera.learning.train import Loop, train
from tests.learning.front import ensemble, generator, learned
from tests.learning.test_tasks import cnext, stop_after, tessera, tokenizer

CASES, FRAME = 8, 16 * 48 * 4  # six of them to learn from; bytes of a snapshot of a field
ROOM = 40 * FRAME  # of the 240 that there are to learn from
BUSY = Recipe(2, window=24, window_rollout=32, horizons=((0.5, (1,)), (1.0, (1, 2, 3))), noise=0.05, replay=0.4)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """An ensemble in a store."""
    path = tmp_path_factory.mktemp("store") / "front.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "PART", 2 * FRAME)
        store.save_zarr(ensemble(CASES), path)
    return path


def stored(manifest, scales, split="train", room=ROOM):
    """Return a split of the ensemble that stays on disk."""
    found = frames(select(store.open_zarr(manifest), split, "front"), scales, memory=room)
    assert isinstance(found, Stored)
    return found


@pytest.fixture(scope="module")
def known():
    return learned(cases=CASES)


@pytest.fixture
def on_disk(known, manifest):
    """What `known` is, but on disk."""
    return *known[:2], stored(manifest, known[1]), stored(manifest, known[1], "validation", 10 * FRAME)


def test_cases_stay_on_disk_only_where_they_do_not_fit(known, manifest):
    scales, whole = known[1], 240 * FRAME
    dataset = select(store.open_zarr(manifest), "train", "front")
    assert isinstance(frames(dataset, scales, memory=whole), Frames)
    assert isinstance(frames(dataset, scales, memory=whole - 1), Stored)


def test_all_that_is_known_of_cases_is_the_same_on_disk_as_in_memory(known, on_disk):
    memory, disk, scales = known[2], on_disk[2], known[1]
    for name in ("cases", "unit", "columns", "snapshots"):
        assert getattr(memory, name) == getattr(disk, name)
    assert torch.equal(memory.front, disk.front) and memory.front.dtype == disk.front.dtype
    source = generator()
    for horizon in (1, 2, 3):
        sampler = Sampler(BUSY._replace(batch=6), memory.front, memory.columns)
        windows = sampler.draw(horizon, source)
        for later in range(horizon + 1):
            same(memory.cut(windows, later, scales), disk.cut(windows, later, scales))
    same(memory.at(3), disk.at(3))
    same(memory.first(1).at(3), disk.first(1).at(3))
    for name in scales:
        assert torch.equal(memory.case(name, 1), disk.case(name, 1))


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.dtype == other[name].dtype and torch.equal(value, other[name])


@pytest.mark.parametrize("make", [cnext, tessera, tokenizer])
def test_a_training_from_disk_equals_one_from_memory_bit_for_bit(known, on_disk, tmp_path, make):
    tasks = make(known), make(on_disk)
    for task, where in zip(tasks, ("memory", "disk"), strict=True):
        busy(task)
        train(task, Loop(epoch=5, updates=20), state=tmp_path / where, key="k")
    same(*(task.module.state_dict() for task in tasks))
    assert tasks[0].validate() == tasks[1].validate()


def busy(task):
    """Let all that is random happen to a task."""
    task.recipe = BUSY
    for sampler in getattr(task, "samplers", None) or [task.sampler]:
        sampler.recipe = BUSY
    if hasattr(task, "replay"):
        task.replay.part, task.replay.FROM, task.replay.TOLERATED = BUSY.replay, 0.0, 100.0


def test_a_training_from_disk_is_resumed_bit_for_bit(known, on_disk, tmp_path):
    loop = Loop(epoch=5, updates=25)
    whole, part, rest = cnext(known), cnext(on_disk), cnext(on_disk)
    for task in (whole, part, rest):
        busy(task)
    train(whole, loop, state=tmp_path / "whole", key="k")
    stop_after(part, 14)
    with pytest.raises(KeyboardInterrupt):
        train(part, loop, state=tmp_path / "part", key="k")
    train(rest, loop, state=tmp_path / "part", key="k")
    assert whole.replay.used == rest.replay.used > 0
    same(whole.module.state_dict(), rest.module.state_dict())


def test_latents_are_made_white_from_disk_as_from_memory(known, on_disk):
    modules = [tokenizer(known).module, tokenizer(known).module]
    for module, cases in zip(modules, (known[2], on_disk[2]), strict=True):
        whiten(module, [cases], "pressure")
    same(*(module.state_dict() for module in modules))


def test_no_more_is_kept_than_there_is_room_for(on_disk):
    disk, source, largest = on_disk[2], generator(), 0
    for _ in range(200):
        case, frame = (int(n) for n in torch.randint(6, (2,), generator=source))
        disk.cut([Window(case, frame, 0, 24, False)], int(torch.randint(2, (1,), generator=source)))
        held = sum(future.result().nbytes for future in disk.shelf._pieces.values())
        assert disk.shelf.held == held <= ROOM
        largest = max(largest, held)
    assert largest == ROOM


def test_what_is_asked_for_at_once_is_kept_however_large(known, manifest):
    disk = stored(manifest, known[1], room=FRAME)
    windows = [Window(case, 3, 0, 24, False) for case in range(6)]
    same(disk.cut(windows, 0), known[2].cut(windows, 0))
    assert disk.shelf.held == 60 * FRAME
    disk.cut(windows[:1], 2)
    assert disk.shelf.held == 10 * FRAME


@pytest.mark.parametrize("make", [cnext, tessera, tokenizer])
def test_what_an_update_cuts_the_one_before_has_asked_for(known, manifest, make):
    """But for batches that begin with new roll-outs of the model's own, which nobody can know."""
    disk, expected, cut = stored(manifest, known[1]), set(), set()
    ask, real = disk.expect, disk.cut

    def expect(windows, steps):
        expected.update(piece for later in steps for piece in disk._pieces(windows, later))
        ask(windows, steps)

    def cutting(windows, later, scales=None):
        cut.update(disk._pieces(windows, later))
        return real(windows, later, scales)

    disk.expect, disk.cut = expect, cutting
    task, source, updates = make((*known[:2], disk, known[3])), generator(), 0
    busy(task)
    task.losses(task.batch(0.6, source))
    for _ in range(20):
        known_before = set(expected)
        expected.clear()
        cut.clear()
        task.losses(task.batch(0.6, source))
        if known_before:
            assert cut == known_before
            updates += 1
    assert updates > 15


def test_a_hint_changes_nothing_but_what_is_at_hand(known, on_disk):
    disk, source = on_disk[2], generator()
    task = cnext((*known[:2], disk, known[3]))
    before = source.get_state()
    task._expect(0.0, source)
    assert torch.equal(source.get_state(), before)
    assert disk.shelf.held > 0


def test_waiting_is_counted_whether_in_memory_or_on_disk(known, on_disk):
    for cases in (known[2], on_disk[2]):
        before = waited()
        cases.cut([Window(0, 1, 0, 24, False)], 0)
        assert waited() > before


def test_a_front_that_no_window_asks_for_is_not_looked_for(known, on_disk):
    disk = on_disk[2]
    found = []
    disk.source = disk.source._replace(front=found.append)
    cnext((*known[:2], disk, known[3]), BUSY._replace(front=0.0)).batch(0.6, generator())
    assert found == []


def test_windows_away_from_the_front_are_the_same_without_it(known):
    memory = known[2]
    drawn = [
        Sampler(BUSY._replace(front=0.0), front, 48).draw(2, generator()) for front in (memory.front, memory.front * 0)
    ]
    assert drawn[0] == drawn[1]


def test_values_that_cannot_be_read_end_a_training_in_one_line(known, tmp_path):
    store.save_zarr(ensemble(), tmp_path / "front.json")
    disk = stored(tmp_path / "front.json", known[1])
    for chunk in (tmp_path / "front.zarr" / "pressure" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"\xff" * chunk.stat().st_size)
    task = cnext((*known[:2], disk, known[3]), BUSY._replace(front=0.0))
    with pytest.raises(DataError, match=r"front\.zarr: pressure: expected whole chunks, got") as caught:
        train(task, Loop(epoch=5, updates=5), state=tmp_path / "state", key="k")
    assert "\n" not in str(caught.value)


def test_a_piece_is_read_once_however_many_windows_show_it_and_by_threads_beside_the_loop(known, on_disk):
    disk, found = on_disk[2], []
    source = disk.source

    def read(piece):
        found.append((piece.name, piece.first, threading.current_thread().name))
        return source.read(piece)

    disk.shelf._source = source._replace(read=read)
    windows = [Window(0, 2, left, 24, False) for left in (0, 8, 16)]
    for later in (0, 1, 0):
        same(disk.cut(windows, later), known[2].cut(windows, later))
    assert sorted(name for name, first, _ in found if first == 2) == sorted(schema.SIMULATED)
    assert len(found) == len(schema.SIMULATED)
    assert all(thread.startswith("tessera-reading") for *_, thread in found)
