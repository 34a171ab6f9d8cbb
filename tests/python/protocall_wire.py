"""The frames of docs/wire.md as tables, and the codec that they drive: strict, with the error
codes that the page names. protocall.py is the client on top of it."""
import codecs, functools, re
from types import SimpleNamespace
ERRORS = """NONE MALFORMED FRAME_TOO_LARGE UNKNOWN_KIND UNKNOWN_FLAG BAD_HELLO INCOMPATIBLE
AUTH_REFUSED UNEXPECTED LIMIT_EXCEEDED CREDIT_OVERDRAWN CHECKSUM TIMEOUT OVERLOADED IDLE INTERNAL
""".split()
FLAGS = dict(FRAGMENTED=1, WANTS_AUTH=1, FINAL=1, EXPIRED=1, COMPRESSED=2, BLOCK=4, END=8, LANE=16,
             STATUS=16, DEADLINE=16, REPLIES=32, NAMED=32, NOT_RUN=32, STREAM=64, CHECKSUM=128)
# Frames (3): kind, name, whose id; flags; fields as name:type, or name if that is the type; one
# after FLAG? is there with that flag, after FLAG! without. MESSAGE: a message and its two flags.
KINDS = {name: (int(kind, 16), id, re.findall("[A-Z_]{2,}", rest + " CHECKSUM" * (name != "HELLO")),
                re.findall(r"(?:([A-Z_]+)([?!]))?\b([a-z_]+)(?::(\w+))?", rest))
         for kind, name, id, rest in re.findall(r"(\w+) ([A-Z]+)\s+(\w+)([^/]*)", re.sub(
             r"(\w+[?!])?MESSAGE", r"FRAGMENTED?total:u32 COMPRESSED \1message:bytes", """
    01 HELLO 0 WANTS_AUTH magic version zero:u8 settings:bytes / 02 AUTH 0 bytes / 03 READY 0 /
    04 BIND 0 route_number:u16 text:route / 05 PING 0 number:u64 / 17 STOP call code:u32 /
    06 PONG 0 number:u64 pushes_taken:u64 / 08 CREDIT any LANE REPLIES total:u64 / 15 END call /
    07 GOAWAY 0 FINAL code:u32 calls_taken:u64 pushes_taken:u64 text / 14 HEADERS call block /
    09 BLOCKED any LANE REPLIES total_wanted:u64 / 18 CANCEL call EXPIRED / 13 FRAGMENT call LANE
    bytes:piece / 16 RESET call LANE code:status text:reason / 12 ITEM call END MESSAGE / 10 CALL
    call STREAM NAMED?route:route16 NAMED!route:u16 DEADLINE?milliseconds:u32 BLOCK?block
    END?MESSAGE / 11 REPLY call NOT_RUN STATUS?code:status STATUS?text:reason16 BLOCK?block
    STATUS!MESSAGE / 20 PUSH lane NAMED?route:route16 NAMED!route:u16 BLOCK?block MESSAGE"""))}
# Types: bytes of a number (0: of the rest), of each thing that it counts (0: value); least, most.
TYPES = {name: (int(size), int(unit), int(least or 0), int(most or 2**64))
         for name, size, unit, least, most in re.findall(r"(\w+) (\d) (\d) ?(\d*) ?(\d*)", """
    u8 1 0, u16 2 0, u32 4 0, u64 8 0, bytes 0 1, block 4 1, shapes 2 8, text 0 1, text16 2 1,
    route 0 1 1 1024, route16 2 1 1 1024, reason 0 1 0 1024, reason16 2 1 0 1024, key 2 1 1 255,
    piece 0 1 1, status 4 0 1, priority 1 0 0 2, version 1 0 1, magic 4 0 1883464044 1883464044""")}
TEXTS, KEY = "text text16 route route16 reason reason16 key".split(), re.compile(b"[-a-z0-9_.]+")
# What HELLO (4.6) and blocks (14.1) say: id, name: types = initial value, most that counts.
ITEMS = {kind: {int(id): row for id, *row in re.findall(r"(\d+) (.+?):([^,=]*)=?([^,]*)", rows)}
         for kind, rows in {"HELLO": """1 frame limit: u32 = 16384, 2 message limit: u32 = 65536,
    3 in-flight limit: u32 = 64 2147483647, 4 calls credit: u64 = 131072, 5 replies credit: u64 =
    131072, 6 stream credit: u64 = 16384, 7 lane credit: u64 = 16384, 8 lanes: u32 = 4, 9 bindings:
    u32 = 64 65536, 10 metadata limit: u32 = 4096, 11 codecs: bytes, 12 compressions: bytes,
    13 checksum:, 14 serves: u8 * text16 u64 shapes, 15 calls: u8 * text16 u64 shapes,
    16 keepalive: u32 u32, 17 agent: text""", "CALL": """1 metadata: * key block, 2 codec: u8,
    3 priority: priority, 5 attempt: u16, 6 trace context: text, 7 trace state: text,
    9 forwarded for: text""", "REPLY": """1 metadata: * key block, 4 retry after: u32,
    8 detail: text16 bytes"""}.items()}
ITEMS |= {"HEADERS": ITEMS["REPLY"], "PUSH": {id: ITEMS["CALL"][id] for id in (1, 2, 3, 6, 7, 9)}}
class WireError(Exception): pass  # what costs the connection (12.1): the code, the rule
class Status(Exception):  # how a call failed: code (8.6), text, metadata, not run (13)
    def __init__(self, code, text="", metadata=(), not_run=False):
        self.code, self.text, self.metadata, self.not_run = code, text, metadata, not_run
