"""The frames of protocall: bytes to fields and back, strictly. Written from docs/wire.md alone.

    data = encode("PING", number=7)         # with its length in front
    frame = decode(data[4:])                # frame.kind == "PING", frame.number == 7
"""
import re
import struct
from types import SimpleNamespace

FRAGMENTED, COMPRESSED, BLOCK, END, DEADLINE, NAMED, STREAM, CHECKSUM = (1 << n for n in range(8))
WANTS_AUTH, FINAL, EXPIRED, LANE, STATUS, REPLIES, NOT_RUN = 1, 1, 1, 0x10, 0x10, 0x20, 0x20
ERRORS = """NONE MALFORMED FRAME_TOO_LARGE UNKNOWN_KIND UNKNOWN_FLAG BAD_HELLO INCOMPATIBLE
    AUTH_REFUSED UNEXPECTED LIMIT_EXCEEDED CREDIT_OVERDRAWN CHECKSUM TIMEOUT OVERLOADED IDLE
    INTERNAL""".split()  # 12.2

# Section 3: kind, name, whose id, flags, fields. A field after `10?` is there if that flag is set,
# after `10!` if it is not. `rest` and `text` go to the end, `block` and `text16` follow a length.
KINDS = {row[1]: (int(row[0], 16), row[2], int(row[3], 16), [
    re.fullmatch(r"(?:(..)([?!]))?(\w+):(\w+)", field).groups() for field in row[4:]])
    for row in map(str.split, """\
    01 HELLO    conn 01 magic:u32 version:u8 zero:u8 settings:rest
    02 AUTH     conn 80 bytes:rest
    03 READY    conn 80
    04 BIND     conn 80 route_number:u16 text:text
    05 PING     conn 80 number:u64
    06 PONG     conn 80 number:u64 pushes_taken:u64
    07 GOAWAY   conn 81 code:u32 calls_taken:u64 pushes_taken:u64 text:text
    08 CREDIT   account b0 total:u64
    09 BLOCKED  account b0 total_wanted:u64
    10 CALL     call ff 20?route:text16 20!route:u16 10?milliseconds:u32 04?block:block \
                        01?total:u32 08?message:rest
    11 REPLY    call b7 10?code:u32 10?text:text16 04?block:block 01?total:u32 10!message:rest
    12 ITEM     call 8b 01?total:u32 message:rest
    13 FRAGMENT part 90 bytes:rest
    14 HEADERS  call 80 block:block
    15 END      call 80
    16 RESET    part 90 code:u32 text:text
    17 STOP     call 80 code:u32
    18 CANCEL   call 81
    20 PUSH     lane a7 20?route:text16 20!route:u16 04?block:block 01?total:u32 message:rest
    """.splitlines()[:-1])}
NAMES = {row[0]: name for name, row in KINDS.items()}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "text16": 2, "block": 4}
# Other types: a tuple is a sequence, a list goes on to the end.
ITEMS, PAIRS = [("u16", "block")], [("text16", "block")]
SERVICES = ("u8", [("text16", "u64", "shapes")])  # 4.7
INITIAL = dict(enumerate((16384, 65536, 64, 131072, 131072, 16384, 16384, 4, 64, 4096), 1))  # 4.6
SETTINGS = {n: "u64" if 4 <= n <= 7 else "u32" for n in INITIAL} | {
    11: "rest", 12: "rest", 13: (), 14: SERVICES, 15: SERVICES, 16: ("u32", "u32"), 17: "text"}
BLOCKS = {1: PAIRS, 2: "u8", 3: "u8", 4: "u32", 5: "u16", 6: "text", 7: "text",
          8: ("text16", "rest"), 9: "text"}  # 14.1, and which of them count where:
ANSWER = {1, 4, 8}
WHERE = {"CALL": {1, 2, 3, 5, 6, 7, 9}, "PUSH": {1, 2, 3, 6, 7, 9}, "REPLY": ANSWER,
         "HEADERS": ANSWER}


class WireError(Exception):
    """The peer broke the frames, which costs the connection (12.1): the code's name, the rule."""


class Frame(SimpleNamespace):
    block, message, text, route, total, milliseconds = b"", b"", "", None, None, None


def demand(good, name, rule):
    if not good:
        raise WireError(name, rule)


