"""The local stack: `up`, `down`, `status`."""

from infra.local.errors import StackError
from infra.local.stack import Stack, down, status, up, usage

__all__ = ["Stack", "StackError", "down", "status", "up", "usage"]
