"""Checks a live server of stranger.v1.Stranger:  python3 against_server.py HOST:PORT [CHECK...]

One line per check; exits 0 only if all passed. A failure says what was expected, by which rule of
docs/wire.md. Payloads come from a seed that is printed: PROTOCALL_SEED=n runs the same again. No
check is about speed: what takes five minutes hangs, and says where."""
import collections
import contextlib
import faulthandler
import hashlib
import json
import os
import random
import socket
import struct
import sys
import time

from protocall import *

SERVICE = "stranger.v1.Stranger/"
KIB, MIB = 1 << 10, 1 << 20
SIZES = [0, 1, 110, *(n * KIB + d for n in (16, 64) for d in (-1, 0, 1)), MIB, 4 * MIB]
SEED = int(os.environ.get("PROTOCALL_SEED", time.time_ns() % 1_000_000))
RANDOM = random.Random(SEED)
CHECKS = []


class Failed(Exception):
    pass


class Status(Exception):
    """How a call failed: its REPLY or RESET."""


def expect(good, expected, got=None):
    if not good:
        raise Failed(f"expected {expected}" + (f"; got {got}" if got is not None else ""))


def check(function):
    CHECKS.append(function)
    return function


def brief(data):
    return f"{len(data)} bytes {data[:16].hex()}.." if len(data) > 16 else f"{data!r}"


class Checked(Connection):
    """The client, and what the checks need beside: what it saw, PING, a drain, calls served by
    handler(route, payload), and FRAGMENTs that can be held back, the last of each message."""
    def __init__(self, host, port, handler=None, **options):
        self.handler, self.asked, self.asking, self.held = handler, [], {}, None
        self.posted, self.seen, self.pings, self.pushed = [], [], 0, 0
        self.pong, self.goaway = {"number": 0}, None
        options.setdefault("ours", OURS | {"agent": ["against_server.py"]})
        super().__init__(host, port, on_push=lambda *push: self.posted.append(push), **options)

    def send(self, kind, id=0, flags=(), **fields):
        if kind == "FRAGMENT" and self.held is not None:
            earlier, self.held[id] = self.held.get(id), fields
            if earlier is None:
                return
            fields = earlier
        super().send(kind, id, flags, **fields)

    def release(self):
        held, self.held = self.held, None
        for id, fields in held.items():
            self.send("FRAGMENT", id, **fields)

    def receive(self, f):
        kind, id = f["kind"], f.get("id")
        self.seen.append((kind, id))
        if kind == "PONG":
            self.pong = f
        elif kind == "GOAWAY":
            self.goaway = f
        elif kind == "CALL" and self.handler:
            self.asking[id] = f
            self.gather(id)
        elif kind == "FRAGMENT" and id in self.asking:
            self.asking[id]["message"] += f["bytes"]
            self.gather(id)
        else:
            super().receive(f)

    def gather(self, id):
        f = self.asking[id]
        if len(f["message"]) >= f.get("total", 0):
            self.asked.append(self.asking.pop(id))

    def wait(self, ready):
        while not ready():
            super().wait(lambda: ready() or self.asked)
            if self.asked:
                f = self.asked.pop(0)
                answer = self.handler(self.routes.get(f["route"], f["route"]), f["message"])
                self.message("REPLY", f["id"], [], "replies credit", ["REPLIES"], "", answer, {})

    def answer(self, call):
        self.wait(lambda: call)
        if call["kind"] == "RESET" or "STATUS" in call["flags"]:
            raise Status(call)
        return call

    def push(self, method, payload, lane=0):
        super().push(method, payload, lane=lane)
        self.pushed += 1

    def flush(self):  # 10.5
        self.pings += 1
        self.send("PING", number=self.pings)
        self.wait(lambda: self.pong["number"] >= self.pings)
        return self.pong["pushes taken"]

    def close(self):  # 11.4
        self.send("GOAWAY", 0, ["FINAL"], code=0, text="closed here",
                  **{"calls taken": 0, "pushes taken": self.taken})
        self.wait(lambda: not self.calls and not self.asking)
        self.socket.close()

    def number(self, call):
        return next(id for id, one in self.calls.items() if one is call)


def right(conn, call, payload, expected):
    got = conn.answer(call)["message"]
    at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), len(got))
    expect(got == expected, f"the answer to {brief(payload)} to be {brief(expected)} (8.5, 6.1)",
           f"{brief(got)}, which differs from byte {at} on")