class Body:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def cut(self, size):
        self.at += size
        demand(self.at <= len(self.data), "MALFORMED", "2.4")
        return self.data[self.at - size:self.at]

    def take(self, type):
        if isinstance(type, tuple):
            return tuple(map(self.take, type))
        if isinstance(type, list):
            return [self.take(type[0]) for _ in iter(lambda: self.at < len(self.data), False)]
        if type == "shapes":
            return [self.take("u64") for _ in range(self.take("u16"))]
        if type in SIZES:
            value = int.from_bytes(self.cut(SIZES[type]), "big")
            value = self.cut(value) if type in ("text16", "block") else value
        else:
            value = self.cut(len(self.data) - self.at)
        try:
            return value.decode() if type in ("text", "text16") else value
        except UnicodeError:
            raise WireError("MALFORMED", "2.4") from None


def read(type, data, at=0):
    body = Body(data, at)
    value = body.take(type)
    demand(body.at == len(data), "MALFORMED", "2.4")
    return value


def write(type, value):
    if isinstance(type, list):
        return b"".join(write(type[0], one) for one in value)
    if isinstance(type, tuple):
        return b"".join(map(write, type, value))
    if type == "shapes":
        return write("u16", len(value)) + b"".join(write("u64", one) for one in value)
    if isinstance(value, int):
        return value.to_bytes(SIZES[type], "big")
    value = value.encode() if isinstance(value, str) else value
    return (len(value).to_bytes(SIZES[type], "big") if type in SIZES else b"") + value


def read_settings(data):
    """The known settings of a HELLO, as they count (4.5, 4.6); 7.7 is for `accounts`."""
    known = [(id, read(SETTINGS[id], value)) for id, value in read(ITEMS, data) if id in SETTINGS]
    given = dict(known)
    demand(len(given) == len(known), "MALFORMED", "4.5")
    numbers = {id: max(first, given.get(id, 0)) for id, first in INITIAL.items()}
    return given | numbers | {3: min(numbers[3], 2**31 - 1), 9: min(numbers[9], 65536)}


def write_settings(settings):
    return write(ITEMS, [(id, write(SETTINGS[id], value)) for id, value in settings.items()])


def read_block(kind, block):
    """The known items of a block that count in that kind, each a list of its values. A bad one is
    a ValueError where it costs the call or push, and is skipped in answers (14.2)."""
    items = {}
    for id, value in read(ITEMS, block):
        if id in WHERE[kind]:
            try:
                value = read(BLOCKS[id], value)
                demand(id in (8, 9) or id not in items, "MALFORMED", "14.2")
                demand(id != 3 or value <= 2, "MALFORMED", "14.1")
                demand(id != 1 or all(re.fullmatch(r"[a-z0-9\-_.]{1,255}", key)
                                      for key, _ in value), "MALFORMED", "14.1")
                items.setdefault(id, []).append(value)
            except WireError as broken:
                if kind in ("CALL", "PUSH"):
                    raise ValueError(f"item {id} of the block ({broken})") from None
    return items


def write_block(items):
    """From pairs of an id and a value."""
    return write(ITEMS, [(id, write(BLOCKS[id], value)) for id, value in items])


def to_block(metadata):
    return write_block([(1, metadata)] if metadata else [])


def from_block(frame):
    """The metadata, by pairs."""
    return read_block(frame.kind, frame.block).get(1, [[]])[0]


def crc32c(data, crc=0xFFFFFFFF):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return struct.pack(">I", crc ^ 0xFFFFFFFF)


def layout(kind, flags):
    return [(name, type) for mask, sign, name, type in KINDS[kind][3]
            if not mask or (sign == "?") == bool(flags & int(mask, 16))]


def encode(kind, id=0, flags=0, **fields):
    body = b"".join(write(type, fields[name]) for name, type in layout(kind, flags))
    body = struct.pack(">BBI", KINDS[kind][0], flags, id) + body
    body += crc32c(body) if flags & CHECKSUM else b""
    return struct.pack(">I", len(body)) + body


def check_length(length, kind, limit):
    """Before anything is allocated for the frame (2.1)."""
    demand(length >= 6, "MALFORMED", "2.1")
    demand(kind != 1 or length <= 16384, "BAD_HELLO", "4.1")
    demand(length <= limit, "FRAME_TOO_LARGE", "2.1")


