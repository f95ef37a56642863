"""What is neither TLS nor HTTP is refused fast, with the reason where its tool shows it."""
import os
import pathlib
import shutil
import subprocess
import struct

from harness import PLAIN, Skip, Stage, every, shared

REASON = b"INTERLOCK DENIED: not sent, nothing changed."


def make_stage():
    return Stage(egress=(PLAIN,), railsim=False)


def pg(code, rest=b""):
    return struct.pack(">II", 8 + len(rest), code) + rest


def test_a_client_is_told_in_its_own_protocol():
    s = shared(make_stage)
    with s.session() as session:
        cases = [("ssh", 22, b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-Interlock\r\n"),
                 ("ssh elsewhere", 2222, b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-Interlock\r\n"),
                 ("postgres", 5432, pg(196608, b"user\0x\0\0"), b"E"), ("postgres over TLS", 5432, pg(80877103) + pg(196608, b"user\0x\0\0"), b"NE"),
                 ("redis", 6379, b"*1\r\n$4\r\nPING\r\n", b"-NOPERM "), ("smtp", 25, b"", b"554 "), ("ftp", 21, b"", b"421 "),
                 ("imap", 143, b"", b"* BYE "), ("mysql", 3306, b"", None), ("ssh that waits", 22, b"", b"SSH-2.0-")]

        def check(_, port, says, begins):
            for host in (PLAIN, "10.0.0.1"):
                with session.tunnel(host, port) as connection:
                    connection.send(says)
                    told = connection.rest()
                    assert REASON in told and f"{host}:{port}".encode() in told, told
                    assert begins is None or told.startswith(begins), told
        every(cases, check)
    assert s.plain.connections == 0 and s.odd.connections == 0


def test_bytes_of_no_known_protocol_are_refused_as_not_http():
    s = shared(make_stage)
    with s.session() as session:
        for says in (b"\x01\x02\x03\x04", b"\x00\x00\x00\x08\x00\x00\x00\x00", b"EHLO me\r\n\r\n", b"\xff\xfb\x01"):
            with session.tunnel(PLAIN, 7777) as connection:
                connection.send(says)
                told = connection.rest()
                assert told.startswith(b"HTTP/1.1 ") and b"not sent, nothing changed" in told, told
    assert s.plain.connections == 0


def test_ssh_shows_the_reason():
    ssh = shutil.which("ssh")
    if ssh is None:
        raise Skip("ssh is not installed")
    s = shared(make_stage)
    with s.session() as session:
        host, port = session.proxy.rsplit(":", 1)
        proxy = s.dir / "proxy.py"
        proxy.write_text(f"""import os, socket, sys, threading
sock = socket.create_connection(({host!r}, {port}))
sock.sendall({session.connect_bytes("git.test:22")!r})
head = b""
while b"\\r\\n\\r\\n" not in head:
    head += sock.recv(1)
def up():
    while data := os.read(0, 4096):
        sock.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := sock.recv(4096):
    os.write(1, data)
""")
        done = subprocess.run([ssh, "-F", "none", "-o", f"ProxyCommand=python3 {proxy}", "-o", "UserKnownHostsFile=/dev/null",
                               "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "x@git.test", "true"],
                              capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
                              env={**os.environ, "HOME": str(pathlib.Path(s.dir))})
        assert done.returncode == 255 and REASON in done.stderr, done


def test_psql_shows_the_reason_inside_a_room():
    if shutil.which("psql") is None:
        raise Skip("psql is not installed")
    s = shared(make_stage)
    workspace = s.dir / "workspace"
    workspace.mkdir(exist_ok=True)
    done = s.interlock("run", "--workspace", workspace, "--quiet", "--", "psql", "-w", "host=db.test user=x dbname=x connect_timeout=20",
                       "-c", "drop table t", env={"PGPASSWORD": ""})
    if "interlock doctor" in done.err and done.status == 1:
        raise Skip("this machine can't build a room: " + done.err)
    assert done.status == 2 and REASON.decode() in done.err, done
