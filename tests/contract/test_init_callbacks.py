"""Counted finalisation, callbacks of modules, versions (contract_rt section 2)."""

import os
from pathlib import Path
from typing import Any

import pytest

import aclcffi
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import Calls, refuse

INIT_ORDER = ("ACL_MODEL", "ACL_OP_EXECUTOR", "ACL_DVPP", "OTHER")
FINALIZE_ORDER = ("ACL_OP_COMPILER", "ACL_MODEL", "ACL_DVPP", "OTHER")
KINDS = (*INIT_ORDER, "ACL_OP_COMPILER", "ACL_OP_CBLAS", "ACL_TDT_CHANNEL", "ACL_TDT_QUEUE", "ACL_RETR")
SIDES = ("Init", "Finalize")


def kind_of(acl: Acl, name: str) -> int:
    """The number of a kind of module."""
    return int(getattr(acl.lib, f"ACL_REG_TYPE_{name}"))


def callback(acl: Acl, calls: Calls, side: str, label: str, answer: int = 0) -> Any:
    """A callback for initialisation or finalisation that notes its label and answers a code."""

    def call(*_: Any) -> int:
        calls.trace.append(label)
        return answer

    return calls.function(f"acl{side}CallbackFunc", call)


def register(acl: Acl, calls: Calls, side: str, kind: str, label: str = "", answer: int = 0) -> Any:
    """Register such a callback of a kind, by default with the kind as its label."""
    made = callback(acl, calls, side, label or kind, answer)
    acl.ok(getattr(acl, f"acl{side}CallbackRegister")(kind_of(acl, kind), made, NULL))
    return made


@pytest.mark.row("RT2.03")
class TestFinalizeReference:
    """aclFinalizeReference."""

    @pytest.mark.parametrize("asked", [True, False])
    def test_counts_down(self, acl: Acl, asked: bool) -> None:
        """Each call takes one of the initialisations back; the last one finalises, then it is 100037."""
        place = acl.out("uint64_t") if asked else NULL
        for _ in range(3):
            acl.aclInit(NULL)
        for code, left in [(0, 2), (0, 1), (0, 0), (100037, 0), (100037, 0)]:
            if asked:
                place[0] = 99
            assert acl.aclFinalizeReference(place) == code
            assert not asked or place[0] == left
        assert acl.aclInit(NULL) == 0

    def test_before_any_initialisation(self, acl: Acl) -> None:
        """Unlike aclFinalize it is 100037 at once, with a sentence, and what is left is 0."""
        place = acl.out("uint64_t")
        place[0] = 99
        refuse(acl, 100037, "aclFinalizeReference", place, says="not initialised")
        assert place[0] == 0
        assert acl.aclFinalize() == 0

    def test_finalises_only_at_the_end(self, acl: Acl, calls: Calls) -> None:
        """The callbacks run in the call that ends it; aclFinalize afterwards is 100037."""
        register(acl, calls, "Finalize", "OTHER")
        assert [acl.aclInit(NULL) for _ in range(2)] == [0, 100002]
        assert acl.aclFinalizeReference(NULL) == 0
        assert calls.taken() == []
        assert acl.aclFinalizeReference(NULL) == 0
        assert calls.taken() == ["OTHER"]
        refuse(acl, 100037, "aclFinalize")

    def test_a_callback_can_refuse(self, acl: Acl, calls: Calls) -> None:
        """Then its answer is the answer, the library stays initialised, and the count is what it was."""
        made, place = register(acl, calls, "Finalize", "OTHER", answer=123), acl.out("uint64_t")
        acl.ok(acl.aclInit(NULL))
        refuse(acl, 123, "aclFinalizeReference", place)
        assert place[0] == 1
        assert acl.aclInit(NULL) == 100002
        acl.ok(acl.aclFinalizeCallbackUnRegister(acl.lib.ACL_REG_TYPE_OTHER, made))
        assert [acl.aclFinalizeReference(place) for _ in range(2)] == [0, 0]

    def test_refuses_a_device_address(self, ready: Acl) -> None:
        """The count goes to host memory: a device address is 100000, and nothing is counted."""
        refuse(
            ready, 100000, "aclFinalizeReference", ready.ffi.cast("uint64_t *", ready.malloc(8)), says="device address"
        )
        assert ready.aclFinalizeReference(NULL) == 0

    def test_ipv350_has_none(self, open_acl: OpenAcl) -> None:
        """On IPV350 aclFinalize itself counts and this function does not exist."""
        acl = open_acl(product="IPV350")
        with pytest.raises(aclcffi.UnsupportedFunctionError):
            acl.aclFinalizeReference(NULL)


