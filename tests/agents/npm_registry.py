"""A registry with one package, made here: what a package manager in a room installs through the gateway."""
import base64
import hashlib
import io
import json
import tarfile

from fake_upstream import ok


def _tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


class NpmRegistry:
    """`answer` is for a FakeUpstream at `host`; `fetched` holds the paths that were asked for."""

    def __init__(self, host, name, files):
        manifest = {"name": name, "version": "1.0.0", "main": "index.js"}
        self.tarball = _tarball({"package.json": json.dumps(manifest), **files})
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(self.tarball).digest()).decode()
        dist = {"tarball": f"https://{host}/{name}/-/{name}-1.0.0.tgz", "integrity": integrity}
        self.packument = {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {**manifest, "dist": dist}}}
        self.name = name
        self.fetched = []

    def answer(self, connection, request):
        path = request.target.split("?")[0]
        self.fetched.append(path)
        if path == f"/{self.name}":
            connection.send(ok(json.dumps(self.packument)).replace(b"text/plain", b"application/json"))
        elif path.endswith(".tgz"):
            connection.send(ok(self.tarball).replace(b"text/plain", b"application/octet-stream"))
        else:
            connection.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return True
