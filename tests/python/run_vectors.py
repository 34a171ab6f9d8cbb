"""Runs docs/wire-vectors.json against protocall.py:  python3 run_vectors.py [FILE]"""
import json
import pathlib
import sys

import protocall as wire

U64 = {"calls credit", "replies credit", "stream credit", "lane credit"}


def pairs(flat):
    return [*zip(flat[::2], flat[1::2])]


def shown_item(name, values):
    """What a block or a HELLO says, as section 16 writes it."""
    if name in ("metadata", "detail"):
        return [[key, value.hex()] for key, value in pairs(values)]
    if name in ("serves", "calls"):
        rows = [values[at:at + 3] for at in range(1, len(values), 3)]
        return {"fallback": values[0] != 0, "list": [
            {"name": service, "shape": f"{shape:016x}",
             "methods": [methods[at:at + 8].hex() for at in range(0, len(methods), 8)]}
            for service, shape, methods in rows]}
    if name in ("codecs", "compressions"):  # each once; codec 0 always
        return [*dict.fromkeys(([0] if name == "codecs" else []) + [*(values or [b""])[0]])]
    if name in ("keepalive", "forwarded for"):
        return values
    return values[0]


def shown_settings(items):
    plain = {"codecs": [], "compressions": []}
    shown = {name: str(items[name]) if name in U64 else items[name] for name in items
             if isinstance(items[name], int)}
    shown |= {name: shown_item(name, values) for name, values in (plain | items).items()
              if name and name not in shown and name != "checksum"}
    return shown | {"checksum": "checksum" in items}


def shown_frame(frame):
    """A frame as section 16 writes it."""
    if frame.kind == "PAD":
        return {"kind": "PAD"}
    shown = {"kind": frame.kind, "flags": list(frame.flags), "id": frame.id}
    for name, type in wire.layout(frame.kind, frame.flags).items():
        value = getattr(frame, name)
        if frame.kind == "HELLO":
            if name in ("version", "settings"):
                shown[name] = value if name == "version" else shown_settings(frame.items)
        elif frame.kind == "GOAWAY" and name == "code":
            shown[name] = wire.ERRORS[value] if value < len(wire.ERRORS) else "INTERNAL"
        elif frame.kind == "GOAWAY" and name.endswith("taken"):
            if "FINAL" in frame.flags:  # 11.3: without FINAL they mean nothing
                shown[name.replace("_", " ")] = str(value)
        elif name == "block":
            if value or frame.kind == "HEADERS":  # an empty block is no block
                shown["block"] = value.hex()
                shown["items"] = "INVALID_ARGUMENT" if frame.items is None else {
                    name: shown_item(name, values) for name, values in frame.items.items()
                    if name and values}  # metadata without pairs says nothing (14.1)
        else:
            value = value.hex() if isinstance(value, bytes) else value
            shown[name.replace("_", " ")] = str(value) if type == "u64" else value
    return shown


def raw_values(name, value):
    """The other way: a list of the values of an item, each a flat list as its types want it."""
    if name in ("metadata", "detail"):
        rows = [[key, bytes.fromhex(one)] for key, one in value]
        return rows if name == "detail" else [sum(rows, [])]
    if name in ("serves", "calls"):
        return [[int(value["fallback"])] + sum(([
            one["name"], int(one["shape"], 16), bytes.fromhex("".join(one["methods"]))]
            for one in value["list"]), [])]
    if name in ("codecs", "compressions"):
        return [[bytes(value)]]
    if name == "checksum":
        return [[]]
    if name == "forwarded for":
        return [[one] for one in value]
    return [value] if name == "keepalive" else [[int(value) if name in U64 else value]]


def items_bytes(kind, shown, was):
    """The bytes of a block or of settings, from what section 16 shows and, since that does not
    tell their order, the ids as they stood; None if what is shown does not tell the bytes."""
    if shown == "INVALID_ARGUMENT":
        return None
    rows, plain = pairs(wire.read("* u16 block", was)), {}
    if kind == "HELLO":
        plain = shown_settings(wire.decode(wire.encode(
            "HELLO", magic=0x7043616C, version=1, zero=0, settings=b"")[4:]).items)
    table = {id: row[0] for id, row in wire.ITEMS[kind].items()}
    if {table.get(id) for id, _ in rows} != {
            name for name in shown if shown[name] != plain.get(name)}:
        return None
    left = {name: raw_values(name, value) for name, value in shown.items()}
    flat = []
    for id, value in rows:
        if kind == "HELLO" and (id in (3, 9) and int.from_bytes(value, "big") > shown[table[id]]
                                or id == 11 and [*value] != shown["codecs"]):  # 4.6: as it counts
            return None
        flat += [id, wire.write(wire.ITEMS[kind][id][1], left[table[id]].pop(0))]
    return wire.write("* u16 block", flat)


def frame_bytes(shown, frame):
    """A frame's bytes from its fields; `frame` only for what these leave open. None: lossy."""
    kind = shown["kind"]
    if kind == "PAD":
        return None
    fields = {}
    for name, type in wire.layout(kind, shown["flags"]).items():
        value = shown.get(name.replace("_", " "))
        if kind == "HELLO" and name in ("magic", "zero"):
            value = {"magic": 0x7043616C, "zero": None if frame.zero else 0}[name]
        elif kind == "HELLO" and name == "settings":
            value = items_bytes(kind, value, frame.settings)
        elif kind == "GOAWAY" and name == "code":
            value = wire.ERRORS.index(value) if frame.code < len(wire.ERRORS) else None
        elif kind == "GOAWAY" and value is None:
            value = 0
        elif name == "block":
            block = bytes.fromhex(value or "")
            again = items_bytes(kind, shown.get("items", {}), block)
            assert again in (None, block), f"block {block.hex()} written again as {again.hex()}"
            value = block
        elif type == "u64":
            value = int(value)
        elif wire.TYPES[type][1] and type not in wire.TEXTS:
            value = bytes.fromhex(value)
        if value is None:
            return None
        fields[name] = value
    return wire.encode(kind, shown["id"], shown["flags"], **fields)


def frames_of(data, checksum):
    while data:
        length = wire.frame_length(data[:5], 16384)
        assert len(data) >= length + 4, "the vector ends within a frame"
        yield data[:4 + length], wire.decode(data[4:4 + length], checksum)
        data = data[4 + length:]


def main(path):
    vectors, failed, errors, decoded, encoded, one_way = json.load(open(path)), 0, 0, 0, 0, []
    for vector in vectors:
        name, data = vector["name"], bytes.fromhex(vector["hex"])
        checksum = vector.get("receiver", {}).get("checksum", False)
        try:
            if "error" in vector:
                try:
                    got = f"frames {[shown_frame(f) for _, f in frames_of(data, checksum)]}"
                except wire.WireError as broken:
                    got, rule = broken.args
                assert got == vector["error"], f"expected {vector['error']}, got {got}"
                errors += 1
                continue
            frames = list(frames_of(data, checksum))
            got = [shown_frame(frame) for _, frame in frames]
            assert got == vector["frames"], f"decoded\n   {got}\n  expected\n   {vector['frames']}"
            decoded += 1
            back = [frame_bytes(fields, frame)
                    for fields, (_, frame) in zip(vector["frames"], frames)]
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
