"""The receiving half of protocall_client.Connection: a method for what each frame asks for."""
import asyncio
import contextlib
from types import SimpleNamespace

from protocall_wire import *

CALLS, ANSWERS = (0, 0), (REPLIES, 0)  # accounts, by flags and id of their CREDIT (7.2)


class Status(Exception):
    """How a call failed: code (8.6), text, metadata, and whether it surely did not run (13)."""
    def __init__(self, code, text="", metadata=(), not_run=False):
        super().__init__(code, text, metadata, not_run)
        self.code, self.text, self.metadata, self.not_run = code, text, list(metadata), not_run


class Receiver:
    def _receive(self, f):
        demand(self.peer or f.kind == "HELLO", "BAD_HELLO", "4.1")
        demand(not isinstance(f.route, int) or f.route < len(self.routes), "UNEXPECTED", "5.3")
        key = f.flags & (LANE | REPLIES), f.id
        call = None if key[0] and f.kind == "RESET" else self.calls.get(f.id)
        if f.kind in ("REPLY", "HEADERS"):
            demand(call and call.opened and not call.answered, "UNEXPECTED", "8.10")
        match f.kind:
            case "HELLO":
                demand(not self.peer, "UNEXPECTED", "4.1")
                self.peer, self.ready = limits(read_settings(f.settings)), not f.flags & WANTS_AUTH
                self.spending = Accounts(self.peer)
            case "READY":
                demand(not self.ready, "UNEXPECTED", "4.4")
                self.ready = True
            case "BIND":
                demand(f.route_number == len(self.routes), "UNEXPECTED", "5.2")
                self.routes.append(f.text)
            case "PING":
                self.send("PONG", number=f.number, pushes_taken=self.taken)
            case "PONG":
                self.pong = f.number, f.pushes_taken
            case "CREDIT":
                self.spending[key].total = max(self.spending[key].total, f.total)
            case "BLOCKED":
                self.granted[key].wanted = f.total_wanted
                self._grant(key)
            case "GOAWAY":
                self.leaving = True
                for call in [*self.calls.values()] if f.flags & FINAL else []:
                    if call.opened > f.calls_taken:  # 13.3
                        self._answered(call, f, Status(14, f"not taken: {f.text}", not_run=True))
                if f.flags & FINAL and f.code:  # 11.5
                    self._end(f"the peer said {ERRORS[min(f.code, 15)]}: {f.text}")
            case "PUSH" if not self.final:
                self._gather(f, (LANE, f.id), (LANE, f.id), lambda data: self._pushed(f, data))
            case "CALL" if not self.final:
                demand(f.id not in self.serving, "UNEXPECTED", "8.2")
                self.called, self.serving[f.id] = self.called + 1, None
                f.due = f.milliseconds and asyncio.get_running_loop().time() + f.milliseconds / 1000
                self._gather(f, CALLS, (0, f.id), lambda data: self.serving.update(
                    {f.id: asyncio.create_task(self._serve(f, data))}))
            case "REPLY":
                self._gather(f, ANSWERS, (0, f.id), lambda data: self._answered(call, f, data))
            case "HEADERS":
                call.metadata += from_block(f)
            case "FRAGMENT" if half := self.halves.get(key):
                half.got += len(f.bytes)
                demand(half.got <= half.total, "MALFORMED", "6.2")
                half.data += [] if half.bad else [f.bytes]
                if half.got == half.total:
                    half.finish(b"".join(half.data))
            case "RESET" | "CANCEL":
                gone = Status(1 if f.kind == "CANCEL" else f.code, f.text, not_run=not call)
                if half := self.halves.get(key):
                    half.finish(gone)
                elif call:
                    self._answered(call, f, gone)
                elif task := self.serving.get(f.id):
                    asyncio.get_running_loop().call_soon(task.cancel)  # once it has begun

    def _gather(self, f, account, key, done):
        """Charges a message, and is done with it, as bytes or a Status, when all of it is here."""
        total = len(f.message) if f.total is None else f.total
        route = f.route if isinstance(f.route, str) else ""
        cost, its = 64 + len((route + f.text).encode() + f.block) + total, self.granted[account]
        its.spent += cost
        demand(its.spent <= its.total, "CREDIT_OVERDRAWN", "7.4")
        demand(key not in self.halves, "UNEXPECTED", "6.3")
        bad = None if total <= self.mine[2] and len(f.block) <= self.mine[10] else Status(
            8, "over our limit", not_run=True)  # 6.5, 14.1
        bad = bad or (Status(12, "compressed", not_run=True) if f.flags & COMPRESSED else None)

        def finish(data):
            self.halves.pop(key, None)
            its.back += cost
            done(bad or data)
            self._grant(account)
        self.halves[key] = SimpleNamespace(
            data=[f.message], got=len(f.message), total=total, bad=bad, finish=finish)
        finish(f.message) if total == len(f.message) else self._grant(account)

    def _grant(self, key):
        total = self.granted.raised(key)
        if total:
            self.send("CREDIT", key[1], key[0], total=total)

    def _pushed(self, f, data):
        self.taken += 1
        if self.on_push and not isinstance(data, Status):
            with contextlib.suppress(ValueError):  # a bad block costs the push (14.2)
                route = f.route if f.flags & NAMED else self.routes[f.route]
                self.on_push(route, data, from_block(f))

    def _answered(self, call, f, data):
        call.answered = True
        if f.kind == "REPLY" and f.flags & STATUS:
            data = Status(f.code, f.text, from_block(f), bool(f.flags & NOT_RUN))
        if not call.reply.done() and isinstance(data, Status):
            call.reply.set_exception(data)
        elif not call.reply.done():
            call.reply.set_result((data, call.metadata + from_block(f)))
        self._idle(call)

    async def _serve(self, f, payload):
        """Answers a call made to us: by REPLY, or by RESET if it was cancelled."""
        handler = self.handlers.get(f.route if f.flags & NAMED else self.routes[f.route])
        try:
            try:
                if isinstance(payload, Status):
                    raise payload
                if not handler or f.flags & (END | STREAM) != END:
                    raise Status(12, "not served here, or not unary", not_run=True)
                if f.milliseconds == 0:
                    raise Status(4, "no time left", not_run=True)  # 8.3
                try:
                    metadata = from_block(f)
                except ValueError as bad:
                    raise Status(3, str(bad), not_run=True)
                async with asyncio.timeout_at(f.due):
                    answer = await handler(payload, metadata)
                await self._pay(ANSWERS, "", b"", answer)
                await self._write("REPLY", f.id, 0, answer)
            except Exception as failed:
                s = failed if isinstance(failed, Status) else Status(
                    4 if isinstance(failed, TimeoutError) else 2, repr(failed))
                text, block = s.text.encode()[:1024].decode(errors="ignore"), to_block(s.metadata)
                await self._pay(ANSWERS, text, block, b"")
                self.send("REPLY", f.id, STATUS | BLOCK | (NOT_RUN if s.not_run else 0),
                          code=s.code, text=text, block=block)
        except asyncio.CancelledError:
            self.send("RESET", f.id, code=1, text="cancelled")
        except Status:
            pass  # the connection has ended
        self.serving.pop(f.id)
        self._wake()
