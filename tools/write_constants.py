"""Writes aclcffi/constants.py: C enums as IntEnum classes, flags as IntFlag classes, other constants as they are."""

from __future__ import annotations

import re

from build_acl import Constant, Header
from tools.declared import enums, value_of
from tools.facts import Facts
from tools.layout import file_text, quoted

# Class -> what it is for, and the macros that are its members.
FLAGS = {
    "EventFlag": (
        "Flags of a new event.",
        r"ACL_EVENT_(SYNC|CAPTURE_STREAM_PROGRESS|TIME_LINE|DEVICE_USE_ONLY|EXTERNAL|IPC)",
    ),
    "EventRecordFlag": ("Flags of aclrtRecordEventWithFlag.", r"ACL_EVENT_RECORD_\w+"),
    "EventWaitFlag": ("Flags of aclrtStreamWaitEventWithFlag.", r"ACL_EVENT_WAIT_\w+"),
    "StreamFlag": (
        "Flags of a new stream.",
        r"ACL_STREAM_(FAST_LAUNCH|FAST_SYNC|PERSISTENT|HUGE|CPU_SCHEDULE|DEVICE_USE_ONLY)",
    ),
    "NotifyFlag": ("Flags of a new notify.", r"ACL_NOTIFY_\w+"),
    "NotifyExportFlag": ("Flags of aclrtNotifyGetExportKey.", r"ACL_RT_NOTIFY_EXPORT_FLAG_\w+"),
    "NotifyImportFlag": ("Flags of aclrtNotifyImportByKey.", r"ACL_RT_NOTIFY_IMPORT_FLAG_\w+"),
    "HostRegisterFlag": ("Flags of aclrtHostRegisterV2.", r"ACL_HOST_REG_\w+"),
    "MemoryTypeFlag": ("Kinds of memory for aclrtCheckMemType.", r"ACL_RT_MEM_TYPE_\w+"),
    "IpcMemoryExportFlag": ("Flags of aclrtIpcMemGetExportKey.", r"ACL_RT_IPC_MEM_EXPORT_FLAG_\w+"),
    "IpcMemoryImportFlag": ("Flags of aclrtIpcMemImportByKey.", r"ACL_RT_IPC_MEM_IMPORT_FLAG_\w+"),
    "VirtualMemoryExportFlag": ("Flags of aclrtMemExportToShareableHandle.", r"ACL_RT_VMM_EXPORT_FLAG_\w+"),
    "DeviceTopology": ("How two devices are connected, from aclrtGetDevicesTopo.", r"ACL_RT_DEVS_TOPOLOGY_\w+"),
}


def constants_module(headers: tuple[Header, ...], facts: Facts) -> str:
    """Text of aclcffi/constants.py."""
    constants = [constant for header in headers for constant in header.constants]
    lines = ['"""The constants of the C API as Python enums, flags and numbers, under their C names."""', ""]
    lines += ["from enum import IntEnum, IntFlag", "from typing import Final", ""]
    for enum in enums(headers):
        lines += [
            "",
            f"class {enum.name}(IntEnum):",
            f'    """Values of the C enum {enum.name} of {enum.header}."""',
            "",
        ]
        lines += [f"    {name} = {value}" for name, value in enum.members.items()]
        lines.append("")
    taken: set[str] = set()
    for name, (purpose, pattern) in FLAGS.items():
        members = [constant for constant in constants if re.fullmatch(pattern, constant.name)]
        if not members:
            raise ValueError(f"no macro is a member of {name}")
        taken.update(member.name for member in members)
        lines += ["", f"class {name}(IntFlag):", f'    """{purpose}"""', ""]
        lines += [f"    {_assignment(member)}" for member in members]
        lines.append("")
    codes = facts["error_codes"]
    lines += ["", "# Macros"]
    lines += [_final(constant) for constant in constants if constant.name not in taken and constant.name not in codes]
    lines += ["", "# Error codes"]
    lines += [_final(constant) for constant in constants if constant.name in codes]
    return file_text(*lines)


def _literal(constant: Constant) -> str:
    value = value_of(constant)
    return (
        quoted(value) if isinstance(value, str) else f"0x{value:X}" if constant.value.startswith("0x") else str(value)
    )


def _assignment(constant: Constant) -> str:
    return f"{constant.name} = {_literal(constant)}"


def _final(constant: Constant) -> str:
    return f"{constant.name}: Final = {_literal(constant)}"
