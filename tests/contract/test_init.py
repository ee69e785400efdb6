"""Initialisation, finalisation and messages (contract_rt section 2)."""

import gc
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl

WriteConfig = Callable[..., bytes]


@pytest.fixture
def write_config(tmp_path: Path) -> WriteConfig:
    """Writes a configuration file, from text or from the content of a JSON object, and returns its path for C."""

    def write(text: str | None = None, *, name: str = "acl.json", **content: object) -> bytes:
        path = tmp_path / name
        path.write_text(json.dumps(content) if text is None else text, encoding="utf-8")
        return os.fsencode(path)

    return write


def on_init(acl: Acl, kind: str, code: int, calls: list[str]) -> Any:
    """Register a callback at aclInit that notes its kind and answers a code; keep what is returned."""

    @acl.ffi.callback("aclInitCallbackFunc")  # type: ignore[untyped-decorator]
    def call(config: Any, size: int, _user: Any) -> int:
        calls.append(f"{kind} {acl.ffi.unpack(config, size).decode()}".strip())
        return code

    acl.ok(acl.aclInitCallbackRegister(getattr(acl.lib, f"ACL_REG_TYPE_{kind}"), call, NULL))
    return call


def on_finalize(acl: Acl, code: int, calls: list[str]) -> Any:
    """Register a callback at aclFinalize that notes that it was called and answers a code; keep what is returned."""

    @acl.ffi.callback("aclFinalizeCallbackFunc")  # type: ignore[untyped-decorator]
    def call(_user: Any) -> int:
        calls.append("finalize")
        return code

    acl.ok(acl.aclFinalizeCallbackRegister(acl.lib.ACL_REG_TYPE_OTHER, call, NULL))
    return call