def same(conn, method, payload, expected, items={}):
    right(conn, conn.call(SERVICE + method, payload, items), payload, expected)


def status(conn, expected, rule, call, not_run=None):
    """What a call says that must fail with that status code."""
    try:
        payload = conn.answer(call)["message"]
    except Status as failed:
        f = failed.args[0]
        expect(f["code"] == expected, f"status {expected} ({rule})", f)
        if not_run is not None:
            expect(("NOT_RUN" in f["flags"]) == not_run, f"not run: {not_run} ({rule})", f)
        return f
    raise Failed(f"expected status {expected} ({rule}); got success, {brief(payload)}")


class Server:
    """Where it is, and the connections of the check that runs."""
    def __init__(self, host, port):
        self.host, self.port, self.conns = host, port, []

    def dial(self, **options):
        self.conns.append(Checked(self.host, self.port, **options))
        return self.conns[-1]

    def main(self):
        return self.dial(handler=self.ask)

    def last_words(self):
        """Why it ended a connection, if it did."""
        for conn in self.conns:
            with contextlib.suppress(OSError, EOFError, WireError):
                conn.socket.settimeout(1)
                conn.wait(lambda: conn.goaway)
            if conn.goaway:
                yield f"\n       and a connection ended: {conn.goaway}"

    def ask(self, route, payload):
        expect(route == "stranger.v1.StrangerEvents/Ask", "calls of .../Ask only", route)
        return b"asked:" + payload[::-1]


@check
def hello(server):
    "HELLO: the server takes the sizes that these checks send"
    conn = server.main()
    expect(conn.peer["message limit"] >= 4 * MIB, "a message limit of 4 MiB at least", conn.peer)
    expect(2 <= conn.peer["lanes"], "two lanes or more", conn.peer)


@check
def sizes(server):
    "Echo and Reverse of payloads of all sizes"
    conn = server.main()
    for size in SIZES:
        payload = RANDOM.randbytes(size)
        same(conn, "Echo", payload, payload)
        same(conn, "Reverse", payload, payload[::-1])


@check
def initial_settings(server):
    "calls with the initial settings, no credit ever given: all that it pays for is answered (7.4)"
    conn = server.dial(ours={})
    for _ in range(40):
        payload = RANDOM.randbytes(RANDOM.choice((0, 1, 110, 3000)))
        same(conn, "Echo", payload, payload)
    conn.flush()
    conn.close()
    conn = server.dial(ours={})  # one more than is paid for waits: BLOCKED, then it follows the credit
    calls = [conn.call(SERVICE + "Echo", bytes(50000)) for _ in range(3)]
    conn.wait(lambda: ("BLOCKED", 0) in conn.seen and sum(map(bool, calls)) >= 2)
    conn.flush()
    expect(not all(calls), "two replies of 50,000 bytes within 131,072, not three (7.4)", calls)
    conn.send("CREDIT", 0, ["REPLIES"], total=200000)
    for call in calls:
        right(conn, call, bytes(50000), bytes(50000))
    conn.close()


@check
def credit(server):
    "calls far beyond the credit for them: it comes back (7.5)"
    conn = server.dial()
    for _ in range(50):  # with blocks in the costs
        same(conn, "Echo", bytes(1000), bytes(1000), {"metadata": ["k", bytes(1000)]})
    while conn.spent[0,] < conn.peer["calls credit"] + MIB:
        calls = [conn.call(SERVICE + "Echo", bytes(MIB)) for _ in range(4)]
        for call in calls:
            right(conn, call, bytes(MIB), bytes(MIB))
    conn.close()
    over = conn.credit[0,] - conn.peer["calls credit"] - conn.spent[0,]
    if over > 0:
        return (f"to look at: the server's total of calls is {over} over what it has taken. "
                "7.5 allows that; or it counts costs otherwise (7.1)")


@check
def many(server):
    "1,000 calls, 50 in flight"
    conn, under_way = server.main(), collections.deque()
    for n in range(1000):
        if len(under_way) == 50:
            right(conn, *under_way.popleft())
        payload = struct.pack(">I", n) + RANDOM.randbytes(int(RANDOM.expovariate(1 / 2000)))
        method, expected = (("Echo", payload), ("Reverse", payload[::-1]))[n % 2]
        under_way.append((conn.call(SERVICE + method, payload), payload, expected))
    for one in under_way:
        right(conn, *one)
    expect(not conn.calls, "every call number idle again (8.2)", sorted(conn.calls))


