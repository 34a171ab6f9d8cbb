"""Checks a live server of stranger.v1.Stranger:  python3 against_server.py HOST:PORT

One line per check; exits 0 only if all passed. A failure says what was expected, by which rule of
docs/wire.md. Payloads come from a seed that is printed: PROTOCALL_SEED=n runs the same again."""
import asyncio
import contextlib
import hashlib
import json
import os
import pathlib
import random
import struct
import sys
import time

from protocall import *

SERVICE = "stranger.v1.Stranger/"
KIB, MIB = 1 << 10, 1 << 20
SIZES = [0, 1, 110, *(n * KIB + d for n in (16, 64) for d in (-1, 0, 1)), MIB, 4 * MIB]
SEED = int(os.environ.get("PROTOCALL_SEED", time.time_ns() % 1_000_000))
RANDOM = random.Random(SEED)
LARGE = {"frame limit": 64 * KIB, "message limit": 16 * MIB, "agent": "against_server.py"}
VECTORS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "wire-vectors.json"
CHECKS = []


class Failed(Exception):
    pass


def expect(good, expected, got=None):
    if not good:
        raise Failed(f"expected {expected}" + (f"; got {got}" if got is not None else ""))


def check(seconds=15):
    def add(function):
        CHECKS.append((function, seconds))
        return function
    return add


def brief(data):
    return f"{len(data)} bytes {data[:16].hex()}.." if len(data) > 16 else f"{data!r}"


async def same(conn, method, payload, expected, **options):
    got, _ = await conn.call(SERVICE + method, payload, **options)
    at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), len(got))
    expect(got == expected, f"{method} of {brief(payload)} to give {brief(expected)} (8.5, 6.1)",
           f"{brief(got)}, which differs from byte {at} on")


async def status(expected, rule, calling, not_run=None):
    """Awaits a call that must fail with that status code."""
    try:
        payload, _ = await calling
    except Status as failed:
        expect(failed.code == expected, f"status {expected} ({rule})", failed)
        if not_run is not None:
            expect(failed.not_run == not_run, f"not run: {not_run} ({rule})", failed)
        return failed
    raise Failed(f"expected status {expected} ({rule}); got success, {brief(payload)}")


async def soon(ready, seconds, expected):
    until = time.monotonic() + seconds
    while not ready():
        expect(time.monotonic() < until, f"within {seconds} s {expected}")
        await asyncio.sleep(0.01)


class Server:
    """Where it is, and a connection for the checks, made anew if a check has lost it."""
    def __init__(self, host, port):
        self.host, self.port, self.conn, self.posted, self.pushed = host, port, None, [], 0

    async def dial(self, **options):
        return await Connection.dial(self.host, self.port, **options)

    async def main(self):
        if not self.conn or self.conn.ended or self.conn.leaving:
            self.posted, self.pushed = [], 0
            self.conn = await self.dial(
                settings=LARGE, handler=self.ask,
                on_push=lambda route, payload, _: self.posted.append((route, payload)))
        return self.conn

    async def ask(self, route, payload, metadata):
        if route != "stranger.v1.StrangerEvents/Ask":
            raise Status(12, "no such route here")
        await asyncio.sleep(RANDOM.random() / 100)
        return b"asked:" + payload[::-1]

    async def push(self, method, payload, lane):
        await self.conn.push(method, payload, lane=lane)
        self.pushed += 1


@check()
async def hello(server):
    "HELLO: the server takes the sizes that these checks send"
    conn = await server.main()
    expect(conn.peer["message limit"] >= 4 * MIB, "a message limit of 4 MiB at least", conn.peer)
    expect(2 <= conn.peer["lanes"], "two lanes or more", conn.peer)


@check(20)
async def sizes(server):
    "Echo and Reverse of payloads of all sizes"
    conn = await server.main()
    for size in SIZES:
        payload = RANDOM.randbytes(size)
        await same(conn, "Echo", payload, payload)
        await same(conn, "Reverse", payload, payload[::-1])


