"""Dependencies: none unused, none twice but those of .ci/duplicates, none that wants a newer Rust than we promise."""

import json
import pathlib
import re
import subprocess
import sys

problems = []
metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--locked", "--format-version", "1"]))
packages = {p["id"]: p for p in metadata["packages"]}
members = [packages[id] for id in metadata["workspace_members"]]
nodes = {n["id"]: n for n in metadata["resolve"]["nodes"]}


def text(files):
    """The code of `files`, and of the pages whose code they test, without line comments, which name crates as they like."""
    code = []
    for file in files:
        code.append(re.sub(r"(?m)^\s*//[^/!].*$", "", file.read_text(encoding="utf-8")))
        for page in re.findall(r'include_str!\("([^"]*\.md)"\)', code[-1]):
            code.append((file.parent / page).read_text(encoding="utf-8"))
    return "\n".join(code)


def check_unused(package):
    root = pathlib.Path(package["manifest_path"]).parent
    build = [f for f in [root / "build.rs"] if f.exists()]
    library = list(root.glob("src/**/*.rs")) + list(root.glob("src/**/*.md"))
    rest = [f for folder in ("tests", "examples", "benches") for f in root.glob(f"{folder}/**/*.rs")]
    rest += list(root.glob("ui/**/*.rs"))
    features = " ".join(sum(package["features"].values(), []))
    where = {None: text(library), "build": text(build), "dev": text(library + rest)}
    if package["publish"] == []:
        where[None] = text(library + rest)
    for dependency in package["dependencies"]:
        name = dependency["rename"] or dependency["name"]
        used = re.search(rf"\b{name.replace('-', '_')}\b", where[dependency["kind"]])
        if not used and not re.search(rf"\b{name}\??/", features):
            problems.append(f"{package['name']}: `{name}` is in Cargo.toml and in no source")


def closure(root):
    """All that building `root` compiles, on any platform and with any feature; not what its own tests need."""
    seen, todo = set(), [root]
    while todo:
        id = todo.pop()
        if id not in seen:
            seen.add(id)
            for dep in nodes[id]["deps"]:
                if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]):
                    todo.append(dep["pkg"])
    return seen


def check_rust_version():
    published = [p for p in members if p["publish"] != []]
    promised = {p["rust_version"] for p in published}
    if len(promised) != 1:
        problems.append(f"the published crates promise different Rusts: {promised}")
    bar = version(promised.pop())
    for id in set().union(*(closure(p["id"]) for p in published)):
        package = packages[id]
        if package["rust_version"] and version(package["rust_version"]) > bar:
            problems.append(f"{package['name']} {package['version']} wants Rust {package['rust_version']}")


def version(string):
    return tuple(int(part) for part in string.split("."))[:2]


def check_duplicates():
    tree = subprocess.check_output(
        ["cargo", "tree", "--locked", "--workspace", "--duplicates", "--depth", "0", "--prefix", "none"], text=True
    )
    lines = pathlib.Path(__file__).with_name("duplicates").read_text().splitlines()
    allowed = {line.split()[0] for line in lines if line and not line.startswith("#")}
    found = {}
    for line in filter(None, tree.splitlines()):
        name, number = line.split()[:2]
        found.setdefault(name, set()).add(number)
    # One version built twice, for the host and for the target, is no duplicate.
    found = {name for name, numbers in found.items() if len(numbers) > 1}
    for name in sorted(found - allowed):
        problems.append(f"{name} is compiled in two versions and .ci/duplicates does not say why")
    for name in sorted(allowed - found):
        problems.append(f"{name} is in .ci/duplicates and is there once: take it off the list")


for member in members:
    check_unused(member)
check_rust_version()
check_duplicates()
print(*problems, sep="\n")
print(f"{len(packages)} packages, {len(problems)} problems")
sys.exit(bool(problems))
