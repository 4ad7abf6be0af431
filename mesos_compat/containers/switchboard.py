"""The switchboard of a container to which one may attach; runs in its supervisor.

It stands between the command's standard streams and whoever wants them: what the command
writes goes to the sandbox's files and to every attached reader, what an attached writer sends
goes to the command. It listens at the socket ``io.sock`` of the container's runtime directory.
Containers with a terminal and debug containers have one, as in Mesos; the output of others
goes straight to the files.

Both directions are frames: one byte that says what it is, four bytes of length (big endian),
the content. Nothing of the command's output is dropped: while a reader is slow, the command
waits for it.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from time import monotonic
from typing import Protocol

from mesos_compat.containers.entering import SIGKILL, Entry

# To the container: attach to the output, bytes of input (none is the end), size of the terminal.
ATTACH_OUTPUT = b"o"
INPUT = b"i"
WINDOW = b"w"
# From the container.
STDOUT = b"1"
STDERR = b"2"

HEAD = struct.Struct(">cI")
WINDOW_SIZE = struct.Struct(">HH")
SOCKET_NAME = b"io.sock"

# A peer of ours never sends more at once.
FRAME_BYTES_MAX = 1 << 20
_READ_BYTES = 64 << 10
# A reader that has this much ahead of it makes the command wait.
_READER_BEHIND_BYTES_MAX = 256 << 10
# As much input is taken from writers before the command has to read some.
_INPUT_BYTES_MAX = 256 << 10
# How long readers that take nothing may hold up the end of a container that is already dead.
_DRAIN_TIMEOUT_S = 10.0
_CLIENTS_MAX = 64
# How often to look whether the child has ended where the kernel has no pidfd to poll, and
# otherwise for orphans to bury.
_CHILD_POLL_MS = 100
_ORPHANS_POLL_MS = 1000


class Ward(Protocol):
    """What of the supervisor the switchboard needs."""

    child: int
    status: int | None

    def child_has_ended(self) -> bool:
        """Whether the command has ended by now."""

    def sweep(self) -> None:
        """Kill what it has left."""


class _Client:
    """Somebody attached: reader, writer or both."""

    __slots__ = ("outgoing", "received", "socket", "wants_output")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.received = bytearray()
        self.outgoing = bytearray()
        self.wants_output = False


def _open_file(path: bytes, uid: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, flags, 0o644)
    if uid >= 0:
        os.fchown(fd, uid, -1)
    return fd


class Switchboard:
    """The streams of one container and those attached to them."""

    def __init__(
        self, listener: socket.socket, files: tuple[int, int], waits: bool, terminal: bool
    ) -> None:
        self.terminal = terminal
        self._listener = listener
        # The sandbox's stdout and stderr.
        self._files = files
        # Whether the output is held back until somebody has attached to it.
        self._waits = waits
        self._clients: dict[int, _Client] = {}
        # Descriptor to read output from -> what it is.
        self._sources: dict[int, bytes] = {}
        # Where input goes, -1 once it is closed, and what has not been written to it yet.
        self._sink = -1
        self._input = bytearray()
        self._input_ended = False
        # What the child gets as its standard streams, to be closed here once it has them.
        self.stdio: tuple[int, int, int] = (-1, -1, -1)
        self.theirs: list[int] = []

    @classmethod
    def opened(cls, runtime: bytes, entry: Entry, options: dict[str, object]) -> Switchboard:
        """The switchboard of one container, listening; ``options`` as the agent gives them."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # By way of a descriptor: a socket's path may have 107 bytes only.
        directory = os.open(runtime, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        listener.bind(b"/proc/self/fd/%d/%s" % (directory, SOCKET_NAME))
        os.close(directory)
        listener.listen(_CLIENTS_MAX)
        listener.setblocking(False)
        files = (_open_file(entry.stdout, entry.uid), _open_file(entry.stderr, entry.uid))
        board = cls(listener, files, bool(options["waits"]), bool(options["terminal"]))
        if board.terminal:
            board._open_terminal(entry.uid, options.get("window"))
        else:
            board._open_pipes()
        return board

    def _open_terminal(self, uid: int, window: object) -> None:
        ours, theirs = os.openpty()
        if uid >= 0:
            os.fchown(theirs, uid, -1)
        if isinstance(window, tuple):
            _resize(ours, *window)
        self.stdio = (theirs, theirs, theirs)
        self.theirs = [theirs]
        self._sources = {ours: STDOUT}
        self._sink = os.dup(ours)
        for fd in (ours, self._sink):
            os.set_blocking(fd, False)

    def _open_pipes(self) -> None:
        their_in, our_in = os.pipe()
        our_out, their_out = os.pipe()
        our_err, their_err = os.pipe()
        self.stdio = (their_in, their_out, their_err)
        self.theirs = [their_in, their_out, their_err]
        self._sources = {our_out: STDOUT, our_err: STDERR}
        self._sink = our_in
        for fd in (our_in, our_out, our_err):
            os.set_blocking(fd, False)

    def run(self, ward: Ward) -> None:
        """Serve until the container has ended and its output has been delivered."""
        try:
            child = os.pidfd_open(ward.child)
        except (AttributeError, OSError):
            child = -1
        # When the container is dead: by when its output must have been taken.
        deadline = None
        while True:
            if deadline is None and ward.child_has_ended():
                ward.sweep()
                if child >= 0:
                    os.close(child)
                    child = -1
                # Nobody will come to see the output of what was killed.
                self._waits = self._waits and ward.status != SIGKILL
                deadline = monotonic() + _DRAIN_TIMEOUT_S
            if deadline is not None:
                if not self._sources and not self._has_readers_behind():
                    return
                if monotonic() > deadline and not self._give_up_waiting():
                    return
            moved = self._turn(child, deadline is not None)
            if moved and deadline is not None:
                deadline = monotonic() + _DRAIN_TIMEOUT_S

    def _has_readers_behind(self) -> bool:
        return any(client.outgoing for client in self._clients.values())

    def _give_up_waiting(self) -> bool:
        """Stop holding the output back for a first reader; False when that was not the reason."""
        waited, self._waits = self._waits, False
        return waited

    def _turn(self, child: int, ended: bool) -> bool:
        """Wait for something to happen, and do it; whether any output has moved."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        if child >= 0:
            poll.register(child, select.POLLIN)
        if not self._is_held_up():
            for fd in self._sources:
                poll.register(fd, select.POLLIN)
        if self._sink >= 0 and self._input:
            poll.register(self._sink, select.POLLOUT)
        for fd, client in self._clients.items():
            wanted = select.POLLOUT if client.outgoing else 0
            if len(self._input) < _INPUT_BYTES_MAX:
                wanted |= select.POLLIN
            poll.register(fd, wanted)
        moved = False
        patience = _CHILD_POLL_MS if child < 0 or ended else _ORPHANS_POLL_MS
        for fd, events in poll.poll(patience):
            if fd == self._listener.fileno():
                self._accept()
            elif fd in self._sources:
                moved = self._read_source(fd) or moved
            elif fd == self._sink:
                self._write_input()
            elif fd in self._clients:
                moved = self._serve(self._clients[fd], events) or moved
        return moved

    def _is_held_up(self) -> bool:
        return self._waits or any(
            len(client.outgoing) > _READER_BEHIND_BYTES_MAX for client in self._clients.values()
        )

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= _CLIENTS_MAX:
            connection.close()
            return
        connection.setblocking(False)
        self._clients[connection.fileno()] = _Client(connection)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.socket.fileno()]
        client.socket.close()

    def _read_source(self, fd: int) -> bool:
        kind = self._sources[fd]
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # How a terminal says that nobody holds its other end.
        if not data:
            del self._sources[fd]
            os.close(fd)
            return False
        try:
            os.write(self._files[0 if kind == STDOUT else 1], data)
        except OSError:
            pass  # A full disk must not silence the container.
        frame = HEAD.pack(kind, len(data)) + data
        for client in self._clients.values():
            if client.wants_output:
                client.outgoing += frame
        return True

    def _write_input(self) -> None:
        try:
            written = os.write(self._sink, self._input)
        except BlockingIOError:
            return
        except OSError:
            # The command does not read any more.
            self._input.clear()
            self._input_ended = True
            written = 0
        del self._input[:written]
        self._close_input_when_done()

    def _close_input_when_done(self) -> None:
        if self._input_ended and not self._input and self._sink >= 0:
            os.close(self._sink)
            self._sink = -1

    def _serve(self, client: _Client, events: int) -> bool:
        moved = False
        try:
            if client.outgoing and events & select.POLLOUT:
                sent = client.socket.send(client.outgoing)
                del client.outgoing[:sent]
                moved = sent > 0
            if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                data = client.socket.recv(_READ_BYTES)
                if not data:
                    self._drop(client)
                    return moved
                client.received += data
                self._handle_frames(client)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
        return moved

    def _handle_frames(self, client: _Client) -> None:
        while len(client.received) >= HEAD.size:
            kind, length = HEAD.unpack_from(client.received)
            if length > FRAME_BYTES_MAX:
                raise OSError("a frame is too large")
            if len(client.received) < HEAD.size + length:
                return
            content = bytes(client.received[HEAD.size : HEAD.size + length])
            del client.received[: HEAD.size + length]
            self._handle(client, kind, content)

    def _handle(self, client: _Client, kind: bytes, content: bytes) -> None:
        if kind == ATTACH_OUTPUT:
            client.wants_output = True
            self._waits = False
        elif kind == WINDOW and self.terminal and len(content) == WINDOW_SIZE.size:
            for fd in self._sources:
                _resize(fd, *WINDOW_SIZE.unpack(content))
        elif kind == INPUT and not self._input_ended:
            if self.terminal:
                # It has no end, and others may go on: what a user would type to say so.
                self._input += content or b"\x04"
                return
            self._input += content
            self._input_ended = not content
            self._close_input_when_done()


def _resize(fd: int, rows: int, columns: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