@check()
async def initial_settings(server):
    "400 calls with the initial settings: credit comes back, both ways (7.5)"
    conn = await server.dial()
    for _ in range(20):
        payloads = [RANDOM.randbytes(RANDOM.choice((0, 1, 110, 4000, 15000))) for _ in range(20)]
        await asyncio.gather(*(same(conn, "Echo", one, one) for one in payloads))
    await same(conn, "Reverse", bytes(64 * KIB), bytes(64 * KIB))
    await same(conn, "Echo", b"still here", b"still here")
    for _ in range(1000):  # until its credit is raised, with blocks in the costs
        await same(conn, "Echo", bytes(1000), bytes(1000), metadata=[("k", bytes(1000))])
        if conn.credit[(), 0]:
            break
    await conn.close()
    over = conn.credit[(), 0] - conn.peer["calls credit"] - conn.spent[(), 0]
    if over > 0:
        return (f"to look at: the server's total of calls is {over} over what it has taken. "
                "7.5 allows that; or it counts costs otherwise (7.1)")


@check()
async def many(server):
    "1,000 calls, 50 in flight"
    conn = await server.main()
    gate = asyncio.Semaphore(min(50, conn.peer["in-flight limit"]))

    async def one(n):
        async with gate:
            payload = struct.pack(">I", n) + RANDOM.randbytes(int(RANDOM.expovariate(1 / 2000)))
            await same(conn, *(("Echo", payload, payload) if n % 2 else
                               ("Reverse", payload, payload[::-1])))
    await asyncio.gather(*map(one, range(1000)))
    expect(not conn.calls, "every call number idle again (8.2)", sorted(conn.calls))


@check()
async def any_order(server):
    "a quick call overtakes a slow one; more calls than the in-flight limit wait their turn"
    conn, order = await server.main(), []

    async def slow(ms):
        await conn.call(SERVICE + "Slow", str(ms).encode())
        order.append(ms)
    await asyncio.gather(slow(500), slow(250), slow(5))
    expect(order == [5, 250, 500], "replies after 5, 250, 500 ms in this order (8.1)", order)
    count = min(conn.peer["in-flight limit"] + 20, 500)
    await asyncio.gather(*(same(conn, "Echo", bytes([n % 256]), bytes([n % 256]))
                           for n in range(count)))


@check()
async def fail(server):
    "Fail: status 1234, its text, and metadata in the reply's block"
    conn = await server.main()
    for text in ("", "no such thing", "n\u00e4mlich \u2713", "x" * 1000):
        got = await status(1234, "8.5, 8.6", conn.call(SERVICE + "Fail", text.encode()), False)
        expect(got.text == text, f"the request {text!r} as the status text (8.5)", repr(got.text))
        expect(got.metadata == [("k", b"\x00\xff")], "metadata k = 00 ff in the block of the REPLY "
               "with STATUS (14.1, item 1)", got.metadata)


@check()
async def metadata(server):
    "metadata in a CALL's block: legal keys pass, others cost the call"
    conn = await server.main()
    legal = [("a", b""), ("a", bytes(range(256))), ("z-9_.", b"x" * 1000), ("k" * 255, b"")]
    await same(conn, "Echo", b"m", b"m", metadata=legal)
    for key in ("", "K", "sp ace", "k" * 256):
        await status(3, f"14.2: key {key[:9]!r} breaks item 1", conn.call(
            SERVICE + "Echo", b"", metadata=[(key, b"")]), True)
    await status(8, "14.1: a block over the metadata limit", over(conn, "metadata limit", conn.call(
        SERVICE + "Echo", b"", metadata=[("k", bytes(conn.peer["metadata limit"]))])), True) \
        if conn.peer["metadata limit"] < conn.peer["frame limit"] - 1100 else None


OPENING = encode("HELLO", magic=0x7043616C, version=1, zero=0, settings=b"")


