"""A protocall client in Python, from docs/wire.md alone, whose rules it cites: unary calls, pushes.
Left out: streams, compression, AUTH, BIND, refusals by its own limits; its credit is endless."""
import asyncio, collections
from time import monotonic as clock
from types import SimpleNamespace
from protocall_wire import *
OURS = {name: [2**64 - 1] for name in ("calls credit", "replies credit", "stream credit",
        "lane credit")} | {"frame limit": [2**16], "message limit": [2**26], "codecs": [b"\0\xff"]}
PAID = {"CALL": ("calls credit", ()), "REPLY": ("replies credit", ("REPLIES",)),
        "PUSH": ("lane credit", ("LANE",))}
class Connection:  # handler(route, payload, metadata) is awaited for bytes; on_push called so too
    @classmethod
    async def dial(cls, host, port, handler=None, on_push=None, settings={}):
        self = cls()
        self.handler, self.on_push, self.peer = handler, on_push, None
        self.calls, self.serving, self.halves, self.routes, self.pong = {}, {}, {}, [], (0, 0)
        self.spent, self.credit = collections.Counter(), collections.Counter()
        self.lines, self.change = collections.defaultdict(asyncio.Lock), asyncio.Event()
        self.called = self.taken = self.pings = 0
        self.ended = self.leaving = ""
        self.reader, self.writer = await asyncio.open_connection(host, port)
        settings = write_items("HELLO", OURS | {name: [settings[name]] for name in settings})
        self.send("HELLO", magic=0x7043616C, version=1, zero=0, settings=settings)
        self.reading = asyncio.create_task(self._read())  # kept: the loop keeps no tasks
        await self._until(lambda: self.peer)
        return self
    def send(self, kind, id=0, flags=(), **fields):
        if not self.ended: self.writer.write(encode(kind, id, flags, **fields))
    async def call(self, route, payload=b"", metadata=(), deadline=None):  # unary; or raises Status
        reply, expired, due = asyncio.Future(), [], deadline and clock() + deadline
        try:
            async with asyncio.timeout(deadline):
                await self._message("CALL", reply, ["NAMED", "END"], payload, metadata, route, due)
                return await reply
        except TimeoutError:
            expired = ["EXPIRED"]
            raise Status(4, "the deadline passed here") from None
        finally:  # the number of a call that was answered is idle; one given up is CANCELled: 8.8
            for id in [id for id in self.calls if self.calls[id] is reply]:
                self.send("CANCEL", id, expired)
    async def push(self, route, payload=b"", metadata=(), lane=0):
        await self._message("PUSH", lane, ["NAMED"], payload, metadata, route)
    async def flush(self):  # waits until all pushes are taken: how many ever were (10.5)
        self.pings = number = self.pings + 1
        self.send("PING", number=number)
        await self._until(lambda: self.pong[0] >= number)
        return self.pong[1]
    async def close(self, code="NONE", text="closed here"):  # 11.4; a code ends it at once: 11.5
        self.send("GOAWAY", 0, ["FINAL"], code=ERRORS.index(code), calls_taken=self.called,
                  pushes_taken=self.taken, text=text)
        if code == "NONE": await self._until(lambda: not self.calls and not self.serving)
        self._end(text)
    def _end(self, reason):
        self.ended = self.leaving = reason
        for id in [*self.calls]: self._answered(id, Status(14, reason))
        for task in self.serving.values(): task.cancel()
        self.writer.close()
        self.change.set()
    async def _until(self, ready, opening=False):
        while (gone := self.leaving if opening else self.ended) or not ready():
            if gone: raise Status(14, gone, not_run=opening)  # 13.1
            self.change.clear()
            await self.change.wait()
    async def _message(self, kind, id, flags, message, metadata=(), route="", due=None):
        peer, (first, owner), lane = self.peer, PAID[kind], id if kind == "PUSH" else 0
        block = write_items(kind, {"metadata": sum(map(list, metadata), [])} if metadata else {})
        most = min(peer["metadata limit"], peer["frame limit"] - 1100)  # 6.1
        if len(message) > peer["message limit"] or len(block) > most:
            raise Status(8, "over the peer's limits", not_run=True)  # 6.5, 14.1
        least = 1088 + peer["metadata limit"] + peer["message limit"] if kind != "PUSH" else 0
        async with self.lines[owner, lane]:  # first come, first served
            spent = self.spent[owner, lane] + 64 + len(route.encode() + block + message)  # 7.1
            paid = lambda: spent <= max(peer[first], least, self.credit[owner, lane])
            if not paid(): self.send("BLOCKED", lane, owner, total_wanted=spent)
            await self._until(lambda: paid() and (
                kind != "CALL" or len(self.calls) < peer["in-flight limit"]), kind != "REPLY")
            self.spent[owner, lane] = spent
        if kind == "CALL":
            reply, id = id, next(n for n in range(1, 2**31) if n not in self.calls)
            self.calls[id] = reply
        flags = flags + ["BLOCK"] * bool(block) + ["DEADLINE"] * bool(due)
        fields = dict(route=route, block=block, total=len(message),
                      milliseconds=max(0, int((due - clock()) * 1000)) if due else 0)
        room = peer["frame limit"] + 4 - len(encode(kind, id, flags, message=b"", **fields))
        if len(message) > room: flags, room = flags + ["FRAGMENTED"], room - 4  # 6.1
        self.send(kind, id, flags, message=message[:room], **fields)
        for at in range(room, len(message), step := peer["frame limit"] - 6):
            self.send("FRAGMENT", id, ["LANE"] * (kind == "PUSH"), bytes=message[at:at + step])
    async def _read(self):
        try:
            while not self.ended:
                head = await self.reader.readexactly(5)
                rest = await self.reader.readexactly(frame_length(head, 2**16) - 1)
                self._receive(decode(head[4:] + rest))
                self.change.set()
        except (WireError, LookupError) as broken:  # 12.1; LookupError: no such call or route
            code = broken.args[0] if isinstance(broken, WireError) else "UNEXPECTED"
            await self.close(code, repr(broken))
        except (OSError, EOFError):
            self._end("the connection was lost")
    def _receive(self, f):
        key, half = (f.lane, f.id), self.halves.get((f.lane, f.id))
        demand(self.peer or f.kind == "HELLO", "4.1", "BAD_HELLO")
        match f.kind:
            case "HELLO": self.peer = f.items
            case "BIND": self.routes.append(f.text)
            case "PING": self.send("PONG", number=f.number, pushes_taken=self.taken)
            case "PONG": self.pong = f.number, f.pushes_taken
            case "CREDIT": self.credit[f.flags, f.id] = max(self.credit[f.flags, f.id], f.total)
            case "CALL" | "PUSH" | "REPLY":
                self.called += f.kind == "CALL"
                self._piece(key, f, b"")
            case "FRAGMENT" if half: self._piece(key, half, f.bytes)
            case "RESET" if f.lane: self.taken += self.halves.pop(key, None) is not None
            case "RESET" if not f.id >> 31: self._answered(f.id, Status(f.code, f.text))
            case "RESET" | "CANCEL" if half or f.id in self.serving:
                self.halves.pop(key, None)
                if not half: self.serving.pop(f.id).cancel()
                self.send("RESET", f.id, code=1, text="cancelled")
            case "GOAWAY":
                self.leaving = f"the peer goes away: {f.text}"
                if "FINAL" in f.flags and f.code: self._end(self.leaving)  # 11.5
    def _piece(self, key, f, data):
        f.message, self.halves[key] = f.message + data, f
        size = f.total if "FRAGMENTED" in f.flags else len(f.message)
        demand(len(f.message) <= size, "6.2")
        if len(f.message) < size: return
        del self.halves[key]
        route = f.route if isinstance(f.route, str) else self.routes[f.route]
        taken = route, f.message, f.metadata
        bad = "COMPRESSED" in f.flags or f.items is None
        if f.kind == "PUSH":
            self.taken += 1
            if self.on_push and not bad: asyncio.get_running_loop().call_soon(self.on_push, *taken)
        elif f.kind == "REPLY":
            code = f.code if "STATUS" in f.flags else 12 * bad
            failed = Status(code, f.text, f.metadata, "NOT_RUN" in f.flags)
            self._answered(f.id, failed if code else taken[1:])
        elif not self.handler or bad or "END" not in f.flags or "STREAM" in f.flags:
            self.send("RESET", f.id, code=12, text="")
        else:
            self.serving[f.id] = asyncio.create_task(self._serve(f.id, *taken))
    def _answered(self, id, answer):
        reply = self.calls.pop(id)
        self.halves.pop((False, id), None)  # a reply cut off by RESET: 8.7
        if not reply.done():
            (reply.set_exception if isinstance(answer, Status) else reply.set_result)(answer)
    async def _serve(self, id, *taken):
        try:
            await self._message("REPLY", id, [], await self.handler(*taken))
        except Exception as why:
            self.send("RESET", id, code=getattr(why, "code", 2), text=str(why)[:250])
        self.serving.pop(id, None)
        self.change.set()