@check
def any_order(server):
    "a quick call overtakes slow ones; more calls than the in-flight limit wait their turn"
    conn = server.main()
    slow = [conn.call(SERVICE + "Slow", b"60000") for _ in range(2)]
    same(conn, "Slow", b"5", b"5")
    expect(not any(slow), "no answer yet to the calls of 60 s", slow)
    for call in slow:
        conn.send("CANCEL", conn.number(call))
    count = min(conn.peer["in-flight limit"] + 20, 500)
    for call in [conn.call(SERVICE + "Echo", b"x") for _ in range(count)]:
        right(conn, call, b"x", b"x")


@check
def fail(server):
    "Fail: status 1234, its text, and metadata in the reply's block"
    conn = server.main()
    for text in ("", "no such thing", "n\u00e4mlich \u2713", "x" * 1000):
        got = status(conn, 1234, "8.5, 8.6", conn.call(SERVICE + "Fail", text.encode()), False)
        expect(got["text"] == text, f"the request {text!r} as the status text (8.5)", got)
        expect(got["items"].get("metadata") == ["k", b"\x00\xff"],
               "metadata k = 00 ff in the block of the REPLY with STATUS (14.1, item 1)", got)


@check
def metadata(server):
    "metadata in a CALL's block: legal keys pass, others cost the call"
    conn = server.main()
    legal = ["a", b"", "a", bytes(range(256)), "z-9_.", b"x" * 1000, "k" * 255, b""]
    same(conn, "Echo", b"m", b"m", {"metadata": legal})
    for key in ("", "K", "sp ace", "k" * 256):
        status(conn, 3, f"14.2: key {key[:9]!r} breaks item 1", conn.call(
            SERVICE + "Echo", b"", {"metadata": [key, b""]}), True)
    if conn.peer["metadata limit"] < conn.peer["frame limit"] - 1100:
        value = bytes(conn.peer["metadata limit"])
        status(conn, 8, "14.1: a block over the metadata limit", conn.call(
            SERVICE + "Echo", b"", {"metadata": ["k", value]}), True)


@check
def over_limit(server):
    "a message over the message limit costs the call, not the connection"
    conn = server.main()
    if conn.peer["message limit"] > 64 * MIB:
        return "skipped: the server's message limit is over 64 MiB"
    status(conn, 8, "6.5", conn.call(SERVICE + "Echo", bytes(conn.peer["message limit"] + 1)))
    same(conn, "Echo", b"still here", b"still here")


OPENING = encode("HELLO", magic=MAGIC, version=1, zero=0, settings=b"")


def raw(server, data, enough):
    """What a connection gets for those bytes: all frames up to the first that is enough, or to the
    end of the stream, or of two minutes."""
    frames = []
    with socket.create_connection((server.host, server.port), timeout=120) as one:
        try:
            one.sendall(data)
            stream = one.makefile("rb")
            while not frames or not enough(frames[-1]):
                frames.append(decode(stream, OURS["frame limit"][0]))
        except (EOFError, OSError):
            pass
    return frames


@check
def deadlines(server):
    "deadlines that pass, here and there"
    conn = server.main()
    for left, rule in ((300, "8.3: once the deadline is over"),
                       (0, "8.3: with 0 ms left it is not dispatched")):
        start = time.monotonic()
        frames = raw(server, OPENING + encode(
            "CALL", 1, ["NAMED", "END", "DEADLINE"], route=SERVICE + "Slow", milliseconds=left,
            message=b"60000"), lambda f: f["kind"] == "REPLY")
        took, last = time.monotonic() - start, frames[-1]
        expect(last["kind"] == "REPLY" and "STATUS" in last["flags"] and last["code"] == 4,
               f"the callee's own REPLY 4 ({rule})", last)
        expect(left or "NOT_RUN" in last["flags"], f"not run ({rule})", last)
        expect(took >= left / 1000 * 0.8, f"it not before the {left} ms", f"{took:.3f} s")
    late = [conn.call(SERVICE + "Slow", b"600000") for _ in range(20)]
    for call in late:
        conn.send("CANCEL", conn.number(call), ["EXPIRED"])
    conn.wait(lambda: all(late))  # a terminal frame for each: 8.4, 8.8
    same(conn, "Echo", b"still here", b"still here")


