#!/usr/bin/env python3
"""Checks a ledger directory with nothing but Python's standard library and the openssl program.

    verify_ledger.py DIR [VKEY]

DIR is a log in the layout of c2sp.org/tlog-tiles. VKEY is the verifier key; without it DIR/vkey is
used, which shows that the log is consistent, not who wrote it. Every entry, every tile, the root and the
Ed25519 signature of the checkpoint are recomputed. Exit status: 0 all holds, 5 something doesn't, 2 usage.
"""
import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile

WIDTH = 256


class Disagrees(Exception):
    pass


def sha256(data):
    return hashlib.sha256(data).digest()


def tree_root(hashes):
    """RFC 6962 2.1, from the definition, without recursion: fold pairs, an odd one moves up."""
    if not hashes:
        return sha256(b"")
    while len(hashes) > 1:
        pairs = [sha256(b"\x01" + hashes[i] + hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + ([hashes[-1]] if len(hashes) % 2 else [])
    return hashes[0]


def read(directory, name):
    try:
        with open(os.path.join(directory, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        raise Disagrees(f"{name} is missing")


def tile_name(kind, index, width):
    digits = str(index).zfill((len(str(index)) + 2) // 3 * 3)
    parts = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    name = "/".join(["tile", str(kind)] + ["x" + p for p in parts[:-1]] + [parts[-1]])
    return name if width == WIDTH else f"{name}.p/{width}"


def parse_vkey(text):
    name, key_id, material = text.strip().split("+", 2)
    raw = base64.b64decode(material, validate=True)
    if len(raw) != 33 or raw[0] != 1:
        raise Disagrees("vkey: not an Ed25519 key")
    if sha256(name.encode() + b"\n" + raw)[:4].hex() != key_id:
        raise Disagrees("vkey: the key id belongs to another name or key")
    return name, bytes.fromhex(key_id), raw[1:]


def openssl_verifies(public_key, message, signature):
    # SubjectPublicKeyInfo of an Ed25519 key (RFC 8410): a fixed prefix and the 32 bytes.
    der = bytes.fromhex("302a300506032b6570032100") + public_key
    with tempfile.TemporaryDirectory() as tmp:
        paths = {n: os.path.join(tmp, n) for n in ("key", "message", "signature")}
        for name, data in (("key", der), ("message", message), ("signature", signature)):
            with open(paths[name], "wb") as f:
                f.write(data)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", paths["key"],
             "-in", paths["message"], "-sigfile", paths["signature"]], capture_output=True, check=False)
    return done.returncode == 0


def open_checkpoint(note, vkey):
    name, key_id, public_key = vkey
    text, separator, signatures = note.rpartition(b"\n\n")
    if not separator:
        raise Disagrees("checkpoint: not a signed note")
    text += b"\n"
    verified = False
    for line in signatures.decode().splitlines():
        match = re.fullmatch("\u2014 (\\S+) (\\S+)", line)
        if not match:
            raise Disagrees("checkpoint: not a signature line: " + line)
        raw = base64.b64decode(match[2], validate=True)
        if match[1] != name or raw[:4] != key_id:
            continue
        if not openssl_verifies(public_key, text, raw[4:]):
            raise Disagrees("checkpoint: the signature does not hold")
        verified = True
    if not verified:
        raise Disagrees("checkpoint: not signed by " + name)
    origin, size, root = text.decode().split("\n")[:3]
    if origin != name:
        raise Disagrees("checkpoint: of another log: " + origin)
    if not re.fullmatch("0|[1-9][0-9]*", size):
        raise Disagrees("checkpoint: not a size: " + size)
    return int(size), base64.b64decode(root, validate=True)


def split_bundle(name, data, count):
    at = 0
    for _ in range(count):
        length = int.from_bytes(data[at:at + 2], "big")
        entry = data[at + 2:at + 2 + length]
        if at + 2 > len(data) or len(entry) != length:
            raise Disagrees(f"{name}: shorter than its entries")
        yield entry
        at += 2 + length
    if at != len(data):
        raise Disagrees(f"{name}: bytes after its last entry")


def leaf_hashes(directory, size):
    for index in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - index * WIDTH)
        name = tile_name("entries", index, width)
        for entry in split_bundle(name, read(directory, name), width):
            yield sha256(b"\x00" + entry)


def verify(directory, vkey):
    size, root = open_checkpoint(read(directory, "checkpoint"), vkey)
    hashes = list(leaf_hashes(directory, size))
    leaves = hashes
    level = 0
    while hashes:
        above = []
        for index in range((len(hashes) + WIDTH - 1) // WIDTH):
            part = hashes[index * WIDTH:(index + 1) * WIDTH]
            name = tile_name(level, index, len(part))
            if read(directory, name) != b"".join(part):
                raise Disagrees(f"{name}: not the hashes of what lies below it")
            if len(part) == WIDTH:
                above.append(tree_root(part))
        hashes = above
        level += 1
    if tree_root(leaves) != root:
        raise Disagrees("checkpoint: its root is not that of the entries")
    return size, root


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    directory = arguments[1]
    try:
        text = arguments[2] if len(arguments) == 3 else read(directory, "vkey").decode()
        size, root = verify(directory, parse_vkey(text))
    except (Disagrees, ValueError, OSError) as error:
        print(f"does not hold: {error}", file=sys.stderr)
        return 5
    print(f"ok: {size} entries, root {base64.b64encode(root).decode()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
