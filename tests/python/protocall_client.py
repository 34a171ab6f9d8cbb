"""A protocall client in plain Python 3.11, written from docs/wire.md alone, whose rules it cites.

    conn = await Connection.dial("127.0.0.1", 4000, handlers={"a.B/Ask": ask}, on_push=print)
    payload, metadata = await conn.call("chat.v1.Chat/Say", b"...", deadline=2.0)  # or Status
    await conn.push("chat.v1.Chat/Typing", b"...", lane=1)
    await conn.flush(); await conn.close()

Payloads are bytes. Left out: streams (refused), compression, checksums, TLS, own keepalive.
"""
import asyncio
import collections
import contextlib
import itertools
import time

from protocall_receive import *  # Status, and the answers to what the peer sends
from protocall_wire import *  # encode and decode; what credit there is


class Connection(Receiver):
    """The dialler's end. `handlers`: by route, async (payload, metadata) -> bytes, or Status;
    `on_push(route, payload, metadata)`; `settings` (4.6): what we accept."""
    grace = 0.0  # how long past its deadline a call still waits for the callee's own answer

    @classmethod
    async def dial(cls, host, port, handlers={}, on_push=None, settings={}, auth=None):
        self = cls()
        self.handlers, self.on_push = handlers, on_push
        self.mine, self.peer = limits(settings), None
        self.calls, self.serving, self.halves, self.routes = {}, {}, {}, []
        self.lines, self.change = collections.defaultdict(asyncio.Lock), asyncio.Event()
        self.opened = self.called = self.taken = self.pings = 0
        self.ready = self.leaving = self.final = False
        self.pong, self.ended = (0, 0), ""
        self.granted = Accounts(self.mine)
        self.reader, self.writer = await asyncio.open_connection(host, port)
        self.send("HELLO", magic=0x7043616C, version=1, zero=0,
                  settings=write_settings({11: b"\0\xff"} | settings))
        if auth is not None:
            self.send("AUTH", bytes=auth)
        self.reading = asyncio.create_task(self._read())
        await self._until("ready", lambda: self.ready)
        return self

    def send(self, kind, id=0, flags=0, **fields):
        if not self.ended:
            self.writer.write(encode(kind, id, flags, **fields))

    async def call(self, route, payload=b"", metadata=(), deadline=None):
        """A unary call, the deadline in seconds: payload and metadata, or raises Status."""
        call = SimpleNamespace(id=0, opened=0, sent=False, answered=False, metadata=[], late=0)
        call.reply, block = asyncio.get_running_loop().create_future(), to_block(metadata)
        call.reply.add_done_callback(lambda reply: reply.cancelled() or reply.exception())  # quiet
        due = time.monotonic() + deadline if deadline else None
        def numbered():  # 8.2
            if len(self.calls) < self.peer[3]:
                call.id = next(n for n in itertools.count(1) if n not in self.calls)
                self.calls[call.id] = call
                return True
        try:
            async with asyncio.timeout(deadline and deadline + self.grace):
                await self._until("number", numbered, opening=True)
                await self._pay(CALLS, route, block, payload)
                self.opened = call.opened = self.opened + 1
                left = due and min(max(0, int((due - time.monotonic()) * 1000)), 2**32 - 1)
                call.sent = await self._write(
                    "CALL", call.id, NAMED | BLOCK | END | (DEADLINE if due else 0), payload,
                    call.reply.done, route=route, milliseconds=left, block=block)
                return await call.reply
        except TimeoutError:
            call.late = EXPIRED
            raise Status(4, "the deadline passed here", not_run=not call.opened) from None
        finally:
            if call.opened and not (call.sent and call.answered):
                self.send("CANCEL", call.id, call.late)  # 8.8, or after an early answer 8.9
            call.sent = True
            self._idle(call)

    def _idle(self, call):  # both sides have ended, or neither has begun
        if self.calls.get(call.id) is call and call.sent and (call.answered or not call.opened):
            del self.calls[call.id]
        self._wake()

    async def push(self, route, payload=b"", metadata=(), lane=0):
        async def push():
            async with self.lines["push", lane]:  # 10.3
                await self._pay((LANE, lane), route, block, payload)
                await self._write("PUSH", lane, NAMED | BLOCK, payload, route=route, block=block)
        block = to_block(metadata)
        await asyncio.shield(push())  # what we said BLOCKED for must follow (7.8)

    async def flush(self):
        """Waits until the peer has taken all pushes sent before (10.5): how many it took, ever."""
        self.pings = number = self.pings + 1
        self.send("PING", number=number)
        await self._until(("pong", number), lambda: self.pong[0] >= number)
        return self.pong[1]

    async def close(self):
        """Drains and closes (11.4)."""
        with contextlib.suppress(Status):
            self.send("GOAWAY", code=0, calls_taken=0, pushes_taken=0, text="")
            await self.flush()
            self._final("NONE")
            await self._until("close", lambda: not self.calls and not self.serving)
            self.writer.write_eof()
            await asyncio.wait([self.reading], timeout=1)  # 11.5
        self._end("closed here")

    async def _until(self, line, ready, opening=False):
        async with self.lines[line]:  # first come, first served
            while True:
                if self.ended or opening and self.leaving:
                    raise Status(14, self.ended or "the peer goes away", not_run=True)  # 13.1
                if ready():
                    return
                await self.change.wait()

    async def _pay(self, key, text, block, message):
        """Waits until the account has room for the cost (7.1), and spends it."""
        if len(message) > self.peer[2] or len(block) > self.peer[10]:
            raise Status(8, "over the peer's limit", not_run=key != ANSWERS)  # 6.5, 14.1
        cost, its = 64 + len(text.encode() + block + message), self.spending[key]
        def paid():
            if its.spent + cost <= its.total:
                its.spent += cost
                return True
            if its.wanted != its.spent + cost:  # 7.6
                its.wanted = its.spent + cost
                self.send("BLOCKED", key[1], key[0], total_wanted=its.wanted)
        await self._until(key, paid, opening=key != ANSWERS)

    async def _write(self, kind, id, flags, message, stop=lambda: False, **fields):
        """Sends a message; false if it was given up before its end."""
        for frame in pieces(self.peer[1], kind, id, flags, message, **fields):
            if stop() or self.ended:
                return False
            self.writer.write(frame)
            with contextlib.suppress(OSError):  # _read will tell
                await self.writer.drain()
            await asyncio.sleep(0)  # others' turn
        return True

    def _wake(self):
        self.change.set()
        self.change = asyncio.Event()

    def _final(self, name, text=""):
        self.send("GOAWAY", 0, FINAL, code=ERRORS.index(name), calls_taken=self.called,
                  pushes_taken=self.taken, text=text)
        self.final = True

    def _end(self, reason):
        self.ended = self.ended or reason
        for call in [*self.calls.values()]:
            self._answered(call, Frame(kind=""), Status(14, reason, not_run=not call.sent))  # 13.2
        for task in filter(None, self.serving.values()):
            task.cancel()
        self.writer.close()
        self._wake()

    async def _read(self):
        try:
            while not self.ended:
                length = int.from_bytes(await self.reader.readexactly(4), "big")
                check_length(length, None, self.mine[1])
                self._receive(decode(await self.reader.readexactly(length)))
                self._wake()
        except WireError as broken:
            self._final(broken.args[0], f"wire {broken.args[1]}")
            self._end(f"the peer broke the wire: {broken}")
        except (OSError, EOFError):
            self._end("the connection was lost")