@check
def cancels(server):
    "cancelled calls: while they run, at once, twice and amidst their message"
    conn = server.main()
    calls = [conn.call(SERVICE + "Slow", b"600000") for _ in range(30)]
    conn.flush()
    calls.append(conn.call(SERVICE + "Slow", b"600000"))
    for call in calls:
        conn.send("CANCEL", conn.number(call))
        conn.send("CANCEL", conn.number(call))
    conn.wait(lambda: all(calls))  # a terminal frame for each: 8.4, 8.8
    same(conn, "Echo", b"still here", b"still here")
    begun = encode("CALL", 1, ["NAMED", "END", "FRAGMENTED"], route=SERVICE + "Echo",
                   total=50000, message=b"a") + encode("FRAGMENT", 1, bytes=bytes(9000))
    frames = raw(server, OPENING + begun + encode("CANCEL", 1),
                 lambda f: f["kind"] in ("REPLY", "RESET"))
    expect(frames[-1]["kind"] in ("REPLY", "RESET") and frames[-1].get("code"), "a terminal frame "
           "with a status: a message cut off by CANCEL is void (8.8)", frames[-1])


@check
def large_beside_small(server):
    "small calls, pushes and PINGs pass large messages, going and coming"
    conn = server.dial()
    count = min(3, (conn.peer["calls credit"] - 64 * KIB) // (4 * MIB + 200))
    expect(count >= 1, "calls credit for a large message and small ones", conn.peer)
    payload, mark = RANDOM.randbytes(4 * MIB), RANDOM.randbytes(64)
    # Going: of each large CALL the last fragment is held back, so none can be answered.
    conn.held = {}
    large = [conn.call(SERVICE + "Echo", payload) for _ in range(count)]
    for _ in range(20):
        same(conn, "Reverse", b"small", b"llams")
        conn.flush()
    expect(not any(large), "no answer to a CALL whose message is not whole (8.1)")
    conn.release()
    # Coming: we read nothing until the server has the whole of them, the small CALL behind them and
    # the PUSH behind that, which we see by another connection. What the transport has taken of the
    # large REPLYs by then is less than half: the rest is behind the small one, or beside it.
    small = conn.call(SERVICE + "Reverse", b"small")
    conn.push(SERVICE + "Note", mark)
    conn.send("PING", number=1000)
    other = server.dial()
    while mark not in other.answer(other.call(SERVICE + "Notes"))["message"]:
        time.sleep(0.01)
    for _ in range(50):
        same(other, "Reverse", b"small", b"llams")
    conn.seen.clear()
    numbers = {conn.number(call): call for call in large}
    conn.wait(lambda: all(large) and small and conn.pong["number"] == 1000)
    for call in large:
        right(conn, call, payload, payload)
    right(conn, small, b"small", b"llams")
    last = max(at for at, (_, id) in enumerate(conn.seen) if id in numbers)
    before = {kind: at for at, (kind, id) in enumerate(conn.seen[:last])
              if kind == "PONG" or kind == "REPLY" and id not in numbers}
    conn.close()
    other.close()
    expect({*before} == {"REPLY", "PONG"}, "the REPLY of a small call and a PONG before the last "
           f"frame of {count} REPLYs of 4 MiB (6.1: other frames may come between)", before)
    return f"of {last + 1} frames of {count} x 4 MiB, before the last: {before}"


def token(lane, number, payload):
    return struct.pack(">BII", lane, number, len(payload)) + payload


@check
def notes(server):
    "pushes in order within each lane; PING after them is answered with their number"
    conn = server.main()
    before = conn.answer(conn.call(SERVICE + "Notes"))["message"]
    lanes = min(4, conn.peer["lanes"])
    sent = {lane: [token(lane, n, RANDOM.randbytes(RANDOM.choice((0, 1, 110, 3000, 20000))))
                   for n in range(40)] for lane in range(lanes)}
    sent[0].append(token(0, 40, RANDOM.randbytes(300 * KIB)))  # more than lane credit, perhaps: 7.8
    for at in range(41):
        for lane in sent:
            if at < len(sent[lane]):
                conn.push(SERVICE + "Note", sent[lane][at], lane)
    taken = conn.flush()
    expect(taken == conn.pushed, f"a PONG that says {conn.pushed} pushes taken: the PING came "
           "after the last one's last byte (10.4, 10.5)", taken)
    whole = sum(map(len, sum(sent.values(), [])))
    while True:  # taken is queued for the handler, not yet run: 10.4
        after = conn.answer(conn.call(SERVICE + "Notes"))["message"]
        if len(after) >= len(before) + whole:
            break
        time.sleep(0.02)
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


@check
def unknown(server):
    "unknown routes: a call UNIMPLEMENTED and not run, a push dropped and counted"
    conn = server.main()
    for route in (SERVICE + "Nothing", "no.such.Service/Method", "?", "x" * 1024):
        status(conn, 12, f"12.1: no such route {route[:30]}", conn.call(route, b"hello"), True)
        conn.push(route, b"hello")
    status(conn, 12, "12.1: no such route, and a large message", conn.call(
        SERVICE + "Nothing", RANDOM.randbytes(MIB)), True)
    taken = conn.flush()
    expect(taken == conn.pushed,
           f"{conn.pushed} pushes taken, the dropped ones too (10.1, 10.4)", taken)


@check
def push_back(server):
    "PushBack: N pushes to us, then the digest of their payloads"
    conn = server.dial()
    for count in (0, 1, 10, 300):  # in all far more than any credit but ours, which has no end
        conn.posted.clear()
        digest = conn.answer(conn.call(SERVICE + "PushBack", str(count).encode()))["message"]
        conn.wait(lambda: len(conn.posted) >= count)
        routes = {route for route, _ in conn.posted}
        expect(routes <= {"stranger.v1.StrangerEvents/Posted"}, "pushes of .../Posted only", routes)
        expect(len(conn.posted) == count, f"{count} pushes", len(conn.posted))
        here = hashlib.sha256(b"".join(payload for _, payload in conn.posted)).digest()
        expect(here == digest, f"the SHA-256 of the {count} pushes in order (10.2) to be "
               f"{here.hex()}", digest.hex())
    conn.close()


@check
def push_back_in_credit(server):
    "PushBack with the initial lane credit, raised as pushes are taken (7.3, 7.8)"
    conn, granted = server.dial(ours={"replies credit": [2**64 - 1]}), 0
    call = conn.call(SERVICE + "PushBack", b"40")
    while not call or len(conn.posted) < 40:
        conn.wait(lambda: call and len(conn.posted) >= 40 or conn.seen[-1][0] == "BLOCKED")
        if conn.seen[-1][0] == "BLOCKED":
            conn.seen.append(("answered", 0))
            granted += 200000
            conn.send("CREDIT", 0, ["LANE"], total=granted)
    here = hashlib.sha256(b"".join(payload for _, payload in conn.posted)).digest()
    expect(conn.answer(call)["message"] == here, "their SHA-256, in order (10.2)")
    conn.close()
    return f"BLOCKED {sum(kind == 'BLOCKED' for kind, _ in conn.seen)} times"


@check
def call_back(server):
    "CallBack: the server calls us, and replies with our answer"
    conn = server.main()
    payloads = [RANDOM.randbytes(size) for size in (0, 1, 110, 16 * KIB, 70000, MIB)]
    payloads += [RANDOM.randbytes(100) for _ in range(40)]
    calls = [(conn.call(SERVICE + "CallBack", one), one, b"asked:" + one[::-1]) for one in payloads]
    for one in calls:
        right(conn, *one)
    refusing = server.dial()
    try:
        payload = refusing.answer(refusing.call(SERVICE + "CallBack", b"?"))["message"]
        raise Failed(f"expected a status, as our end says UNIMPLEMENTED; got {brief(payload)}")
    except Status:
        pass
    same(refusing, "Echo", b"still here", b"still here")
    refusing.close()


@check
def at_once(server):
    "calls, pushes and call-backs, both ways at once"
    conn, calls = server.main(), []
    back = conn.call(SERVICE + "PushBack", b"50")
    for _ in range(60):
        payload = RANDOM.randbytes(RANDOM.choice(SIZES[:9]))
        calls.append((conn.call(SERVICE + "Echo", payload), payload, payload))
        payload = RANDOM.randbytes(RANDOM.choice(SIZES[:6]))
        asked = b"asked:" + payload[::-1]
        calls.append((conn.call(SERVICE + "CallBack", payload), payload, asked))
        for lane in (0, 1):
            conn.push("no.such.Service/Note", RANDOM.randbytes(RANDOM.choice(SIZES[:9])), lane)
    for one in calls:
        right(conn, *one)
    conn.answer(back)
    taken = conn.flush()
    expect(taken == conn.pushed, f"{conn.pushed} pushes taken (10.5)", taken)


@check
def errors(server):
    "broken frames: HELLO, then GOAWAY FINAL with the code (12.1, 12.2)"
    opening, bound = OPENING, OPENING + encode("BIND", text="a/B", **{"route number": 0})
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
                 "BIND", text="a", **{"route number": 1})),
             ("a FRAGMENT of nothing", "6.2", "UNEXPECTED", opening + encode(
                 "FRAGMENT", 1, bytes=b"a")),
             ("pieces beyond the total", "6.2", "MALFORMED", opening + encode(
                 "CALL", 1, ["NAMED", "END", "FRAGMENTED"], route="a", total=2, message=b"")
              + encode("FRAGMENT", 1, bytes=b"abc")),
             ("READY not announced", "4.4", "UNEXPECTED", opening + encode("READY")),
             ("a lane that is none", "10.1", "LIMIT_EXCEEDED", opening + encode(
                 "PUSH", 1 << 30, ["NAMED"], route="a", message=b""))]
    for vector in json.loads((DOCS / "wire-vectors.json").read_text()):
        data = bytes.fromhex(vector["hex"])
        if "error" in vector and vector["from"] == "dialler" and "receiver" not in vector \
                and int.from_bytes(data[:4], "big") + 4 <= len(data):  # whatever its frame limit is
            opens = data[4:5] == b"\1"
            cases.append((f"vector {vector['name']}", vector["rule"], vector["error"],
                          data if opens else bound + data if data[4:5] in b"\x10\x20" else
                          opening + data))
    wrong = []
    for name, rule, code, data in cases:
        frames = raw(server, data, lambda f: f["kind"] == "GOAWAY" and "FINAL" in f["flags"])
        last = frames[-1] if frames else None
        got = "no frame" if not last else f"{last['kind']} and then the end or two minutes of nothing"
        if last and last["kind"] == "GOAWAY":
            got = f"GOAWAY {ERRORS[min(last['code'], 15)]} {last['text']!r}"
        if not got.startswith(f"GOAWAY {code} "):
            wrong.append(f"{name}: GOAWAY FINAL {code} expected ({rule}), got {got}")
        elif frames[0]["kind"] != "HELLO":
            wrong.append(f"{name}: HELLO goes first (12.1), got {frames[0]['kind']}")
    expect(not wrong, f"{len(cases)} refusals, each with its code",
           "\n       ".join(["", *sorted(wrong)]))
    return f"{len(cases)} refusals"


