"""Owners and resources: what is released when, in which order and in which thread."""

import gc
import threading
import warnings
from collections.abc import Callable

import pytest

from aclcffi import AclError, StateError
from aclcffi.resource import Owner, Resource, run_all
from tests.api.conftest import dropped, said_at_the_end


def noting(log: list[object], what: object) -> Callable[[], None]:
    return lambda: log.append(what)


def failing(log: list[object], what: str) -> Callable[[], None]:
    def fail() -> None:
        log.append(what)
        raise AclError(what)

    return fail


def test_all_are_called_and_the_first_failure_is_raised() -> None:
    """One failure keeps no other function from being called, and the first is the one that is raised."""
    log: list[object] = []
    with pytest.raises(AclError, match="b"):
        run_all([noting(log, "a"), failing(log, "b"), failing(log, "c"), noting(log, "d")])
    assert log == ["a", "b", "c", "d"]


def test_everything_is_released_newest_first_and_once() -> None:
    """release_all goes from the newest to the oldest, leaves out what was released, and a second one does nothing."""
    owner, log = Owner(), list[object]()
    keys = [owner.adopt(noting(log, number)) for number in range(4)]
    owner.release(keys[1])
    owner.release(keys[1])
    assert log == [1]
    owner.release_all()
    owner.release_all()
    assert log == [1, 3, 2, 0]
    assert not any(key in owner for key in keys)


def test_one_failure_keeps_nothing_open() -> None:
    """Where a release fails the others are called all the same, and nothing is released twice."""
    owner, log = Owner(), list[object]()
    for step in (noting(log, "first"), failing(log, "second"), noting(log, "third")):
        owner.adopt(step)
    with pytest.raises(AclError, match="second"):
        owner.release_all()
    owner.release_all()
    assert log == ["third", "second", "first"]


def test_a_group_goes_down_alone() -> None:
    """release_group releases what is of the group, newest first, and leaves everything else open."""
    owner, log = Owner(), list[object]()
    keys = [owner.adopt(noting(log, number), group) for number, group in enumerate(["a", "b", None, "a"])]
    owner.release_group("a")
    assert log == [3, 0]
    assert [key in owner for key in keys] == [False, True, True, False]


class Thing(Resource):
    """A resource with a list for its log."""

    def __init__(self, owner: Owner, log: list[object], *, report: bool = True) -> None:
        super().__init__(owner, noting(log, "released"), report=report)


def test_a_resource_is_closed_once_however_often_one_asks() -> None:
    """close() releases, a second one and one of the owner do nothing; `closed` tells."""
    owner, log = Owner(), list[object]()
    thing = Thing(owner, log)
    before = thing.closed
    thing.close()
    assert (before, thing.closed) == (False, True)
    thing.close()
    owner.release_all()
    assert log == ["released"]


def test_a_with_block_closes_and_cannot_be_entered_again() -> None:
    """A with block gives the open object and closes it; entering a closed one is a StateError."""
    log: list[object] = []
    with Thing(Owner(), log) as thing:
        assert not thing.closed
    assert log == ["released"]
    with pytest.raises(StateError, match="this Thing is closed"), thing:
        pass


def test_a_resource_is_closed_with_its_owner() -> None:
    """What the owner released is closed, and closing it again does nothing."""
    owner, log = Owner(), list[object]()
    thing = Thing(owner, log)
    owner.release_all()
    assert thing.closed
    thing.close()
    assert log == ["released"]


def test_what_nobody_closed_is_reported_once_and_released_later() -> None:
    """A dropped object is one ResourceWarning, is not released by its finalizer, and is by release_abandoned."""
    owner, log = Owner(), list[object]()
    assert dropped(lambda: Thing(owner, log)) == ["Thing was not closed"]
    assert log == []
    owner.release_abandoned()
    owner.release_abandoned()
    owner.release_all()
    assert log == ["released"]


def test_a_closed_object_is_not_reported() -> None:
    """Neither an object that was closed nor one whose owner was is worth a warning."""
    owner = Owner()
    one, two = Thing(owner, []), Thing(owner, [])
    one.close()
    owner.release_all()
    del one, two
    gc.collect()


def test_a_part_of_another_object_is_not_reported() -> None:
    """An object that is part of another one says nothing when it is dropped, and its owner still releases it."""
    owner, log = Owner(), list[object]()
    Thing(owner, log, report=False)
    gc.collect()
    assert log == []
    owner.release_all()
    assert log == ["released"]


def test_dropped_objects_are_released_newest_first_in_the_calling_thread() -> None:
    """Objects that another thread dropped are released by the thread that uses the owner next, newest first."""
    owner, log = Owner(), list[object]()

    def noting_thread(number: int) -> Callable[[], None]:
        return lambda: log.append((number, threading.get_ident()))

    things = [Resource(owner, noting_thread(number)) for number in range(3)]

    def drop() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while things:
                things.pop(0)
            gc.collect()

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()
    assert log == []
    owner.release_abandoned()
    assert log == [(number, threading.get_ident()) for number in (2, 1, 0)]


def test_a_failure_of_a_dropped_object_waits_for_the_end() -> None:
    """Releasing what was dropped raises nothing where somebody is busy with something else; release_all raises it."""
    owner, log = Owner(), list[object]()
    owner.adopt(noting(log, "kept"))
    for what in ("one", "two"):
        with pytest.warns(ResourceWarning):
            owner.abandon(owner.adopt(failing(log, what)), what)
        owner.release_abandoned()
    assert log == ["one", "two"]
    with pytest.raises(AclError, match="one"):
        owner.release_all()
    assert log == ["one", "two", "kept"]
    owner.release_all()


def test_nothing_is_said_or_released_at_the_interpreters_end() -> None:
    """An object that lives when the interpreter ends is neither reported nor released then."""
    script = (
        "from aclcffi.resource import Owner, Resource\n"
        "owner = Owner()\n"
        "kept = Resource(owner, lambda: print('released'))\n"
        "print('end')\n"
    )
    assert said_at_the_end(script) == ("end\n", "")
