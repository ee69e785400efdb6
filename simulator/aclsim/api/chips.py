"""What a chip has and another one lacks, behind libraries that have every function."""

from aclcffi.functions import products_of
from aclsim.products import Product


def has_function(product: Product, name: str) -> bool:
    """Whether the chip can do what a function stands for.

    A product's own machine does not even have the functions that its chip lacks. The check is for libraries that have
    them all, as the real ones do: the call is refused there (207000).
    """
    return product.generic or product.name in products_of(name)