@check
def minimal(server):
    "the minimal client of section 15: HELLO and CALL in one write, no settings"
    kinds = {}
    frames = raw(server, OPENING + encode(
        "CALL", 1, ["NAMED", "END"], route=SERVICE + "Reverse", message=b"abc") + encode(
            "PING", number=5) + b"\0\0\0\x06\xff\xff\0\0\0\0",
        lambda f: kinds.update({f["kind"]: f}) or {"HELLO", "REPLY", "PONG"} <= {*kinds})
    expect(frames and frames[0]["kind"] == "HELLO", "HELLO first (1.4)", frames)
    expect({"REPLY", "PONG"} <= {*kinds}, "REPLY and PONG; the unknown ignorable kind ff skipped "
           "(2.2)", {*kinds})
    expect(kinds["REPLY"]["message"] == b"cba", "REPLY cba (8.5)", kinds["REPLY"])
    expect(kinds["PONG"]["number"] == 5, "PONG 5 (11.1)", kinds["PONG"])


def drained(call):  # all its items
    return [*iter(call.next, None)]


def ended(call):  # what its stream said at its end: kind, code
    call.conn.wait(lambda: call)
    return call["kind"], call.get("code", 0)


def nothing_open(conn, rule, but=0):  # beside the call that asks
    expect(conn.answer(conn.call(SERVICE + "Streams"))["message"] == f"{but} 0".encode(),
           f"{but} streams open and nothing held there ({rule})")