def decode(data, checksum=False):
    """A frame, from its kind on; an ignorable one is a PAD."""
    number, flags, id = struct.unpack_from(">BBI", data)
    if number & 0x80:
        return Frame(kind="PAD", flags=0, id=0)
    demand(number in NAMES, "UNKNOWN_KIND", "2.2")
    kind = NAMES[number]
    _, whose, known, _ = KINDS[kind]
    demand(not flags & ~(known if checksum else known & 0x7F), "UNKNOWN_FLAG", "2.3")
    if flags & CHECKSUM:
        demand(len(data) >= 10, "MALFORMED", "2.4")
        demand(crc32c(data[:-4]) == data[-4:], "CHECKSUM", "2.5")
        data = data[:-4]
    if whose == "account":
        demand(not flags & REPLIES or not flags & LANE and not id, "MALFORMED", "7.9")
    if whose == "conn":
        demand(not id, "MALFORMED", "2.7")
    elif whose != "lane" and not (whose in ("account", "part") and flags & LANE):
        demand(id & 0x7FFFFFFF or whose == "account" and not id, "MALFORMED", "2.6")
    if kind in ("CALL", "REPLY"):
        carries = flags & END if kind == "CALL" else not flags & STATUS
        demand(carries or not flags & (FRAGMENTED | COMPRESSED), "MALFORMED", "3.4")
        demand(kind == "CALL" or flags & STATUS or not flags & NOT_RUN, "MALFORMED", "3.4")
    body = Body(data, 6)
    fields = {name: body.take(type) for name, type in layout(kind, flags)}
    demand(body.at == len(data), "MALFORMED", "2.4")
    frame = Frame(kind=kind, flags=flags, id=id, **fields)
    if kind == "HELLO":
        demand(frame.magic == 0x7043616C and frame.version, "BAD_HELLO", "4.1")
        read_settings(frame.settings)
    if kind in ("REPLY", "RESET") and "code" in fields:
        demand(frame.code and len(frame.text.encode()) <= 1024, "MALFORMED", "8.5")
    route = frame.text if kind == "BIND" else frame.route
    demand(not isinstance(route, str) or 0 < len(route.encode()) <= 1024, "MALFORMED", "5.1")
    demand(frame.total is None or kind == "CREDIT" or len(frame.message) <= frame.total,
           "MALFORMED", "6.2")
    demand(kind != "FRAGMENT" or frame.bytes, "MALFORMED", "6.2")
    read(ITEMS, frame.block)
    return frame


def pieces(limit, kind, id, flags, message, **fields):
    """The frames of a message, as many as it needs (6.1)."""
    room = limit + 4 - len(encode(kind, id, flags, message=b"", **fields))
    if len(message) <= room:
        yield encode(kind, id, flags, message=message, **fields)
        return
    first = room - 4  # for the total
    demand(first >= 0, "LIMIT_EXCEEDED", "6.1: the block must fit into the first frame")
    fields |= {"total": len(message), "message": message[:first]}
    yield encode(kind, id, flags | FRAGMENTED, **fields)
    lane, step = LANE if kind == "PUSH" else 0, limit - 6
    for at in range(first, len(message), step):
        yield encode("FRAGMENT", id, lane, bytes=message[at:at + step])


def limits(settings):
    """All the numbers of 4.6 that settings announce, with 7.7."""
    numbers = read_settings(write_settings(settings))
    least = 64 + 1024 + numbers[10] + numbers[2]
    return numbers | {4: max(numbers[4], least), 5: max(numbers[5], least)}


class Accounts(dict):
    """The credit that one end has given the other (section 7), for each (flags, id) of CREDIT."""
    def __init__(self, limits):
        self.largest = 64 + 1024 + limits[10] + limits[2]
        self.first = lambda key: limits[7 if key[0] & LANE else 5 if key[0] else 6 if key[1] else 4]

    def __missing__(self, key):
        first = self.first(key)
        self[key] = SimpleNamespace(first=first, total=first, spent=0, back=0, wanted=0)
        return self[key]

    def raised(self, key):
        """The receiver's side: the total to announce now, if it is time for one."""
        its = self[key]
        total = its.first + its.back  # 7.5
        if key[0] & LANE and its.spent == its.back:  # nothing of the lane is held: 7.8
            total = max(total, min(its.wanted, its.spent + self.largest))
        total = min(total, 2**64 - 1)
        half_spent = (its.total - its.spent) * 2 < its.first
        if total > its.total and (half_spent or its.wanted > its.total):
            its.total = total
            return total