@pytest.mark.row("RT2.04")
@pytest.mark.parametrize("side", SIDES)
class TestRegister:
    """aclInitCallbackRegister and aclFinalizeCallbackRegister."""

    def test_refuses(self, acl: Acl, calls: Calls, side: str) -> None:
        """NULL is 100000 before all; a kind that is taken is 500000, but OTHER, which takes many."""
        name, made = f"acl{side}CallbackRegister", callback(acl, calls, side, "made")
        for kind in KINDS:
            number = kind_of(acl, kind)
            refuse(acl, 100000, name, number, NULL, NULL, says="cbFunc is NULL")
            assert getattr(acl, name)(number, made, NULL) == 0
            refuse(acl, 100000, name, number, NULL, NULL)
            if kind == "OTHER":
                assert getattr(acl, name)(number, made, NULL) == 0
            else:
                refuse(acl, 500000, name, number, made, NULL, says="a callback already")
        refuse(acl, 100000, name, 99, made, NULL, says="type is 99")
        assert calls.taken() == []

    def test_what_is_refused_is_not_called(self, acl: Acl, calls: Calls, side: str) -> None:
        """The first callback of a kind stays, the second is never called."""
        register(acl, calls, side, "ACL_MODEL", "first")
        second = callback(acl, calls, side, "second")
        assert getattr(acl, f"acl{side}CallbackRegister")(kind_of(acl, "ACL_MODEL"), second, NULL) == 500000
        acl.ok(acl.aclInit(NULL))
        acl.ok(acl.aclFinalize())
        assert calls.taken() == ["first"]

    def test_sides_are_apart(self, acl: Acl, calls: Calls, side: str) -> None:
        """A kind may have one callback for initialisation and one for finalisation."""
        for each in SIDES:
            register(acl, calls, each, "ACL_MODEL", each)
        acl.ok(acl.aclInit(NULL))
        assert calls.taken() == ["Init"]
        acl.ok(acl.aclFinalize())
        assert calls.taken() == ["Finalize"]

    def test_many_others(self, acl: Acl, calls: Calls, side: str) -> None:
        """All callbacks of kind OTHER run, each once, with what each was registered with; the first failure ends it."""
        datas = [acl.ffi.new_handle(label) for label in ("a", "b", "c")]
        failing: list[str] = []

        def call(*arguments: Any) -> int:
            label = acl.ffi.from_handle(arguments[-1])
            calls.trace.append(label)
            return 77 if label in failing else 0

        made = calls.function(f"acl{side}CallbackFunc", call)
        for data in datas:
            acl.ok(getattr(acl, f"acl{side}CallbackRegister")(acl.lib.ACL_REG_TYPE_OTHER, made, data))
        if side == "Finalize":
            acl.ok(acl.aclInit(NULL))

        def step() -> int:
            return acl.aclInit(NULL) if side == "Init" else acl.aclFinalize()

        failing.append("b")
        assert step() == 77
        assert calls.taken() == ["a", "b"]
        failing.clear()
        assert step() == 0
        assert calls.taken() == ["a", "b", "c"]


@pytest.mark.row("RT2.04")
class TestOrder:
    """In which order callbacks run, whatever the order in which they were registered."""

    @pytest.mark.parametrize("backwards", [False, True])
    def test_at_initialisation(self, open_acl: OpenAcl, calls: Calls, tmp_path: Path, backwards: bool) -> None:
        """Models, operator executors where there is a configuration, DVPP, others; each gets the configuration."""
        path = tmp_path / "acl.json"
        path.write_text('{"a": 1}', encoding="utf-8")
        for config, kinds in [
            (NULL, tuple(kind for kind in INIT_ORDER if kind != "ACL_OP_EXECUTOR")),
            (os.fsencode(path), INIT_ORDER),
        ]:
            acl = open_acl()
            for kind in reversed(INIT_ORDER) if backwards else INIT_ORDER:
                register(acl, calls, "Init", kind)
            acl.ok(acl.aclInit(config))
            assert calls.taken() == list(kinds)
            assert acl.aclInit(config) == 100002
            assert calls.taken() == []

    @pytest.mark.parametrize("backwards", [False, True])
    def test_at_finalisation(self, acl: Acl, calls: Calls, backwards: bool) -> None:
        """Operator compilers, models, DVPP, others; at each finalisation anew."""
        for kind in reversed(FINALIZE_ORDER) if backwards else FINALIZE_ORDER:
            register(acl, calls, "Finalize", kind)
        for _ in range(2):
            acl.ok(acl.aclInit(NULL))
            assert calls.taken() == []
            acl.ok(acl.aclFinalize())
            assert calls.taken() == list(FINALIZE_ORDER)
            assert acl.aclFinalize() == 100037
            assert calls.taken() == []

    @pytest.mark.parametrize("text", ["", '{"a": 1}'])
    def test_the_configuration_is_passed(self, acl: Acl, calls: Calls, tmp_path: Path, text: str) -> None:
        """A callback gets the text of the configuration and its length, and the data it was registered with."""
        path = tmp_path / "acl.json"
        path.write_text(text, encoding="utf-8")
        data = acl.ffi.new_handle("data")

        def call(config: Any, size: int, user: Any) -> int:
            calls.trace.append((acl.ffi.unpack(config, size).decode(), acl.ffi.from_handle(user)))
            return 0

        made = calls.function("aclInitCallbackFunc", call)
        acl.ok(acl.aclInitCallbackRegister(acl.lib.ACL_REG_TYPE_OTHER, made, data))
        acl.ok(acl.aclInit(os.fsencode(path)))
        assert calls.taken() == [(text, "data")]

    @pytest.mark.parametrize("answer", [0, 123])
    def test_registering_late_calls_at_once(self, acl: Acl, calls: Calls, answer: int) -> None:
        """Once the library is initialised the callback runs in the registration, which is 0 whatever it answers."""
        acl.ok(acl.aclInit(NULL))
        register(acl, calls, "Init", "ACL_MODEL", answer=answer)
        register(acl, calls, "Finalize", "ACL_MODEL", "finalize")
        assert calls.taken() == ["ACL_MODEL"]
        acl.ok(acl.aclFinalize())
        assert calls.taken() == ["finalize"]
        register(acl, calls, "Init", "OTHER", answer=answer)  # not initialised any more
        assert calls.taken() == []
        assert acl.aclInit(NULL) == answer
        assert calls.taken()[0] == "ACL_MODEL"