@check
def stream_of_answers(server):
    "items in their order, HEADERS before, a status behind (8.5, 9.1, 9.5)"
    for ours in (OURS, OURS | {"stream credit": [2**14]}, {}):
        conn = server.dial(ours=ours)
        call = conn.call(SERVICE + "Tell", b"20", answers=True)
        items = drained(call)
        expect(len(items) == 20, "20 items (9.1)", len(items))
        expect(call.headers["metadata"] == ["k", b"begin"], "HEADERS (9.5)", call.headers)
        expect(call["code"] == 1234 and call["text"] == "all told", "a status behind them (8.5)", call)
        digest = hashlib.sha256(b"".join(items)).digest()
        expect(call["items"]["metadata"] == ["digest", digest], "the items as they were sent (9.1)")
        nothing_open(conn, "8")


@check
def stream_of_requests(server):
    "items small and large, in credit; END with the last of them and apart (9.2, 7.6)"
    conn = server.dial()
    sizes = [0, 1, 110, 16 * KIB, 64 * KIB, 256 * KIB - 64, 256 * KIB, MIB, 4 * MIB]
    items = [RANDOM.randbytes(size) for size in sizes * 2]
    for last in (True, False):
        call = conn.call(SERVICE + "Gather", None)
        for at, item in enumerate(items):
            expect(call.send(item, end=last and at == len(items) - 1), "an item is taken (9.1)")
        call.end("END")
        expect(ended(call) == ("REPLY", 0), "REPLY (8.5)", call)
        expect(call["message"] == hashlib.sha256(b"".join(items)).digest(), "all items (9.1)")
    expect(("CREDIT", call.id) in conn.seen, "CREDIT of the call's id (7.10)")
    nothing_open(conn, "9.2")


