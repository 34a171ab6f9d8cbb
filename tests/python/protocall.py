"""A protocall client in plain Python, from docs/wire.md alone: calls, streams, pushes, both ways.
It reads that page's tables and cites its rules. As a program it judges docs/wire-vectors.json."""
import codecs, collections, io, itertools, json, pathlib, re, socket, struct

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
def table(section):  # the rows of that section's table
    text = (DOCS / "wire.md").read_text().split(f"\n## {section} ")[1].split("\n## ")[0]
    return [[cell.strip() for cell in row.split("|")] for row in re.findall(r"\n\| (\d.*)\|", text)]
TYPE = re.compile(r"\b(u|text|bytes|shapes)(\d*)\b")  # what, and the bits of a number before it
FIELD = re.compile(r"(?:([a-z]+\d+|bytes) )?([a-z ]+?)(?: (if|unless) ([A-Z]+))?(?: · |$)")
KINDS = {}  # by name and by number: both, whose id, flags, fields (type, name, if or unless, flag)
for kind, name, whose, flags, fields in table(3)[:-1]:  # the last is PAD
    bits = re.findall(r"(\d\d) ([A-Z_]+)", flags + ", 80 CHECKSUM" * (name != "HELLO"))
    bits, kind = {flag: int(bit, 16) for bit, flag in bits}, int(kind, 16)
    KINDS[name] = KINDS[kind] = kind, name, whose, bits, FIELD.findall(fields)
# By the kind of frame and by id: name, types, types of each, initial value or where, about.
ITEMS = {kind: {int(id): (name, *map(TYPE.findall, f"{value} each".split("each")[:2]), *rest)
                for id, name, value, *rest in table(4 if kind == "HELLO" else 14)
                if kind in ("HELLO", *rest[0].split(", "))} for kind in KINDS}
ERRORS = [name for _, name, _ in table(12)]
PAIRS, MAGIC, KEY = TYPE.findall("u16 bytes32"), 0x7043616C, re.compile("[-a-z0-9_.]{1,255}")

class WireError(Exception): pass  # what costs the connection (12.1): the code, the rule
def demand(good, rule, code="MALFORMED"):
    if not good: raise WireError(code, rule)
codecs.register_error("2.4", lambda _: demand(False, "2.4"))  # what is not UTF-8
def read(once, each, data):  # values of those types, those of each again and again
    values, todo = [], [*once]
    while todo or each and data:
        (what, bits), *todo = todo or each
        size = int(bits or 0) // 8
        count, rest = int.from_bytes(data[:size], "big"), data[size:]
        length = {"u": 0, "shapes": 8 * count}.get(what, count if bits else len(rest))
        demand(len(data) >= size + length, "2.4")
        raw, data = rest[:length], rest[length:]
        values.append(count if what == "u" else raw.decode(errors="2.4") if what == "text" else raw)
    demand(not data, "2.4")
    return values