@pytest.mark.row("RT2.05")
@pytest.mark.parametrize("side", SIDES)
class TestUnRegister:
    """aclInitCallbackUnRegister and aclFinalizeCallbackUnRegister."""

    def test_refuses(self, acl: Acl, calls: Calls, side: str) -> None:
        """NULL is 100000; a kind without callbacks, or without this one, is 500000 and takes nothing back."""
        name, made = f"acl{side}CallbackUnRegister", register(acl, calls, side, "ACL_MODEL")
        other = callback(acl, calls, side, "other")
        refuse(acl, 100000, name, 99, NULL, says="cbFunc is NULL")
        for kind, wanted in [("ACL_DVPP", made), ("ACL_MODEL", other), ("OTHER", made)]:
            refuse(acl, 500000, name, kind_of(acl, kind), wanted, says="no such callback")
        refuse(acl, 500000, name, 99, made)
        acl.ok(acl.aclInit(NULL))
        acl.ok(acl.aclFinalize())
        assert calls.taken() == ["ACL_MODEL"]

    def test_takes_one_back(self, acl: Acl, calls: Calls, side: str) -> None:
        """The callback is not called any more, others of its kind are; the kind may be registered anew."""
        name = f"acl{side}CallbackUnRegister"
        model = register(acl, calls, side, "ACL_MODEL")
        first, _second = (register(acl, calls, side, "OTHER", label) for label in ("first", "second"))
        assert getattr(acl, name)(kind_of(acl, "ACL_MODEL"), model) == 0
        assert getattr(acl, name)(kind_of(acl, "OTHER"), first) == 0
        for made, kind in [(model, "ACL_MODEL"), (first, "OTHER")]:
            refuse(acl, 500000, name, kind_of(acl, kind), made)
        register(acl, calls, side, "ACL_MODEL", "again")
        acl.ok(acl.aclInit(NULL))
        acl.ok(acl.aclFinalize())
        assert calls.taken() == ["again", "second"]


@pytest.mark.row("RT2.06")
class TestGetVersion:
    """aclrtGetVersion."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL for any of the three is 100000, and nothing is written."""
        for index, name in enumerate(("majorVersion", "minorVersion", "patchVersion")):
            places = [acl.out("int32_t") for _ in range(3)]
            arguments = [NULL if place == index else each for place, each in enumerate(places)]
            refuse(acl, 100000, "aclrtGetVersion", *arguments, says=f"{name} is NULL")
            assert [place[0] for place in places] == [0, 0, 0]

    def test_gives_the_version_of_the_declarations(self, acl: Acl) -> None:
        """It is the version that the header has, before and after initialisation."""
        lib = acl.lib
        for _ in range(2):
            places = [acl.out("int32_t") for _ in range(3)]
            assert acl.aclrtGetVersion(*places) == 0
            numbers = [lib.ACL_MAJOR_VERSION, lib.ACL_MINOR_VERSION, lib.ACL_PATCH_VERSION]
            assert [place[0] for place in places] == numbers
            acl.aclInit(NULL)