def demand(good, rule, code="MALFORMED"):
    if not good: raise WireError(code, rule)
codecs.register_error("wire", lambda _: demand(False, "2.4"))  # what is not UTF-8
def read(types, data):  # values by types, those after a * again and again
    (once, _, again), values = types.partition("*"), []
    todo = once.split()
    while todo or again and data:
        type, *todo = todo or again.split()
        size, unit, least, most = TYPES[type]
        demand(len(data) >= size, "2.4")
        count = int.from_bytes(data[:size], "big") if size else len(data)
        value, data = data[size:size + count * unit], data[size + count * unit:]
        demand(least <= count <= most, type, ("MALFORMED", "BAD_HELLO")[type in "magic version"])
        demand(len(value) == count * unit and (type != "key" or KEY.fullmatch(value)), "2.4, 14.1")
        values.append((value.decode(errors="wire") if type in TEXTS else value) if unit else count)
    demand(not data, "2.4")
    return values
def write(types, values):
    (once, _, again), data = types.partition("*"), b""
    for type, value in zip(once.split() + again.split() * len(values), values):
        size, unit, *_ = TYPES[type]
        raw = value.encode() if type in TEXTS else value if unit else b""
        data += (len(raw) // unit if unit else value).to_bytes(size, "big") + raw if size else raw
    return data
def read_items(kind, data):  # by name; None: that costs the call or the push (14.2)
    items, flat = {}, read("* u16 block", data)
    for id, value in zip(flat[::2], flat[1::2]):
        name, types, _ = ITEMS[kind].get(id, ("", "bytes", ""))
        try:
            demand(name in ("", "detail", "forwarded for") or name not in items, "4.5")
            items[name] = items.get(name, []) + read(types, value)
        except WireError:
            demand(kind != "HELLO", "4.5")
            if kind in ("CALL", "PUSH"): return None
    for name, _, numbers in ITEMS[kind].values():
        if numbers:  # 4.5, 4.6
            least, most, *_ = *map(int, numbers.split()), 2**64
            items[name] = min(max([least, *items.get(name, [])]), most)
    return items
def write_items(kind, items):
    return write("* u16 block", [part for id, (name, types, _) in ITEMS[kind].items()
                                 if name in items for part in (id, write(types, items[name]))])
def crc32c(data):
    step, crc = lambda crc, _: crc >> 1 ^ 0x82F63B78 * (crc & 1), 0xFFFFFFFF
    for byte in data: crc = functools.reduce(step, range(8), crc ^ byte)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")
def layout(kind, flags):  # the types of the fields that those flags leave, by name
    return {name: type or name for flag, sign, name, type in KINDS[kind][3]
            if not flag or (flag in flags) == (sign == "?")}
def encode(kind, id=0, flags=(), **fields):  # a whole frame
    types, start = layout(kind, flags), [KINDS[kind][0], sum(map(FLAGS.get, flags)), id]
    data = write("u8 u8 u32 " + " ".join(types.values()), start + [fields[name] for name in types])
    return write("block", [data + crc32c(data) if "CHECKSUM" in flags else data])
def frame_length(head, limit):  # of a frame that begins with those five bytes
    length = int.from_bytes(head[:4], "big")
    demand(length >= 6, "2.1")
    demand(head[4] != 1 or length <= 16384, "4.1", "BAD_HELLO")
    demand(length <= limit, "2.1", "FRAME_TOO_LARGE")
    return length
def decode(data, checksum=False):  # a frame from its kind on; checksum: we take it
    number, bits, id, body = read("u8 u8 u32 bytes", data)
    if number >> 7: return SimpleNamespace(kind="PAD", flags=(), id=0, lane=False)
    kind = next((kind for kind in KINDS if KINDS[kind][0] == number), None)
    demand(kind, "2.2", "UNKNOWN_KIND")
    _, whose, known, _ = KINDS[kind]
    flags = tuple(flag for flag in FLAGS if flag in known and bits & FLAGS[flag])
    demand(sum(map(FLAGS.get, flags)) == bits < 128 + 128 * checksum, "2.3", "UNKNOWN_FLAG")
    if bits >> 7:
        demand(len(body) >= 4, "2.4")
        demand(crc32c(data[:-4]) == data[-4:], "2.5", "CHECKSUM")
        body = body[:-4]
    lane, types = whose == "lane" or "LANE" in flags, layout(kind, flags)
    f = SimpleNamespace(kind=kind, flags=flags, id=id, lane=lane, block=b"", message=b"",
                        text="", route="")
    vars(f).update(zip(types, read(" ".join(types.values()), body)))
    demand("REPLIES" not in flags or not lane and not id, "7.9")
    demand(not id and whose in "0 any" or lane or id % 2**31 and whose != "0", "2.6, 2.7")
    demand("message" in types or not {"FRAGMENTED", "COMPRESSED"} & {*flags}, "3.4")
    demand("STATUS" in flags or "NOT_RUN" not in flags, "3.4")
    demand("FRAGMENTED" not in flags or len(f.message) <= f.total, "6.2")
    f.items = read_items(kind, f.settings if kind == "HELLO" else f.block) if kind in ITEMS else {}
    f.metadata = [*zip(*[iter((f.items or {}).get("metadata", []))] * 2)]
    return f
