"""What the machine knows of a model: its tensors, its sizes, and how to compute it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Tensor:
    """One input or output. `dtype` and `format` are the numbers of aclDataType and aclFormat, `size` is bytes."""

    name: str
    dims: tuple[int, ...]
    dtype: int
    format: int
    size: int


class Executable(Protocol):
    """A model that can be computed.

    `work_size` and `weight_size` are what aclmdlQuerySize answers, in bytes.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    work_size: int
    weight_size: int

    def run(self, inputs: list[memoryview], outputs: list[memoryview]) -> None:
        """Compute. Each view holds exactly its tensor's bytes, in C order.

        Raises:
            Fault: 507011 when the computation itself fails.
        """