async def raw(server, data, enough):
    """What a connection gets for those bytes: all frames up to the first that is enough, or to the
    end of the stream, or of 3 s."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    frames = []
    try:
        writer.write(data)
        async with asyncio.timeout(3):
            while not frames or not enough(frames[-1]):
                length = int.from_bytes(await reader.readexactly(4), "big")
                frames.append(decode(await reader.readexactly(length)))
    except (EOFError, OSError, TimeoutError):
        pass
    writer.close()
    return frames


async def over(conn, setting, calling):
    """A call for which we forget a limit of the server."""
    kept, conn.peer[setting] = conn.peer[setting], 1 << 31
    try:
        return await calling
    finally:
        conn.peer[setting] = kept


@check(20)
async def over_limit(server):
    "a message over the message limit costs the call, not the connection"
    conn = await server.main()
    if conn.peer["message limit"] > 64 * MIB:
        return "skipped: the server's message limit is over 64 MiB"
    payload = bytes(conn.peer["message limit"] + 1)
    await status(8, "6.5", over(conn, "message limit", conn.call(SERVICE + "Echo", payload)))
    await same(conn, "Echo", b"still here", b"still here")


@check()
async def deadlines(server):
    "deadlines that pass, here and there"
    conn = await server.main()
    await conn.call(SERVICE + "Slow", b"20", deadline=5)
    for left, least, rule in ((300, 0.25, "8.3: once the deadline is over"), (
            0, 0, "8.3: with 0 ms left it is not dispatched")):
        start = time.monotonic()
        frames = await raw(server, OPENING + encode(
            "CALL", 1, ["NAMED", "END", "DEADLINE"], route=SERVICE + "Slow", milliseconds=left,
            message=b"8000"), lambda f: f.kind == "REPLY")
        took, last = time.monotonic() - start, frames[-1]
        expect(last.kind == "REPLY" and "STATUS" in last.flags and last.code == 4,
               f"the callee's own REPLY 4 ({rule})", last)
        expect(left or "NOT_RUN" in last.flags, f"not run ({rule})", last)
        expect(least <= took < 2, f"it after the {left} ms", f"{took:.3f} s")
    await asyncio.gather(*(status(4, "8.8, here", conn.call(
        SERVICE + "Slow", b"8000", deadline=0.1)) for _ in range(20)))
    await soon(lambda: not conn.calls, 3, "a terminal frame for each call that was CANCELled, "
               "EXPIRED, at its deadline (8.4, 8.8)")
    await same(conn, "Echo", b"still here", b"still here")


@check()
async def cancels(server):
    "cancelled calls: before, after and amidst their message"
    conn = await server.main()
    calls = [asyncio.create_task(conn.call(SERVICE + "Slow", b"8000")) for _ in range(30)]
    await asyncio.sleep(0.1)
    for task in calls:
        task.cancel()
    late = asyncio.create_task(conn.call(SERVICE + "Slow", b"8000"))
    await asyncio.sleep(0)
    late.cancel()
    for task in [late, *calls]:
        with contextlib.suppress(asyncio.CancelledError, Status):
            await task
    await soon(lambda: not conn.calls, 3, "a terminal frame for each CANCELled call (8.4, 8.8)")
    await same(conn, "Echo", b"still here", b"still here")
    begun = encode("CALL", 1, ["NAMED", "END", "FRAGMENTED"], route=SERVICE + "Echo",
                   total=50000, message=b"a") + encode("FRAGMENT", 1, bytes=bytes(9000))
    frames = await raw(server, OPENING + begun + encode("CANCEL", 1),
                       lambda f: f.kind in ("REPLY", "RESET"))
    expect(frames[-1].kind in ("REPLY", "RESET") and frames[-1].code, "a terminal frame with a "
           "status: a message cut off by CANCEL is void (8.8)", frames[-1])


@check(20)
async def large_beside_small(server):
    "small calls and PINGs beside a large message are all answered right"
    conn, before, slowest = await server.main(), 0, 0.0
    payload = RANDOM.randbytes(4 * MIB)
    large = [asyncio.create_task(same(conn, "Echo", payload, payload)) for _ in range(3)]
    await asyncio.sleep(0)
    while not all(task.done() for task in large):
        start = time.monotonic()
        await same(conn, "Reverse", b"small", b"llams")
        await conn.flush()
        slowest = max(slowest, time.monotonic() - start)
        before += not all(task.done() for task in large)
    await asyncio.gather(*large)
    # How many pass is a matter of the machine; that all are answered right is what is checked.
    return f"{before} before, the slowest {slowest * 1000:.0f} ms"


def token(lane, number, payload):
    return struct.pack(">BII", lane, number, len(payload)) + payload


@check(20)
async def notes(server):
    "pushes in order within each lane; PING after them is answered with their number"
    conn = await server.main()
    before, _ = await conn.call(SERVICE + "Notes")
    lanes = min(4, conn.peer["lanes"])
    sent = {lane: [token(lane, n, RANDOM.randbytes(RANDOM.choice((0, 1, 110, 3000, 20000))))
                   for n in range(40)] for lane in range(lanes)}
    sent[0].append(token(0, 40, RANDOM.randbytes(300 * KIB)))  # more than lane credit, perhaps: 7.8

    async def one(lane):
        for note in sent[lane]:
            await server.push(SERVICE + "Note", note, lane)
    await asyncio.gather(*map(one, sent))
    taken = await conn.flush()
    expect(taken == server.pushed, f"a PONG that says {server.pushed} pushes taken: the PING came "
           "after the last one's last byte (10.4, 10.5)", taken)
    whole = sum(map(len, sum(sent.values(), [])))
    until = time.monotonic() + 5  # taken is queued for the handler, not yet run: 10.4
    while True:
        after, _ = await conn.call(SERVICE + "Notes")
        if len(after) >= len(before) + whole or time.monotonic() > until:
            break
        await asyncio.sleep(0.02)
    expect(after.startswith(before), "all notes of before first")
    got, rest = {lane: [] for lane in sent}, after[len(before):]
    expect(len(rest) == whole, f"{whole} bytes of notes (10.2: each push is run once)", len(rest))
    while rest:
        lane, number, size = struct.unpack_from(">BII", rest)
        expect(lane in got and 9 + size <= len(rest), "notes whole, one by one", rest[:9].hex())
        got[lane].append(rest[:9 + size])
        rest = rest[9 + size:]
    for lane in sent:
        numbers = [struct.unpack_from(">BI", note)[1] for note in got[lane]]
        expect(got[lane] == sent[lane], f"lane {lane}'s notes in the order sent (10.2)", numbers)


@check()
async def unknown(server):
    "unknown routes: a call UNIMPLEMENTED and not run, a push dropped and counted"
    conn = await server.main()
    for route in (SERVICE + "Nothing", "no.such.Service/Method", "?", "x" * 1024):
        await status(12, f"12.1: no such route {route[:30]}", conn.call(route, b"hello"), True)
        await server.push(route, b"hello", 0)
    await status(12, "12.1: no such route, and a large message", conn.call(
        SERVICE + "Nothing", RANDOM.randbytes(MIB)), True)
    taken = await conn.flush()
    expect(taken == server.pushed,
           f"{server.pushed} pushes taken, the dropped ones too (10.1, 10.4)", taken)


@check()
async def push_back(server):
    "PushBack: N pushes to us, then the digest of their payloads"
    posted = []
    conn = await server.dial(on_push=lambda route, payload, _: posted.append((route, payload)))
    for count in (0, 1, 10, 300, 3000):  # in all far more than the credit of its lanes
        posted.clear()
        digest, _ = await conn.call(SERVICE + "PushBack", str(count).encode())
        await soon(lambda: len(posted) >= count, 5, f"{count} pushes here (7.5, 7.8)")
        routes = {route for route, _ in posted}
        expect(routes <= {"stranger.v1.StrangerEvents/Posted"}, "pushes of .../Posted only", routes)
        expect(len(posted) == count, f"{count} pushes", len(posted))
        here = hashlib.sha256(b"".join(payload for _, payload in posted)).digest()
        expect(here == digest, f"the SHA-256 of the {count} pushes in order (10.2) to be "
               f"{here.hex()}", digest.hex())
    await conn.close()


@check()
async def call_back(server):
    "CallBack: the server calls us, and replies with our answer"
    conn = await server.main()
    payloads = [RANDOM.randbytes(size) for size in (0, 1, 110, 16 * KIB, 70000, MIB)]
    payloads += [RANDOM.randbytes(100) for _ in range(40)]
    await asyncio.gather(*(same(conn, "CallBack", one, b"asked:" + one[::-1]) for one in payloads))
    expect(not conn.serving, "no call of the server's open here", sorted(conn.serving))
    refusing = await server.dial()
    with contextlib.suppress(Status):
        payload, _ = await refusing.call(SERVICE + "CallBack", b"?")
        raise Failed(f"expected a status, as our end says UNIMPLEMENTED; got {brief(payload)}")
    await same(refusing, "Echo", b"still here", b"still here")
    await refusing.close()


@check(20)
async def at_once(server):
    "calls, pushes and call-backs, both ways at once"
    conn, server.posted[:] = await server.main(), []

    async def echoes():
        for _ in range(30):
            payload = RANDOM.randbytes(RANDOM.choice(SIZES[:9]))
            await same(conn, "Echo", payload, payload)

    async def asks():
        for _ in range(30):
            payload = RANDOM.randbytes(RANDOM.choice(SIZES[:6]))
            await same(conn, "CallBack", payload, b"asked:" + payload[::-1])

    async def pushes(lane):
        for _ in range(60):
            payload = RANDOM.randbytes(RANDOM.choice(SIZES[:9]))
            await server.push("no.such.Service/Note", payload, lane)
    await asyncio.gather(echoes(), echoes(), asks(), asks(), pushes(0), pushes(1),
                         conn.call(SERVICE + "PushBack", b"50"))
    taken = await conn.flush()
    expect(taken == server.pushed, f"{server.pushed} pushes taken (10.5)", taken)


@check(25)
async def errors(server):
    "broken frames: HELLO, then GOAWAY FINAL with the code (12.1, 12.2)"
    opening, bound = OPENING, OPENING + encode("BIND", route_number=0, text="a/B")
    call = encode("CALL", 1, ["NAMED", "END"], route=SERVICE + "Slow", message=b"2000")
    cases = [("a second HELLO", "4.1", "UNEXPECTED", opening + opening),
             ("a first frame that is not HELLO", "4.1", "BAD_HELLO", encode("PING", number=1)),
             ("a REPLY to no call", "8.10", "UNEXPECTED", opening + encode(
                 "REPLY", 1 << 31 | 1, message=b"")),
             ("a CALL with the acceptor's bit", "2.6", "UNEXPECTED", opening + encode(
                 "CALL", 1 << 31 | 1, ["NAMED", "END"], route="a", message=b"")),
             ("a number that is not idle", "8.2", "UNEXPECTED", opening + call + call),
             ("a CALL on a number not bound", "5.3", "UNEXPECTED", opening + encode(
                 "CALL", 1, ["END"], route=0, message=b"")),
             ("a BIND out of order", "5.2", "UNEXPECTED", opening + encode(
                 "BIND", route_number=1, text="a")),
             ("a FRAGMENT of nothing", "6.2", "UNEXPECTED", opening + encode(
                 "FRAGMENT", 1, bytes=b"a")),
             ("pieces beyond the total", "6.2", "MALFORMED", opening + encode(
                 "CALL", 1, ["NAMED", "END", "FRAGMENTED"], route="a", total=2, message=b"")
              + encode("FRAGMENT", 1, bytes=b"abc")),
             ("READY not announced", "4.4", "UNEXPECTED", opening + encode("READY")),
             ("a lane that is none", "10.1", "LIMIT_EXCEEDED", opening + encode(
                 "PUSH", 1 << 30, ["NAMED"], route="a", message=b""))]
    for vector in json.loads(VECTORS.read_text()) if VECTORS.exists() else []:
        data = bytes.fromhex(vector["hex"])
        if "error" in vector and vector["from"] == "dialler" and "receiver" not in vector \
                and int.from_bytes(data[:4], "big") + 4 <= len(data):  # whatever its frame limit is
            opens = data[4:5] == b"\1" and vector["name"] != "hello_with_checksum"
            cases.append((f"vector {vector['name']}", vector["rule"], vector["error"],
                          data if opens else bound + data if data[4:5] in b"\x10\x20" else
                          opening + data))
    wrong, gate = [], asyncio.Semaphore(8)

    async def one(name, rule, code, data):
        async with gate:
            frames = await raw(server, data, lambda f: f.kind == "GOAWAY" and "FINAL" in f.flags)
        last = frames[-1] if frames else None
        got = "no frame" if not last else f"{last.kind} and then the end or 3 s of nothing"
        if last and last.kind == "GOAWAY":
            got = f"GOAWAY {ERRORS[min(last.code, 15)]} {last.text!r}"
        if not got.startswith(f"GOAWAY {code} "):
            wrong.append(f"{name}: GOAWAY FINAL {code} expected ({rule}), got {got}")
        elif frames[0].kind != "HELLO":
            wrong.append(f"{name}: HELLO goes first (12.1), got {frames[0].kind}")
    await asyncio.gather(*(one(*case) for case in cases))
    expect(not wrong, f"{len(cases)} refusals, each with its code",
           "\n       ".join(["", *sorted(wrong)]))
    return f"{len(cases)} refusals"


@check()
async def minimal(server):
    "the minimal client of section 15: HELLO and CALL in one write, no settings"
    kinds = {}
    frames = await raw(server, OPENING + encode(
        "CALL", 1, ["NAMED", "END"], route=SERVICE + "Reverse", message=b"abc") + encode(
            "PING", number=5) + b"\0\0\0\x06\xff\xff\0\0\0\0",
        lambda f: kinds.update({f.kind: f}) or {"HELLO", "REPLY", "PONG"} <= set(kinds))
    expect(frames and frames[0].kind == "HELLO", "HELLO first (1.4)", frames)
    expect({"REPLY", "PONG"} <= set(kinds), "REPLY and PONG; the unknown ignorable kind ff skipped "
           "(2.2)", set(kinds))
    expect(kinds["REPLY"].message == b"cba", "REPLY cba (8.5)", kinds["REPLY"])
    expect(kinds["PONG"].number == 5, "PONG 5 (11.1)", kinds["PONG"])


@check()
async def drain(server):
    "we drain: a call under way is still answered, and the stream ends (11.4)"
    conn = await server.dial(settings=LARGE)
    slow = asyncio.create_task(conn.call(SERVICE + "Slow", b"300"))
    await conn.flush()
    await conn.close()
    await slow
    conn = await server.main()
    await same(conn, "Echo", b"the other connection", b"the other connection")
    await conn.close()


async def run(host, port):
    server, failed, start = Server(host, port), 0, time.monotonic()
    print(f"seed {SEED}")
    for function, seconds in CHECKS:
        begin, verdict = time.monotonic(), "ok    "
        try:
            async with asyncio.timeout(min(seconds, max(1, start + 58 - begin))):
                said = await function(server)
        except (TimeoutError, Failed, Status, WireError, OSError, EOFError, ValueError) as why:
            verdict, failed = "FAILED", failed + 1
            said = str(why) if isinstance(why, Failed) else f"{type(why).__name__} {why}"
            if isinstance(why, TimeoutError):
                said = f"no end within {seconds} s (60 s in all)"
            if server.conn and server.conn.ended:
                said += f"\n       and the connection ended: {server.conn.ended}"
            if server.conn:
                server.conn._end("a check failed")  # a new one for the next
        took = f"[{time.monotonic() - begin:.1f} s]"
        print(f"{verdict} {function.__name__}: {function.__doc__} {took}", flush=True)
        print(end=f"       {said}\n" if said else "", flush=True)
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} passed in {time.monotonic() - start:.1f} s")
    return failed


if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    sys.exit(1 if asyncio.run(run(host.strip("[]"), int(port))) else 0)