def write(once, each, values):
    data = b""
    for (what, bits), value in zip([*once, *each * len(values)], values):
        raw = value.encode() if what == "text" else b"" if what == "u" else value
        count = value if what == "u" else len(raw)
        data += (count.to_bytes(int(bits) // 8, "big") if bits else b"") + raw
    return data
def read_items(kind, data):  # what a block or settings say: lists of values by name
    items = {}
    for id, value in zip(*[iter(read([], PAIRS, data))] * 2):
        try:
            if id not in ITEMS[kind]: continue
            name, once, each, _, about = ITEMS[kind][id]
            values = read(once, each, value)
            demand("repeats" in about or name not in items, "4.5, 14.2")
            demand(name != "priority" or values[0] <= 2, "14.1")
            demand(name != "metadata" or all(map(KEY.fullmatch, values[::2])), "14.1")
            items[name] = items.get(name, []) + values
        except WireError:
            demand(kind != "HELLO", "4.5")
            if kind in ("CALL", "PUSH"): return "INVALID_ARGUMENT"  # 14.2
    if kind != "HELLO": return {name: values for name, values in items.items() if values}
    for name, _, _, initial, _ in ITEMS[kind].values():  # as they count: 4.5, 4.6
        if bounds := [int(bound) for bound in re.findall(r"\b[1-9]\d*", initial.replace(",", ""))]:
            items[name] = [min(max(bounds[0], *items.get(name, [0])), *bounds[1:], 2**64)]
    return {"compressions": []} | items | {"checksum": ["checksum" in items],
                                           "codecs": sorted({0, *items.get("codecs", [])})}
def write_items(kind, items):
    return write([], PAIRS, [part for id, (name, once, each, *_) in ITEMS[kind].items()
                             if name in items for part in (id, write(once, each, items[name]))])
def crc32c(data):
    crc = 0xFFFFFFFF
    for bit in (byte >> place for byte in data for place in range(8)):
        crc = crc >> 1 ^ 0x82F63B78 * ((crc ^ bit) & 1)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")
def layout(kind, flags):  # the fields that those flags leave, and their types
    return {name: TYPE.match(type or name).groups() for type, name, when, flag in KINDS[kind][-1]
            if not when or (flag in flags) == (when == "if")}
def encode(kind, id=0, flags=(), **fields):  # a whole frame
    (number, _, _, bits, _), types = KINDS[kind], layout(kind, flags)
    data = struct.pack(">BBI", number, sum(bits[flag] for flag in flags), id)
    data += write(types.values(), [], [fields.get(name, b"") for name in types])
    data += crc32c(data) if "CHECKSUM" in flags else b""
    return len(data).to_bytes(4, "big") + data
def decode(stream, limit=2**14, checksum=False):  # the next frame, by the names of section 16
    head = stream.read(5)
    if len(head) < 4: raise EOFError("the connection was lost")
    length = int.from_bytes(head[:4], "big")
    demand(length >= 6, "2.1")
    demand(head[4] != 1 or length <= 2**14, "4.1", "BAD_HELLO")
    demand(length <= limit, "2.1", "FRAME_TOO_LARGE")
    data = head[4:] + stream.read(length - 1)
    number, bits, id = struct.unpack(">BBI", data[:6])
    if number & 0x80: return {"kind": "PAD"}
    demand(number in KINDS, "2.2", "UNKNOWN_KIND")
    _, kind, whose, known, _ = KINDS[number]
    flags = [flag for flag in known if bits & known[flag]]
    demand(sum(known[flag] for flag in flags) == bits < 128 + 128 * checksum, "2.3", "UNKNOWN_FLAG")
    end = length - 4 * ("CHECKSUM" in flags)
    demand(end >= 6, "2.4")
    demand(end == length or crc32c(data[:end]) == data[end:], "2.5", "CHECKSUM")
    types = layout(kind, flags)
    f = dict(zip(types, read(types.values(), [], data[6:end])), kind=kind, flags=flags, id=id)
    lane, route = whose == "lane" or "LANE" in flags, f.get("text" if kind == "BIND" else "route")
    demand("REPLIES" not in flags or not lane and id == 0, "7.9")
    demand(lane or id % 2**31 and whose != "0" or id == 0 and "0" in whose, "2.6, 2.7")
    demand("message" in f or not {"FRAGMENTED", "COMPRESSED"} & {*flags}, "3.4")
    demand("STATUS" in flags or "NOT_RUN" not in flags, "3.4")
    demand(len(f.get("message", b"")) <= f.get("total", 2**32), "6.2")
    demand(kind != "FRAGMENT" or f["bytes"], "6.2")
    demand(not isinstance(route, str) or 1 <= len(route.encode()) <= 1024, "5.1")
    if "STATUS" in flags or kind == "RESET":
        demand(f["code"] and len(f["text"].encode()) <= 1024, "8.5")
    demand(kind != "HELLO" or f["magic"] == MAGIC and f["version"], "4.1", "BAD_HELLO")
    f["items"] = read_items(kind, f.get("settings") or f.get("block", b""))
    return f

OURS = {"frame limit": [2**16], "message limit": [2**26]} | {
    f"{account} credit": [2**64 - 1] for account in ("calls", "replies", "stream", "lane")}
class Call(dict):  # of ours: becomes its REPLY or RESET; of theirs: is its CALL; and its items (9)
    def __init__(self, conn, id, sends, ours=True):
        self.conn, self.id, self.sends, self.ours = conn, id, sends, ours  # our side is open
        self.items, self.headers, self.ended, self.stopped = collections.deque(), None, None, None
        self.wanted, self.came, self.freed, self.replied = 0, 0, 0, False
        self.first = self.total = max(conn.ours.get("stream credit", [0])[0], 2**14)
        conn.calls[id] = self
        conn.spent[id,], conn.credit[id,] = 0, 0
    def next(self):  # the next item; None: there are no more, and `ended` is the frame that says so
        self.conn.wait(lambda: self.items or self.ended or self.lend())
        if not self.items: return None
        self.freed += 64 + len(self.items[0])
        self.grant(self.first + self.freed)  # 7.5
        return self.items.popleft()
    def lend(self):  # what a large item needs, once nothing is held (7.8)
        if (False, self.id) not in self.conn.halves: self.grant(self.wanted)
    def grant(self, total):
        if self.total < min(total, 2**64 - 1) and not self.ended and not self.replied:
            self.total = total
            self.conn.send("CREDIT", self.id, total=total)
    def send(self, payload, end=False):  # an item; False: it is not wanted any more
        if self.sends: self.conn.message("ITEM", self.id, ["END"] * end, "stream credit", [], "",
                                         payload, {}, lambda: not self.sends)
        sent, self.sends = self.sends, self.sends and not end
        return sent
    def end(self, kind, **fields):  # our side of our call: END, RESET, CANCEL
        if self.sends or kind == "CANCEL": self.conn.send(kind, self.id, **fields)
        self.sends = False
    def stop(self, code=0):  # 9.4
        if not self.ended: self.conn.send("STOP", self.id, code=code)
    def begin(self, items):  # 9.5
        self.conn.send("HEADERS", self.id, block=write_items("HEADERS", items))
    def reply(self, payload=b"", items={}, code=0, text=""):  # ends their call (8.5)
        self.sends, self.replied = False, True
        self.conn.message("REPLY", self.id, ["STATUS"] * (code > 0), "replies credit", ["REPLIES"],
                          "", None if code else payload, items, code=code, text=text)
        self.settle()
    def settle(self):
        if self.replied and self.ended: self.conn.calls.pop(self.id, None)
    def over(self, f):  # how the other side ended
        self.ended = self.ended or f
        if not self.ours: return self.settle()
        self.conn.calls.pop(self.id, None)
        if self.sends: self.end("END")  # 8.9
        self.update(f)

class Connection:
    def __init__(self, host, port, on_push=print, ours=OURS, on_call=None):
        self.socket, self.on_push = socket.create_connection((host, port), timeout=60), on_push
        self.stream, self.peer, self.routes = self.socket.makefile("rb"), None, {}
        self.calls, self.halves, self.taken = {}, {}, 0  # by id; by LANE and id; PUSHes
        self.ours, self.on_call = ours, on_call  # on_push(route, payload), on_call(Call)
        self.spent, self.credit = collections.Counter(), collections.Counter()
        self.send("HELLO", magic=MAGIC, version=1, zero=0, settings=write_items("HELLO", ours))
        self.wait(lambda: self.peer)
    def send(self, kind, id=0, flags=(), **fields):
        self.socket.sendall(encode(kind, id, flags, **fields))
    def wait(self, ready):  # takes frames until then
        while not ready(): self.receive(decode(self.stream, OURS["frame limit"][0]))
    def call(self, route, payload=b"", items={}, answers=False):  # payload None: it sends items
        mine = lambda: sum(id < 2**31 for id in self.calls)
        self.wait(lambda: mine() < self.peer["in-flight limit"])  # 8.2
        id = next(id for id in itertools.count(1) if id not in self.calls)
        call = Call(self, id, payload is None)
        flags = ["NAMED"] + ["END"] * (payload is not None) + ["STREAM"] * answers  # 8.1
        self.message("CALL", id, flags, "calls credit", [], route, payload, items)
        return call
    def push(self, route, payload=b"", items={}, lane=0):
        self.message("PUSH", lane, ["NAMED"], "lane credit", ["LANE"], route, payload, items)
    def message(self, kind, id, flags, first, owner, route, payload, items,
                over=lambda: False, **fields):
        account, most = (*owner, id if kind in ("PUSH", "ITEM") else 0), self.peer["frame limit"]
        fields |= {"route": route, "block": write_items(kind, items), "total": len(payload or b"")}
        text = fields.get("text", "").encode()
        cost = 64 + len(route.encode() + fields["block"] + (payload or b"") + text)  # 7.1
        total = lambda: self.spent[account] + cost
        paid = lambda: total() <= max(self.peer[first], self.credit[account])
        if not paid(): self.send("BLOCKED", account[-1], owner, **{"total wanted": total()})
        self.wait(lambda: over() or paid())
        if over(): return
        self.spent[account] += cost
        flags = [*flags, *["BLOCK"] * (kind != "ITEM"), *["FRAGMENTED"] * (payload is not None)]
        room = most + 4 - len(encode(kind, id, flags, **fields))  # 6.1
        payload = payload or b""
        self.send(kind, id, flags, message=payload[:room], **fields)
        for at in range(room, len(payload), most - 6):
            self.send("FRAGMENT", id, owner * (kind == "PUSH"), bytes=payload[at:at + most - 6])
    def receive(self, f):
        kind, id, flags = f["kind"], f.get("id"), f.get("flags", [])
        key, call = (kind == "PUSH" or "LANE" in flags, id), self.calls.get(id)
        match kind:
            case "HELLO":
                self.peer = {name: values[0] for name, values in f["items"].items() if values}
                least = 1088 + self.peer["metadata limit"] + self.peer["message limit"]  # 7.7
                self.peer["calls credit"] = max(self.peer["calls credit"], least)
            case "BIND": self.routes[f["route number"]] = f["text"]
            case "PING": self.send("PONG", number=f["number"], **{"pushes taken": self.taken})
            case "CREDIT": self.credit[*flags, id] = max(f["total"], self.credit[*flags, id])
            case "CALL" if not self.on_call:
                self.send("RESET", id, code=12, text="nothing is served here")  # 15
            case "CALL":
                call = Call(self, id, "STREAM" in flags, ours=False)
                call.ended = f if "END" in flags else None
                self.piece(key, f, f.pop("message", b""))
            case "ITEM":
                cost = 64 + f.get("total", len(f["message"]))
                demand(call is not None and not call.ended, "8.10", "UNEXPECTED")
                call.came += cost
                demand(call.came <= call.total, "7.4", "CREDIT_OVERDRAWN")
                self.piece(key, f, f.pop("message"))
            case "BLOCKED" if call is not None: call.wanted = f["total wanted"]
            case "HEADERS": call.headers = f["items"]
            case "STOP" if call is not None:
                call.stopped = f
                if call.ours: call.end("RESET", code=1, text="asked for no more")  # 9.4
                call.sends = False
            case "END" | "CANCEL" if call is not None:
                self.halves.pop(key, None)  # 8.8
                call.sends = call.sends and kind == "END"
                call.over(f)
            case "PUSH" | "REPLY": self.piece(key, f, f.pop("message", b""))
            case "FRAGMENT" if key in self.halves: self.piece(key, self.halves.pop(key), f["bytes"])
            case "RESET" if key[0]: self.taken += self.halves.pop(key, None) is not None  # 10.4
            case "RESET" if call is not None:
                self.halves.pop(key, None)  # 9.3
                call.over(f)
    def piece(self, key, f, data):
        f["message"] = f.get("message", b"") + data
        total = f.get("total", len(f["message"]))
        demand(len(f["message"]) <= total, "6.2")
        if len(f["message"]) < total: self.halves[key] = f
        elif f["kind"] == "REPLY": self.calls[f["id"]].over(f)
        elif f["kind"] == "CALL":
            self.calls[f["id"]].update(f, route=self.routes.get(f["route"], f["route"]))
            self.on_call(self.calls[f["id"]])
        elif f["kind"] == "ITEM":
            call = self.calls[f["id"]]
            if not call.replied: call.items.append(f["message"])
            if "END" in f["flags"]: call.over(f)
        else:
            self.taken += 1
            self.on_push(self.routes.get(f["route"], f["route"]), f["message"])

def plain(value):  # for comparing: lists flat, bytes in hex, numbers as text
    if isinstance(value, dict): return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list): return [leaf for part in value for leaf in plain(part)]
    return [value.hex() if isinstance(value, bytes) else str(value)]
def listed(told):  # a vector's services as they are read here
    if "shape" in told: return [told["name"], int(told["shape"], 16), "".join(told["methods"])]
    return [int(told["fallback"]), told["list"]] if "fallback" in told else told
def judge(vector):  # whether its frames are read as it says, and written again, or its error found
    data, right = io.BytesIO(bytes.fromhex(vector["hex"])), "frames" in vector
    try:
        for told in vector.get("frames", [{}]):
            start, f = data.tell(), decode(data, checksum="receiver" in vector)
            right &= f["kind"] == "PAD" or data.getvalue()[start:data.tell()] == encode(**f)
            f["settings"] = f.get("items")
            if f["kind"] == "GOAWAY": f["code"] = ERRORS[min(f["code"], 15)]
            right &= plain(told) == plain({name: f.get(name) for name in told})
        return right
    except WireError as broken:
        return broken.args[0] == vector.get("error")

if __name__ == "__main__":
    vectors = json.loads((DOCS / "wire-vectors.json").read_text(), object_hook=listed)
    failed = [f"{one['name']} (wire {one['rule']})" for one in vectors if not judge(one)]
    print(f"{len(vectors)} vectors, {len(failed)} failed", *failed, sep="\n")
    raise SystemExit(len(failed) > 0)
