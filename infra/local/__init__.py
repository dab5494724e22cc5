"""The local stack: `up`, `down`, `status`."""

from infra.local.stack import down, status, up
from infra.local.stack_error import StackError
from infra.local.stack_info import Stack, usage_text

__all__ = ["Stack", "StackError", "down", "status", "up", "usage_text"]
