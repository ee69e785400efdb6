"""Model descriptions as aclmdlDesc holds them."""

from collections.abc import Hashable

from aclsim.models.description import Gears, Tensor


class Desc:
    """An aclmdlDesc: the tensors of one model, in order. Outlives the model (MD5.19).

    `input_names` and `output_names` are the names that fit into an aclmdlIODims: long ones are replaced there (MD6.12).
    `texts` keeps the C strings that were handed out, for the layer above.
    """

    def __init__(self) -> None:
        self.model_id = 0
        self.gears: Gears | None = None
        self.dynamic = False
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.input_names: list[str] = []
        self.output_names: list[str] = []
        self.texts: dict[object, object] = {}
        self.handle: Hashable = None

    def clear(self) -> None:
        """Forget the tensors; strings that were handed out live on."""
        self.model_id = 0
        self.gears, self.dynamic = None, False
        self.inputs, self.outputs, self.input_names, self.output_names = [], [], [], []