@check
def conversation(server):
    "items both ways at once, of several calls, with the smallest credit (7.10, 7.12)"
    conn = server.dial(ours=OURS | {"stream credit": [2**14]})
    calls = [conn.call(SERVICE + "Converse", None, answers=True) for _ in range(20)]
    for size in (0, 1, 5_000, 16 * KIB, 100_000):
        payloads = [RANDOM.randbytes(size) for _ in calls]
        for call, payload in zip(calls, payloads):
            expect(call.send(payload), "an item is taken (9.1)")
        for call, payload in zip(calls, payloads):
            got = call.next()
            expect(got == payload, brief(payload), got and brief(got))
    nothing_open(conn, "7.5", but=20)
    for call in calls:
        call.end("END")
        expect(call.next() is None and ended(call) == ("REPLY", 0), "REPLY after END (9.2)", call)
    nothing_open(conn, "9.2")


@check
def nobody_reads(server):
    "what we do not read stops at its credit, and the rest of the connection goes on (7.4, 7.5)"
    conn = server.dial(ours=OURS | {"stream credit": [2**14]})
    call = conn.call(SERVICE + "Converse", None, answers=True)
    one, sent = bytes(1_000), 0
    while call.came + 64 + len(one) <= 2**14:
        expect(call.send(one), "an item is taken")
        sent += 1
        conn.wait(lambda: call.came >= sent * (64 + len(one)))
    call.send(one)
    for _ in range(100):
        same(conn, "Echo", b"beside it", b"beside it")
    expect(call.came <= 2**14 and call.wanted, "items within the credit, then BLOCKED (7.4, 7.6)", call.came)
    call.end("END")
    expect(drained(call) == [one] * (sent + 1), "every item once it is read (9.1)")
    nothing_open(conn, "9.2")


