"""Runs docs/wire-vectors.json against protocall_wire.py:  python3 run_vectors.py [FILE]"""
import json
import pathlib
import sys

import protocall_wire as wire

FLAGS = {kind: names for kinds, names in (
    ("HELLO", {1: "WANTS_AUTH"}), ("GOAWAY", {1: "FINAL"}), ("CANCEL", {1: "EXPIRED"}),
    ("CREDIT BLOCKED", {0x10: "LANE", 0x20: "REPLIES"}), ("FRAGMENT RESET", {0x10: "LANE"}),
    ("ITEM", {1: "FRAGMENTED", 2: "COMPRESSED", 8: "END"}),
    ("CALL", {1: "FRAGMENTED", 2: "COMPRESSED", 4: "BLOCK", 8: "END", 0x10: "DEADLINE",
              0x20: "NAMED", 0x40: "STREAM"}),
    ("REPLY", {1: "FRAGMENTED", 2: "COMPRESSED", 4: "BLOCK", 0x10: "STATUS", 0x20: "NOT_RUN"}),
    ("PUSH", {1: "FRAGMENTED", 2: "COMPRESSED", 4: "BLOCK", 0x20: "NAMED"}))
    for kind in kinds.split()}
SETTINGS = dict(enumerate("""frame limit,message limit,in-flight limit,calls credit,replies credit,
stream credit,lane credit,lanes,bindings,metadata limit,codecs,compressions,checksum,serves,calls,
keepalive,agent""".replace("\n", "").split(","), 1))
ITEMS = dict(enumerate("""metadata,codec,priority,retry after,attempt,trace context,trace state,
detail,forwarded for""".replace("\n", "").split(","), 1))


def flag_names(kind, flags):
    names = FLAGS.get(kind, {}) | {0x80: "CHECKSUM"}
    return [names[bit] for bit in sorted(names) if flags & bit]


def shape(number):
    return f"{number:016x}"


def settings_fields(data):
    shown, known = {}, wire.read_settings(data)
    for id, name in SETTINGS.items():
        value = known.get(id)
        if id in (4, 5, 6, 7):
            value = str(value)
        elif id in (11, 12):  # each once; codec 0 always
            value = list(dict.fromkeys(([0] if id == 11 else []) + list(value or b"")))
        elif id == 13:
            value = value is not None
        elif id in (14, 15) and value is not None:
            value = {"fallback": value[0] != 0, "list": [
                {"name": service, "shape": shape(its), "methods": [shape(one) for one in methods]}
                for service, its, methods in value[1]]}
        elif id == 16 and value is not None:
            value = list(value)
        if value is not None:
            shown[name] = value
    return shown


def items_fields(kind, block):
    try:
        items = wire.read_block(kind, block)
    except ValueError:
        return "INVALID_ARGUMENT"
    shown = {}
    for id, values in items.items():
        values = [[key, value.hex()] for key, value in values[0]] if id == 1 else [
            [value[0], value[1].hex()] for value in values] if id == 8 else values
        if values:  # metadata without pairs says nothing (14.1)
            shown[ITEMS[id]] = values if id in (1, 8, 9) else values[0]
    return shown


def to_fields(frame):
    """A frame as section 16 writes it."""
    if frame.kind == "PAD":
        return {"kind": "PAD"}
    shown = {"kind": frame.kind, "flags": flag_names(frame.kind, frame.flags), "id": frame.id}
    for name, type in wire.layout(frame.kind, frame.flags):
        value = getattr(frame, name)
        if frame.kind == "HELLO":
            if name in ("version", "settings"):
                shown[name] = value if name == "version" else settings_fields(value)
        elif frame.kind == "GOAWAY" and name == "code":
            shown[name] = wire.ERRORS[value] if value < len(wire.ERRORS) else "INTERNAL"
        elif frame.kind == "GOAWAY" and name.endswith("taken"):
            if frame.flags & wire.FINAL:  # 11.3: without FINAL they mean nothing
                shown[name.replace("_", " ")] = str(value)
        elif name == "block":
            if value or frame.kind == "HEADERS":  # an empty block is no block
                shown["block"] = value.hex()
                shown["items"] = items_fields(frame.kind, value)
        else:
            value = value.hex() if isinstance(value, bytes) else value
            shown[name.replace("_", " ")] = str(value) if type == "u64" else value
    return shown


