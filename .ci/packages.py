"""What must be true of a crate before it is published: `packages.py FOLDER`, with the .crate files of every crate."""

import json
import pathlib
import subprocess
import sys
import tarfile
import tomllib

FIELDS = ["description", "license", "repository", "readme", "keywords", "categories", "rust-version"]
FILES = ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"]
ALSO = {"protocall-build": ["proto/protocall/options.proto"]}

metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"]))
published = {p["name"]: p["version"] for p in metadata["packages"] if p["publish"] != []}
problems = []


def problem(name, what):
    problems.append(f"{name}: {what}")


for name, version in published.items():
    stem = f"{name}-{version}"
    archive = tarfile.open(pathlib.Path(sys.argv[1]) / f"{stem}.crate")
    files = {m.name.removeprefix(f"{stem}/"): m for m in archive.getmembers()}
    for file in FILES + ALSO.get(name, []):
        if file not in files:
            problem(name, f"`{file}` is not in the package")
    for file, member in files.items():
        if not member.isfile():
            problem(name, f"`{file}` is not a file")
        if file.split("/")[0] in ("tests", "target", ".ci"):
            problem(name, f"`{file}` has no business in the package")
    manifest = tomllib.loads(archive.extractfile(files["Cargo.toml"]).read().decode())
    for field in FIELDS:
        if not manifest["package"].get(field):
            problem(name, f"no `{field}`")
    tables = [manifest] + list(manifest.get("target", {}).values())
    for table in tables:
        for kind in ("dependencies", "build-dependencies", "dev-dependencies"):
            for dependency, spec in table.get(kind, {}).items():
                spec = {"version": spec} if isinstance(spec, str) else spec
                package = spec.get("package", dependency)
                if package in published and spec.get("version") != f"={published[package]}":
                    problem(name, f"`{package}` is not pinned: {spec.get('version')}")

print(*problems, sep="\n")
print(f"{len(published)} crates looked into, {len(problems)} problems")
sys.exit(bool(problems))
