"""The backend over real libraries: loading, looking up, sharing, closing. Each test runs in a Python of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., list[str]]


def test_functions_come_from_the_first_library_that_has_them(run: Run, libraries: Path) -> None:
    """A function of any of the libraries can be called; one that two have comes from the first."""
    assert run(
        """
        with open_backend("cann", library_path="toolkit") as backend:
            print(backend.name, *backend.libraries)
            print(backend.aclrtSetDevice(5), backend.aclmdlUnload(6), backend.aclFinalize())
        with open_backend("cann", library_path=["toolkit/lib64/libacl_mdl.so", "toolkit/lib64/libacl_rt.so"]) as backend:
            print(backend.aclrtSetDevice(5), backend.aclmdlUnload(6), backend.aclFinalize())
        """
    ) == [
        f"cann {libraries}/toolkit/lib64/libacl_rt.so {libraries}/toolkit/lib64/libacl_mdl.so",
        "1005 2006 11",
        "1005 2006 12",
    ]


def test_the_older_library_has_everything(run: Run) -> None:
    """One library with the functions of both kinds is enough."""
    assert run(
        """
        with open_backend("cann", library_path="older") as backend:
            print(backend.aclrtSetDevice(5), backend.aclmdlUnload(6), backend.supports("aclFinalize"))
        """
    ) == ["4005 5006 False"]


def test_only_what_is_used_is_looked_up(run: Run) -> None:
    """Opening fills no slot; using a function or asking for it fills its own, once, and keeps the function."""
    assert run(
        """
        backend = open_backend("cann", library_path="toolkit")
        print(filled())
        print(backend.aclrtSetDevice is backend.aclrtSetDevice is lib.aclrtSetDevice, filled())
        print(backend.supports("aclmdlUnload"), backend.supports("aclmdlLoadFromFile"), filled())
        print([name for name in ("aclrtSetDevice", "aclmdlUnload", "aclFinalize") if name in vars(backend)])
        """
    ) == [
        "[]",
        "True ['aclrtSetDevice']",
        "True False ['aclmdlUnload', 'aclrtSetDevice']",
        "['aclrtSetDevice', 'aclmdlUnload']",
    ]


def test_a_missing_function_is_an_error_that_says_where_it_is_missing(run: Run, libraries: Path) -> None:
    """The error names the function, the libraries that were searched and the products that have it, and can be caught
    as what a user would expect."""
    assert run(
        """
        backend = open_backend("cann", library_path="toolkit")
        try:
            backend.aclmdlExecuteAsyncV2
        except UnsupportedFunctionError as error:
            print(error)
            print(error.function, error.name)
            print([isinstance(error, kind) for kind in (AclError, NotImplementedError, AttributeError)])
        print(hasattr(backend, "aclmdlExecuteAsyncV2"), getattr(backend, "aclmdlExecuteAsyncV2", "default"))
        print(backend.supports("aclmdlExecuteAsyncV2"))
        """
    ) == [
        (
            f"aclmdlExecuteAsyncV2 does not exist in {libraries}/toolkit/lib64/libacl_rt.so, "
            f"{libraries}/toolkit/lib64/libacl_mdl.so; the products that have it: IPV350"
        ),
        "aclmdlExecuteAsyncV2 aclmdlExecuteAsyncV2",
        "[True, True, True]",
        "False default",
        "False",
    ]


def test_a_name_that_is_no_function_is_a_plain_attribute_error(run: Run) -> None:
    """A misspelled name is no question of libraries: AttributeError and nothing more; `supports` answers False."""
    assert run(
        """
        backend = open_backend("cann", library_path="toolkit")
        try:
            backend.aclrtSetDevise
        except AttributeError as error:
            print(type(error) is AttributeError, "aclrtSetDevise" in str(error))
        print(backend.supports("aclrtSetDevise"), backend.supports("close"), backend.supports("aclcffi_open"))
        """
    ) == ["True True", "False False False"]


def test_closing_puts_the_stubs_back(run: Run) -> None:
    """After close() a function object that the user kept answers ACL_ERROR_API_NOT_SUPPORT, and looking one up raises."""
    assert run(
        """
        backend = open_backend("cann", library_path="toolkit")
        set_device, unload = backend.aclrtSetDevice, backend.aclmdlUnload
        print(set_device(5), unload(6), backend.closed)
        backend.close()
        print(set_device(5), unload(6), backend.closed, filled())
        print(refusal(lambda: backend.aclrtSetDevice))
        print(refusal(lambda: backend.aclFinalize))
        backend.close()
        print(*(library.name for library in backend.libraries))
        """
    ) == [
        "1005 2006 False",
        "200001 200001 True []",
        "aclrtSetDevice: the backend 'cann' is closed",
        "aclFinalize: the backend 'cann' is closed",
        "libacl_rt.so libacl_mdl.so",
    ]


def test_a_function_is_not_looked_up_behind_a_close(run: Run) -> None:
    """A lookup that another thread's close() overtakes raises, and leaves no slot filled that nobody would empty."""
    assert run(
        """
        backend = open_backend("cann", library_path="toolkit")
        backend.close()
        print(refusal(backend._resolve, "aclFinalize"), filled())
        """
    ) == ["aclFinalize: the backend 'cann' is closed []"]


