"""Model descriptions as aclmdlDesc holds them."""

from collections.abc import Hashable

from aclsim.models.description import Tensor


class Desc:
    """An aclmdlDesc: the tensors of one model, in order. Outlives the model (MD5.19).

    `texts` keeps the C strings that were handed out, for the layer above: they live as long as the desc (MD11.12).
    """

    def __init__(self) -> None:
        self.model_id = 0
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.texts: dict[object, object] = {}
        self.handle: Hashable = None
