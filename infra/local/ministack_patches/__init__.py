"""Patches of MiniStack's behaviour where it differs from AWS. They run in MiniStack's process."""