def test_a_finalizer_may_close_during_a_lookup(run: Run) -> None:
    """A close() that the garbage collector brings about while its thread looks a function up does not wait for itself."""
    assert run(
        """
        backend = open_backend("cann", library_path="toolkit")
        backend.aclFinalize
        with cann._table.lock:
            backend.close()
        print(filled())
        """
    ) == ["[]"]


def test_the_same_set_is_shared(run: Run) -> None:
    """Two backends over the same files share them, however these were named; the last close() ends it for both."""
    assert run(
        """
        os.environ["ASCEND_HOME_PATH"] = "toolkit"
        first, second = open_backend("cann", library_path="link/lib64"), open_backend("cann")
        kept = first.aclrtSetDevice
        print(second.aclrtSetDevice is kept, second.aclmdlUnload(6))
        first.close()
        print(kept(5), second.aclFinalize(), filled())
        first.close()
        first._release()
        print(kept(5))
        second.close()
        print(kept(5), filled())
        """
    ) == ["True 2006", "1005 11 ['aclFinalize', 'aclmdlUnload', 'aclrtSetDevice']", "1005", "200001 []"]


def test_another_set_is_refused_until_the_first_is_closed(run: Run, libraries: Path) -> None:
    """One process has one set of libraries at a time; the refusal names both and changes nothing."""
    assert run(
        """
        backend = open_backend("cann", library_path="toolkit")
        set_device = backend.aclrtSetDevice
        print(refusal(open_backend, "cann", library_path="older"))
        print("another set" in refusal(open_backend, "cann", library_path="toolkit/lib64/libacl_rt.so"))
        print(set_device(5))
        backend.close()
        older = open_backend("cann", library_path="older")
        print(set_device(5), older.aclrtSetDevice(5), set_device(5))
        backend.close()
        print(set_device(5))
        """
    ) == [
        (
            f"{libraries}/older/runtime/lib64/libascendcl.so cannot be opened while another set of libraries is open in "
            f"this process: {libraries}/toolkit/lib64/libacl_rt.so, {libraries}/toolkit/lib64/libacl_mdl.so; "
            "close the backend that uses it first"
        ),
        "True",
        "1005",
        "200001 4005 4005",
        "4005",
    ]


