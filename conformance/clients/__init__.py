"""Scripted jobs for real ZooKeeper clients in several languages, compared between two servers.

Each client is a module with ``CLIENT`` (a :class:`conformance.clients.compare.Client`)
and runs by itself: ``python -m conformance.clients.<name>`` starts Apache's server and
ours, lets the client do the same job on both, and prints where the transcripts differ.
"""