def settings_bytes(shown, order):
    """The other way: what is not as at first, in an order that `hex` tells, since the fields do
    not; None for what cannot be had from fields (unknown ids, values that do not count)."""
    ids = [id for id, _ in wire.read(wire.ITEMS, order)]
    plain = settings_fields(b"")
    if {SETTINGS.get(id) for id in ids} != {k for k in shown if shown[k] != plain.get(k)}:
        return None
    values, raw = {}, dict(wire.read(wire.ITEMS, order))
    for id in ids:
        value = shown[SETTINGS[id]]
        if id in (3, 9) and int.from_bytes(raw[id], "big") > value:  # "at most so much counts"
            return None
        if id == 11 and (len(set(raw[id])) < len(raw[id]) or 0 not in raw[id]):  # 0 goes without
            return None
        if id in (11, 12):
            value = bytes(value)
        elif id == 13:
            value = ()
        elif id in (14, 15):
            value = (int(value["fallback"]), [
                (one["name"], int(one["shape"], 16), [int(m, 16) for m in one["methods"]])
                for one in value["list"]])
        elif id == 16:
            value = tuple(value)
        values[id] = int(value) if id in wire.INITIAL else value
    return wire.write_settings(values)


def items_bytes(shown, order):
    if shown == "INVALID_ARGUMENT":
        return None
    ids = [id for id, _ in wire.read(wire.ITEMS, order)]
    if {ITEMS.get(id) for id in ids} != set(shown):
        return None
    pairs, left = [], {name: list(v) if isinstance(v, list) else [v] for name, v in shown.items()}
    for id in ids:
        values = left[ITEMS[id]]
        if not values and id != 1:
            return None
        if id == 1:
            value = [(key, bytes.fromhex(v)) for key, v in values]
        elif id == 8:
            value = (values[0][0], bytes.fromhex(values.pop(0)[1]))
        else:
            value = values.pop(0)
        pairs.append((id, value))
    return wire.write_block(pairs)


def to_bytes(shown, frame):
    """A frame's bytes from its fields; `frame` only for what these leave open. None: lossy."""
    kind = shown["kind"]
    if kind == "PAD":
        return None
    flags = sum(bit for bit, name in (FLAGS.get(kind, {}) | {0x80: "CHECKSUM"}).items()
                if name in shown["flags"])
    fields = {}
    for name, type in wire.layout(kind, flags):
        value = shown.get(name.replace("_", " "))
        if kind == "HELLO" and name in ("magic", "zero"):
            value = {"magic": 0x7043616C, "zero": 0}[name]
            if name == "zero" and frame.zero:
                return None
        elif kind == "HELLO" and name == "settings":
            value = settings_bytes(value, frame.settings)
        elif kind == "GOAWAY" and name == "code":
            if frame.code >= len(wire.ERRORS):
                return None
            value = wire.ERRORS.index(value)
        elif kind == "GOAWAY" and value is None:
            value = 0
        elif name == "block":
            block = bytes.fromhex(value or "")
            again = items_bytes(shown.get("items", {}), block)
            assert again in (None, block), f"block {block.hex()} written again as {again.hex()}"
            value = block
        elif type == "u64":
            value = int(value)
        elif type == "rest":
            value = bytes.fromhex(value)
        if value is None:
            return None
        fields[name] = value
    return wire.encode(kind, shown["id"], flags, **fields)


def frames_of(data, checksum):
    at = 0
    while at < len(data):
        length, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 5]
        wire.check_length(length, kind[0] if kind else None, wire.INITIAL[1])
        body = data[at + 4:at + 4 + length]
        assert len(body) == length, "the vector ends within a frame"
        yield data[at:at + 4 + length], wire.decode(body, checksum)
        at += 4 + length


def main(path):
    vectors, failed, errors, decoded, encoded, one_way = json.load(open(path)), 0, 0, 0, 0, []
    for vector in vectors:
        name, data = vector["name"], bytes.fromhex(vector["hex"])
        checksum = vector.get("receiver", {}).get("checksum", False)
        try:
            if "error" in vector:
                try:
                    got = f"frames {[to_fields(f) for _, f in frames_of(data, checksum)]}"
                except wire.WireError as broken:
                    got, rule = broken.args
                assert got == vector["error"], f"expected {vector['error']}, got {got}"
                errors += 1
                continue
            frames = list(frames_of(data, checksum))
            got = [to_fields(frame) for _, frame in frames]
            assert got == vector["frames"], f"decoded\n   {got}\n  expected\n   {vector['frames']}"
            decoded += 1
            back = [to_bytes(fields, frame) for fields, (_, frame) in zip(vector["frames"], frames)]
            for again, (was, _) in zip(back, frames):
                assert again in (None, was), f"encoded {again.hex()}, expected {was.hex()}"
            if None in back:
                one_way.append(name)
            else:
                encoded += 1
        except (AssertionError, wire.WireError) as why:
            failed += 1
            print(f"FAILED {name} (wire {vector['rule']}): {why}")
    print(f"{len(vectors)} vectors: {errors} errors as told, {decoded} decoded, {encoded} of these "
          f"encoded again to the same bytes, {failed} failed")
    print("not encoded, since their fields do not tell their bytes:", ", ".join(one_way))
    return failed


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2] / "docs" / "wire-vectors.json"
    sys.exit(bool(main(sys.argv[1] if len(sys.argv) > 1 else here)))
