"""The SDK for authors of Mesos frameworks. So far this package only holds its name.

What is meant to be here: scheduler and executor drivers over the v1 HTTP APIs, for Apache
Mesos as well as for :mod:`mesos_compat`, and a layer above them that says what should run.
"""