class TestInit:
    """RT2.01 without an unknown SoC name, which no machine has."""

    def test_counts_repeated_calls(self, acl: Acl) -> None:
        """Only the first call answers 0; each further one answers 100002 and leaves the library initialised."""
        assert [acl.aclInit(NULL) for _ in range(3)] == [0, 100002, 100002]
        left = acl.out("uint64_t")
        assert acl.aclFinalizeReference(left) == 0
        assert left[0] == 2
        assert acl.aclFinalize() == 0
        assert acl.aclInit(NULL) == 0

    def test_does_not_look_at_the_configuration_again(self, acl: Acl, write_config: WriteConfig) -> None:
        """A repeated call is 100002 whatever its path names: nothing, no JSON, or other content."""
        acl.ok(acl.aclInit(NULL))
        assert acl.aclInit(b"/nothing/there") == 100002
        assert acl.aclInit(write_config("{")) == 100002
        assert acl.aclInit(write_config(err_msg_mode="2")) == 100002

    def test_takes_no_configuration(self, open_acl: OpenAcl, write_config: WriteConfig) -> None:
        """NULL, an empty path, an empty file and an empty object are no configuration."""
        for path in (NULL, b"", write_config(""), write_config("{}")):
            acl = open_acl()
            assert acl.aclInit(path) == 0

    def test_refuses_a_path_that_cannot_be_read(self, acl: Acl, tmp_path: Path) -> None:
        """A path that names nothing, a folder or a pipe is 100003, and no call hangs in the pipe."""
        os.mkfifo(tmp_path / "pipe")
        for path in (b"/nothing/there", os.fsencode(tmp_path), os.fsencode(tmp_path / "pipe")):
            assert acl.aclInit(path) == 100003
            assert os.fsdecode(path) in acl.message()

    @pytest.mark.parametrize("text", ["{", "aclrt", " ", "{} {}", "\x00", pytest.param("[" * 100_000, id="deep")])
    def test_refuses_what_is_no_json(self, acl: Acl, write_config: WriteConfig, text: str) -> None:
        """A file that is no JSON is 100006, whatever is wrong with it."""
        assert acl.aclInit(write_config(text)) == 100006
        assert "no valid JSON" in acl.message()

    def test_ignores_what_it_does_not_know(self, acl: Acl, write_config: WriteConfig) -> None:
        """A configuration may have any content besides."""
        assert acl.aclInit(write_config(dump={"dump_path": "/tmp"}, defaultDevice={})) == 0

    @pytest.mark.parametrize("text", ["[]", "1", "null"])
    def test_takes_json_that_is_no_object(self, acl: Acl, write_config: WriteConfig, text: str) -> None:
        """JSON without an object says nothing."""
        assert acl.aclInit(write_config(text)) == 0

    def test_content_stays_that_of_the_first_call(self, open_acl: OpenAcl, write_config: WriteConfig) -> None:
        """After aclFinalize only the first call's content is taken, "" included; where it comes from does not matter."""
        one, same = write_config(a=1), write_config(a=1, name="same.json")
        other, empty = write_config(a=2, name="other.json"), write_config("", name="empty.json")
        legal = [(NULL, b""), (b"", NULL), (NULL, empty), (empty, NULL), (one, one), (one, same)]
        for first, second, code in [
            *((first, second, 0) for first, second in legal),
            *((first, second, 100000) for first, second in [(NULL, one), (one, NULL), (one, other), (empty, one)]),
        ]:
            acl = open_acl()
            acl.ok(acl.aclInit(first))
            acl.ok(acl.aclFinalize())
            assert acl.aclInit(second) == code, (first, second)
            assert ("another content" in acl.message()) == bool(code)

    @pytest.mark.parametrize("mode", ["2", "", 0, 1, None, []])
    def test_refuses_a_message_mode(self, acl: Acl, write_config: WriteConfig, mode: object) -> None:
        """An err_msg_mode that is neither "0" nor "1" is 100000."""
        assert acl.aclInit(write_config(err_msg_mode=mode)) == 100000
        assert "err_msg_mode" in acl.message()

    @pytest.mark.parametrize("number", ["2", "-1", "01", "one", "", "9" * 99, -1, 2, None, True])
    def test_refuses_a_default_device(self, acl: Acl, write_config: WriteConfig, number: object) -> None:
        """A default device that does not exist or is no number is 500001."""
        assert acl.aclInit(write_config(defaultDevice={"default_device": number})) == 500001

    @pytest.mark.parametrize("name", ["aicore_stack_size", "simt_stack_size", "simt_divergence_stack_size"])
    def test_refuses_a_stack_size(self, acl: Acl, write_config: WriteConfig, name: str) -> None:
        """A stack size that is no number of bytes is 500001; one that is does no harm."""
        for size in ("32768", None, -1, 1 << 64, [1]):
            assert acl.aclInit(write_config(StackSize={name: size})) == 500001
        assert acl.aclInit(write_config(StackSize={name: 32768, "other": "x"})) == 0

    @pytest.mark.parametrize("kind", ["ACL_MODEL", "ACL_OP_EXECUTOR", "ACL_DVPP", "OTHER"])
    def test_a_callback_can_refuse(self, acl: Acl, write_config: WriteConfig, kind: str) -> None:
        """What a callback answers is the answer; the library is not initialised, and the next call asks again."""
        calls: list[str] = []
        callback = on_init(acl, kind, 123, calls)
        path = write_config("{}")
        assert [acl.aclInit(path) for _ in range(2)] == [123, 123]
        assert calls == [f"{kind} {{}}"] * 2
        acl.ok(acl.aclInitCallbackUnRegister(getattr(acl.lib, f"ACL_REG_TYPE_{kind}"), callback))
        assert acl.aclInit(write_config("[]", name="other.json")) == 0

    def test_callbacks_between_the_checks(self, acl: Acl, write_config: WriteConfig) -> None:
        """Callbacks run behind the check of the message mode and before stack sizes and the default device."""
        calls: list[str] = []
        callback = on_init(acl, "ACL_MODEL", 123, calls)
        assert acl.aclInit(write_config(err_msg_mode="2")) == 100000
        assert calls == []
        bad_device, bad_stack = {"default_device": "9"}, {"simt_stack_size": None}
        assert acl.aclInit(write_config(defaultDevice=bad_device, StackSize=bad_stack)) == 123
        assert len(calls) == 1
        acl.ok(acl.aclInitCallbackUnRegister(acl.lib.ACL_REG_TYPE_ACL_MODEL, callback))
        assert acl.aclInit(write_config(defaultDevice=bad_device, StackSize=bad_stack)) == 500001

    def test_order_of_checks(self, acl: Acl, write_config: WriteConfig) -> None:
        """Path, JSON, first content, message mode: the first that is wrong decides."""
        acl.ok(acl.aclInit(NULL))
        acl.ok(acl.aclFinalize())
        assert acl.aclInit(b"/nothing/there") == 100003
        assert acl.aclInit(write_config("{")) == 100006  # though its content is not the first call's
        acl.message()
        assert acl.aclInit(write_config(err_msg_mode="2")) == 100000
        assert "another content" in acl.message()

    @pytest.mark.parametrize("content", [{"err_msg_mode": "2"}, {"defaultDevice": {"default_device": "9"}}])
    def test_failure_changes_nothing(self, acl: Acl, write_config: WriteConfig, content: dict[str, object]) -> None:
        """A call that failed initialised nothing and fixed no content: the next one may bring another and answers 0."""
        assert acl.aclInit(write_config(**content))
        assert acl.aclInit(NULL) == 0

    def test_ipv350_counts(self, open_acl: OpenAcl) -> None:
        """On IPV350 every aclInit is 0."""
        acl = open_acl(product="IPV350")
        assert [acl.aclInit(NULL) for _ in range(3)] == [0, 0, 0]


