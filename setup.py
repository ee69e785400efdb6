"""What pyproject.toml cannot say: the extension, and that one wheel serves every Python from 3.10 on."""

from setuptools import setup

setup(
    cffi_modules=["build_acl.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