@check
def streams_broken_off(server):
    "RESET, STOP and CANCEL, of either end, and half an item (9.3, 9.4, 8.8)"
    conn = server.dial()
    call = conn.call(SERVICE + "Gather", None)
    call.send(b"half")
    call.end("RESET", code=15, text="torn")
    expect(ended(call) == ("REPLY", 15), "the handler to see RESET's code (9.3)", call)
    call = conn.call(SERVICE + "Gather", None)
    conn.send("ITEM", call.id, ["FRAGMENTED"], total=1_000, message=b"begun")
    call.end("RESET", code=1, text="in the middle of an item (6.3)")
    expect(ended(call) == ("REPLY", 1), "the item under way to be void (9.3)", call)
    call = conn.call(SERVICE + "Converse", None, answers=True)
    call.send(b"x")
    call.next()
    call.stop(11)
    call.end("END")
    expect(ended(call)[0] == "REPLY", "the callee to end its side after STOP (9.4)", call)
    for answers in (False, True):
        call = conn.call(SERVICE + ("Converse" if answers else "Gather"), None, answers=answers)
        call.send(b"x")
        call.end("CANCEL")
        expect(ended(call) in (("REPLY", 1), ("RESET", 1)), "a terminal frame after CANCEL (8.8)", call)
    call = conn.call(SERVICE + "Converse", None, answers=True)
    call.send(b"stop")
    conn.wait(lambda: call.stopped or call)
    expect(call.stopped and call.stopped["code"] == 11, "STOP with its code (9.4)", call.stopped)
    expect(not call.send(b"more") and ended(call) == ("REPLY", 0), "REPLY behind it (9.4)", call)
    status(conn, 12, "8.1", conn.call(SERVICE + "Echo", None), not_run=True)
    nothing_open(conn, "8.9")


@check
def overdrawn(server):
    "an item beyond the credit ends the connection (7.4)"
    conn = server.dial()
    call = conn.call(SERVICE + "Gather", None)
    conn.send("ITEM", call.id, ["FRAGMENTED"], total=300 * KIB, message=b"")
    conn.wait(lambda: conn.goaway)
    expect(conn.goaway["code"] == 10, "CREDIT_OVERDRAWN (7.4)", conn.goaway)


@check
def streams_back(server):
    "the server streams to us in each shape, within our credit (2.6, 9)"
    def serve(call):
        route = call["route"].rpartition("/")[2]
        if route == "Tell":
            for item in told:
                call.send(item)
            call.reply()
        elif route == "Gather":
            gathering.append(call)
        else:
            talking.append(call)
    for ours in (OURS, OURS | {"stream credit": [2**14]}):
        gathering, talking, told = [], [], []
        conn = server.dial(ours=ours)
        conn.on_call = serve
        first = conn.call(SERVICE + "Tell", b"12", answers=True)
        told.extend(drained(first))  # the same bytes that it sends below
        back = conn.call(SERVICE + "StreamBack", b"12")
        conn.wait(lambda: talking or back)
        expect(talking, "a call of Converse", back)
        gather, talk, digest = gathering[0], talking[0], hashlib.sha256()
        for _ in range(12):
            digest.update(gather.next())
            talk.send(talk.next())
        expect(gather.next() is None and talk.next() is None, "END of both (9.2)")
        talk.reply()
        gather.reply(digest.digest())
        right(conn, back, b"12", b"12 true true")
        conn.wait(lambda: not conn.calls)
        nothing_open(conn, "8")


@check
def drain(server):
    "we drain: a call under way is still answered, and the stream ends (11.4)"
    conn = server.dial()
    slow = conn.call(SERVICE + "Slow", b"300")
    conn.flush()
    conn.close()
    right(conn, slow, b"300", b"300")
    conn = server.main()
    same(conn, "Echo", b"the other connection", b"the other connection")
    conn.close()


def main(address, names):
    host, _, port = address.rpartition(":")
    server, failed, start = Server(host.strip("[]"), int(port)), 0, time.monotonic()
    print(f"seed {SEED}", flush=True)
    checks = [one for one in CHECKS if not names or one.__name__ in names]
    for function in checks:
        begin, verdict = time.monotonic(), "ok    "
        faulthandler.dump_traceback_later(300, exit=True, file=sys.stdout)
        try:
            said = function(server)
        except (Failed, Status, WireError, OSError, EOFError, LookupError) as why:
            verdict, failed = "FAILED", failed + 1
            said = f"{why if isinstance(why, Failed) else repr(why)}"
            said += "".join(server.last_words())
        while server.conns:
            server.conns.pop().socket.close()
        took = f"[{time.monotonic() - begin:.1f} s]"
        print(f"{verdict} {function.__name__}: {function.__doc__} {took}", flush=True)
        print(end=f"       {said}\n" if said else "", flush=True)
    faulthandler.cancel_dump_traceback_later()
    print(f"{len(checks) - failed} of {len(checks)} passed in {time.monotonic() - start:.1f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]) > 0)
