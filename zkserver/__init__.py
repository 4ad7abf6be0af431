"""A drop-in Apache ZooKeeper server in Python."""

__version__ = "0.1.0"
