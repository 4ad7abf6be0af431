"""The SDK for authors of Mesos frameworks."""