NEEDS = (
    "{}/needy/libacl_rt.so cannot be loaded: libgone.so: cannot open shared object file: No such file or directory. "
    "What it needs is found through LD_LIBRARY_PATH: source the toolkit's set_env.sh and start again"
)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("text/libacl_rt.so", "{}/text/libacl_rt.so cannot be loaded: invalid ELF header"),
        ("text", "{}/text/libacl_rt.so cannot be loaded: invalid ELF header"),
        ("needy", NEEDS),
        ("other/libother.so", "{}/other/libother.so is no ACL library: it has none of the 524 functions of the API"),
        ("other", "{}/other, which has no ACL library"),
        ("nowhere", "{}/nowhere, which does not exist"),
        ("toolkit/lib64/stub", "{}/toolkit/lib64/stub/libacl_rt.so, which is for linking only"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(path: str, message: str, run: Run, libraries: Path) -> None:
    """A named library that cannot be loaded, or is none, is an error with its path and the reason, though others could
    be found; afterwards the good ones can be opened."""
    by_option, by_variable, answer = run(
        f"""
        print(refusal(open_backend, "cann", library_path={path!r}))
        os.environ["ACLCFFI_LIBRARY_PATH"] = {path!r}
        print(refusal(open_backend, "cann"))
        print(open_backend("cann", library_path="toolkit").aclrtSetDevice(5))
        """,
        ASCEND_HOME_PATH="toolkit",
    )
    assert message.format(libraries) in by_option
    assert by_variable == by_option.replace("library_path", "ACLCFFI_LIBRARY_PATH")
    assert answer == "1005"


def test_one_bad_library_spoils_the_set(run: Run, libraries: Path) -> None:
    """Of several libraries that were named, all must be of ACL; if one is not, nothing is open."""
    assert run(
        """
        print(refusal(open_backend, "cann", library_path=["older", "other/libother.so"]))
        with open_backend("cann", library_path="toolkit") as backend:
            print(backend.aclrtSetDevice(5))
        """
    ) == [f"{libraries}/other/libother.so is no ACL library: it has none of the 524 functions of the API", "1005"]


def test_a_blocking_function_lets_other_threads_run(run: Run) -> None:
    """While one thread waits inside a C function, another runs Python and ends the wait."""
    assert run(
        """
        from threading import Thread

        backend = open_backend("cann", library_path="toolkit")
        entered, release = os.pipe(), os.pipe()
        files = ffi.new("int[]", [entered[1], release[0]])
        codes = []
        thread = Thread(target=lambda: codes.append(backend.aclrtSynchronizeStream(ffi.cast("aclrtStream", files))))
        thread.start()
        print(os.read(entered[0], 1), codes, thread.is_alive())
        os.write(release[1], b"*")
        thread.join()
        print(codes)
        """
    ) == ["b'!' [] True", f"[{ord('*')}]"]


def test_a_blocking_function_hinders_no_lookup(run: Run) -> None:
    """While one thread waits inside a C function, others look functions up, open and close."""
    assert run(
        """
        from threading import Thread

        backend = open_backend("cann", library_path="toolkit")
        entered, release = os.pipe(), os.pipe()
        files = ffi.new("int[]", [entered[1], release[0]])
        thread = Thread(target=backend.aclrtSynchronizeStream, args=[ffi.cast("aclrtStream", files)])
        thread.start()
        os.read(entered[0], 1)
        with open_backend("cann", library_path="toolkit") as second:
            print(second.aclrtSetDevice(5), backend.supports("aclmdlUnload"))
        backend.close()
        print(filled(), thread.is_alive())
        os.write(release[1], b"*")
        thread.join()
        """
    ) == ["1005 True", "[] True"]


def test_threads_may_open_look_up_and_close_at_once(run: Run) -> None:
    """As long as a thread has a backend open its functions answer, whatever other threads open and close."""
    assert run(
        """
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from threading import Barrier

        sys.setswitchinterval(1e-6)
        barrier = Barrier(8)

        def use(number):
            barrier.wait()
            answers = set()
            for _ in range(100):
                with open_backend("cann", library_path="toolkit") as backend:
                    answers |= {backend.aclrtSetDevice(5), backend.aclmdlUnload(6), backend.aclFinalize()}
            return answers

        with ThreadPoolExecutor(8) as pool:
            print([answers for answers in pool.map(use, range(8)) if answers != {1005, 2006, 11}], filled())
        """
    ) == ["[] []"]


def test_importing_loads_nothing(run: Run) -> None:
    """Importing the backend, or searching for libraries, loads none, and imports neither numpy nor ctypes."""
    assert run(
        """
        import sys

        print(*(library.name for library in cann.find_libraries("toolkit").found))
        loaded = Path("/proc/self/maps").read_text(encoding="utf-8")
        print([name for name in cann.LIBRARIES if name in loaded], [name for name in ("numpy", "ctypes") if name in sys.modules])
        open_backend("cann", library_path="toolkit")
        loaded = Path("/proc/self/maps").read_text(encoding="utf-8")
        print([name for name in cann.LIBRARIES if name in loaded])
        """
    ) == ["libacl_rt.so libacl_mdl.so", "[] []", "['libacl_rt.so', 'libacl_mdl.so']"]