class TestFinalize:
    """RT2.02 without the log of what is left over."""

    def test_second_call_is_refused(self, acl: Acl) -> None:
        """A second aclFinalize is 100037, until aclInit was called again."""
        acl.ok(acl.aclInit(NULL))
        assert [acl.aclFinalize() for _ in range(3)] == [0, 100037, 100037]
        acl.ok(acl.aclInit(NULL))
        assert [acl.aclFinalize() for _ in range(2)] == [0, 100037]

    def test_leaves_resources_alone(self, ready: Acl) -> None:
        """Streams, contexts, memory, queued work and the set device survive."""
        stream, context = ready.stream(), ready.current_context()
        work = ready.work(stream)
        assert ready.aclFinalize() == 0
        assert ready.current_context() == context
        assert not work.ran()
        ready.synchronize(stream)
        assert work.ran()
        assert ready.aclrtDestroyStream(stream) == 0
        assert ready.aclrtFree(work.source) == 0
        assert ready.aclrtResetDevice(0) == 0

    def test_a_callback_can_refuse(self, acl: Acl) -> None:
        """What a callback answers is the answer, and the library stays initialised, as often as it was."""
        calls: list[str] = []
        acl.ok(acl.aclInit(NULL))
        assert acl.aclInit(NULL) == 100002
        callback = on_finalize(acl, 123, calls)
        assert [acl.aclFinalize() for _ in range(2)] == [123, 123]
        assert acl.aclInit(NULL) == 100002
        acl.ok(acl.aclFinalizeCallbackUnRegister(acl.lib.ACL_REG_TYPE_OTHER, callback))
        assert [acl.aclFinalize() for _ in range(2)] == [0, 100037]
        assert calls == ["finalize"] * 2

    def test_ipv350_never_refuses(self, open_acl: OpenAcl) -> None:
        """On IPV350 aclFinalize is 0 as often as it is called, before aclInit and after."""
        acl = open_acl(product="IPV350")
        assert acl.aclFinalize() == 0
        acl.ok(acl.aclInit(NULL))
        assert [acl.aclFinalize() for _ in range(3)] == [0, 0, 0]


@pytest.mark.row("RT2.07")
class TestGetSocName:
    """aclrtGetSocName."""

    @pytest.mark.parametrize(("product", "name"), [("generic", "AclSim-generic"), ("310P", "Ascend310P3")])
    def test_names_the_product(self, open_acl: OpenAcl, product: str, name: str) -> None:
        """The name is the product's, needs neither aclInit nor a device, and stays the same."""
        acl = open_acl(product=product)
        assert [acl.ffi.string(acl.aclrtGetSocName()).decode() for _ in range(2)] == [name, name]

    def test_is_null_on_failure(self, acl: Acl) -> None:
        """Where there is no machine any more the name is NULL."""
        get_name = acl.aclrtGetSocName
        acl.backend.close()
        assert get_name() == NULL


@pytest.mark.row("RT2.08")
class TestGetRecentErrMsg:
    """aclGetRecentErrMsg."""

    def test_is_null_without_a_failure(self, ready: Acl) -> None:
        """Without a failed call there is no text."""
        assert ready.aclGetRecentErrMsg() == NULL

    def test_says_what_was_wrong(self, ready: Acl) -> None:
        """The text names the function, the parameter and the code, for answers of both layers."""
        assert ready.aclrtSetDevice(7) == 107001
        assert ready.aclrtMalloc(NULL, 1, 0) == 100000
        first, second = ready.message().splitlines()
        assert first.startswith("aclrtSetDevice: device 7")
        assert first.endswith("[107001 ACL_ERROR_RT_INVALID_DEVICEID]")
        assert second == "aclrtMalloc: devPtr is NULL [100000 ACL_ERROR_INVALID_PARAM]"

    def test_reading_clears(self, ready: Acl) -> None:
        """A text is given once; a call that succeeds neither adds to it nor clears it."""
        assert ready.aclrtSetDevice(7) == 107001
        assert ready.aclrtSetDevice(0) == 0
        assert "device 7" in ready.message()
        assert ready.aclGetRecentErrMsg() == NULL

    def test_pointer_is_good_until_the_next_call(self, ready: Acl) -> None:
        """The C string stays readable through other calls of ACL, also when nobody in Python holds it."""
        assert ready.aclrtSetDevice(7) == 107001
        address = ready.address(ready.aclGetRecentErrMsg())
        assert ready.aclrtSetDevice(8) == 107001
        ready.malloc(1 << 20)
        gc.collect()
        assert b"device 7" in ready.ffi.string(ready.pointer(address, "char *"))

    def test_is_of_the_calling_thread(self, ready: Acl) -> None:
        """Each thread reads the texts of its own calls and takes nobody else's."""

        def other() -> tuple[str, str]:
            before = ready.message()
            assert ready.aclrtSetDevice(8) == 107001
            return before, ready.message()

        assert ready.aclrtSetDevice(7) == 107001
        before, after = ready.in_thread(other)
        assert before == ""
        assert "device 8" in after
        assert "device 7" in ready.message()

    @pytest.mark.parametrize("mode", ["0", "1"])
    def test_can_be_of_the_process(self, acl: Acl, write_config: WriteConfig, mode: str) -> None:
        """With err_msg_mode "1" any thread reads, and takes, what another one's call left; with "0" none does."""
        acl.ok(acl.aclInit(write_config(err_msg_mode=mode)))
        assert acl.aclrtSetDevice(7) == 107001
        seen = acl.in_thread(acl.message)
        assert ("device 7" in seen) == (mode == "1")
        assert ("device 7" in acl.message()) == (mode == "0")
