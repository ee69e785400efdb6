"""Descriptions as a person sees them: one line, a table, and a table of HTML."""

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from aclsim import GearSpec, TensorSpec
from aclsim.backend import SimulatorBackend

import aclcffi
from aclcffi import GearInfo, ModelDescription, Session, TensorInfo, lib
from tests.api import models

FLOAT, ND = int(lib.ACL_FLOAT), int(lib.ACL_FORMAT_ND)


@pytest.fixture
def machine() -> Iterator[SimulatorBackend]:
    with aclcffi.open_backend("simulator") as backend:
        assert isinstance(backend, SimulatorBackend)
        yield backend


def bounded(machine: SimulatorBackend) -> str:
    """A dynamic-shape model whose first dim goes up to 16, and whose second has no limit."""
    return machine.register_model(
        "bounded",
        function=lambda image, free: (image, free),
        inputs=[TensorSpec("image", (-1, 3), max_shape=(16, 3)), TensorSpec("free", (-1,), "int64")],
        outputs=[TensorSpec("same", (-1, 3), max_shape=(16, 3)), TensorSpec("other", (-1,), "int64")],
    )


def test_a_static_model_as_a_table(session: Session) -> None:
    """Columns are aligned, numbers to the right, and a large size has its thousands apart."""
    with session.load(models.identity((1, 3, 64, 64), source="a picture", target="y")) as model:
        wanted = (
            "        name       dtype    shape           layout   bytes\n"
            "input   a picture  float32  [1, 3, 64, 64]  NCHW    49,152\n"
            "output  y          float32  [1, 3, 64, 64]  ND      49,152"
        )
        assert str(model) == str(model.description) == wanted
        assert repr(model.inputs[0]) == "<TensorInfo a picture: float32[1, 3, 64, 64], NCHW, 49,152 bytes>"
        assert repr(model.description) == (
            "<ModelDescription (a picture: float32[1, 3, 64, 64]) -> (y: float32[1, 3, 64, 64])>"
        )


def test_ranges_of_a_dynamic_model(machine: SimulatorBackend) -> None:
    """A dim with a limit is shown as a range, one without as -1; so is the size, where something bounds it."""
    with Session(machine) as session, session.load(bounded(machine)) as model:
        image, free = model.inputs
        assert (image.ranges, free.ranges) == (((1, 16), (3, 3)), ((1, -1),))
        assert (image.bound, free.bound, image.fixed) == (192, 0, False)
        assert str(model).splitlines() == [
            "        name   dtype    shape       layout   bytes",
            "input   image  float32  [1..16, 3]  ND         192",
            "input   free   int64    [-1]        ND      varies",
            "output  same   float32  [-1, 3]     ND         192",
            "output  other  int64    [-1]        ND      varies",
        ]
        assert repr(image) == "<TensorInfo image: float32[1..16, 3], ND, at most 192 bytes>"
        assert repr(free) == "<TensorInfo free: int64[-1], ND, any size>"
        assert session.describe("sim://bounded") == model.description


def test_an_older_library_tells_no_ranges(machine: SimulatorBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without aclmdlGetInputDimsRange a dim that varies is -1."""
    monkeypatch.setattr(machine, "supports", lambda name: name != "aclmdlGetInputDimsRange")
    with Session(machine) as session:
        assert str(session.describe(bounded(machine)).inputs[0]) == "image: float32[-1, 3]"


@pytest.mark.parametrize(
    ("spec", "shape", "line"),
    [
        (GearSpec(batch=[1, 2, 8]), (-1, 4), "gears: batch 1, 2, 8"),
        (GearSpec(hw=[(2, 3), (4, 4)]), (-1, -1), "gears: hw 2 x 3, 4 x 4"),
        (GearSpec(batch=list(range(1, 41))), (-1,), f"gears: batch {', '.join(map(str, range(1, 17)))}, ... 40 in all"),
    ],
)
def test_gears_stand_under_the_table(
    machine: SimulatorBackend, spec: GearSpec, shape: tuple[int, ...], line: str
) -> None:
    """The last line names the gears, of very many the first ones; the one-line form has them too."""
    path = machine.register_model(
        "geared",
        function=lambda x: x,
        infer=list,
        inputs=[TensorSpec("x", shape)],
        outputs=[TensorSpec("y", shape)],
        gears=spec,
    )
    with Session(machine) as session:
        description = session.describe(path)
    assert str(description).splitlines()[-1] == line
    assert repr(description).endswith(f", {line}>")
    assert f"<caption>{line}</caption>" in description._repr_html_()


def test_a_closed_model_still_shows_itself(session: Session) -> None:
    """What a closed model was can still be looked at; its own line says that it is closed."""
    model = session.load(models.identity())
    model.close()
    assert repr(model) == f"<Model {model.id} (closed)>"
    assert str(model) == str(model.description)
    assert model._repr_html_() == model.description._repr_html_()


class Cells(HTMLParser):
    """Collects the text of each cell, and checks that every element that opens is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        assert self.open[-1] in ("td", "th", "caption")
        self.rows[-1][-1] += data


def test_a_notebook_shows_a_table() -> None:
    """The HTML has the same cells as the text, and a name that looks like HTML is text."""
    evil = "<script>alert('x')</script> & \"more\""
    description = ModelDescription((TensorInfo(evil, (2,), FLOAT, ND, 8),), (TensorInfo("y", (), 9999, 9998, 1),))
    html = description._repr_html_()
    assert "<script" not in html
    assert Cells(html).rows == [
        ["", "name", "dtype", "shape", "layout", "bytes"],
        ["input", evil, "float32", "[2]", "ND", "8"],
        ["output", "y", "aclDataType 9999", "[]", "9998", "1"],
    ]


def test_a_name_breaks_no_line() -> None:
    """What cannot be printed in a name is escaped, letters of any language are not."""
    tensor = TensorInfo("é\n\x1b[31m", (1,), FLOAT, ND, 4)
    description = ModelDescription((), (tensor, tensor._replace(name="größe")), GearInfo("batch", ((1,),), 0))
    lines = str(description).splitlines()
    assert len(lines) == 4
    assert lines[1].split()[1] == "\\xe9\\n\\x1b[31m"
    assert lines[2].split()[1] == "größe"
    assert "\n" not in repr(tensor)
