"""Throw-away certificates, made with the openssl program."""
import pathlib
import subprocess

_CONFIG = """
[ca]
default_ca = own
[own]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
"""


def _openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {words[0]}: {done.stderr}"


class Authority:
    """A private CA in `directory`; `pem` is what a client is told to trust."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True)
        self.pem = self.dir / "ca.pem"
        self.key = self.dir / "ca.key"
        (self.dir / "index.txt").write_text("")
        (self.dir / "openssl.cnf").write_text(_CONFIG.format(dir=self.dir))
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE",
                 "-addext", "keyUsage=critical,keyCertSign", "-keyout", self.key, "-out", self.pem)

    def issue(self, label, names, days=None):
        """(chain, key) for DNS `names`. `days`: (notBefore, notAfter) as YYYYMMDDHHMMSSZ."""
        key, request, chain = (self.dir / f"{label}.{end}" for end in ("key", "csr", "pem"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={label}",
                 "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names), "-keyout", key, "-out", request)
        when = ["-startdate", days[0], "-enddate", days[1]] if days else ["-days", "2"]
        _openssl("ca", "-batch", "-notext", "-config", self.dir / "openssl.cnf", "-cert", self.pem, "-keyfile", self.key,
                 "-in", request, "-out", chain, *when)
        return chain, key
