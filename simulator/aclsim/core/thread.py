"""What the machine knows of one host thread."""

import threading

from aclsim.core.context import Context


class ThreadState(threading.local):
    """State that each host thread has for itself in one world.

    `context` is the thread's current context, explicit or primary; setting one replaces the other (contract_rt section
    4). `last_error` is aclrtGetLastError's. `messages` are the sentences for aclGetRecentErrMsg and `text` the buffer
    that its last answer pointed to. The two timeouts (ms) are what the last aclmdlExecuteV2 of the thread set.
    """

    def __init__(self) -> None:
        self.context: Context | None = None
        self.last_error = 0
        self.messages: list[str] = []
        self.text: object = None
        self.stream_timeout = -1
        self.event_timeout = -1
