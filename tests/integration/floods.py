"""Agents that flood, launchers and gateways that die, workspaces that no one expects: nothing gets out, nobody else is
kept waiting, and what can't be is refused in one line."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile

from harness import INTERLOCK, PLAIN, Skip, Stage, every, is_alive, run_as_normal_user, shared
from wire import wait_until


def needs_rooms():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")


def make_stage():
    needs_rooms()
    s = Stage(egress=(PLAIN,), railsim=False)
    s.home = s.dir / "home"
    s.home.mkdir()
    return s


def stage():
    return shared(make_stage)


def workspace(name):
    work = stage().dir / name
    work.mkdir()
    return work


def run(work, script, *words, timeout=110, env=None):
    s = stage()
    return s.interlock("run", "--quiet", "--no-recovery-point", "--workspace", work, *words, "--", "/usr/bin/python3", "-c", script, cwd=s.dir,
                       env={"HOME": str(s.home), **(env or {})}, timeout=timeout)


def another_session_is_served():
    with stage().session() as session:
        assert session.get(PLAIN).status == 200


# --- floods ---


def test_a_fork_bomb_meets_its_bound_and_leaves_the_gateway_alone():
    work = workspace("fork")
    s = stage()
    script = "mkfifo pipe; exec 3<> pipe; n=0; while (read x <&3) & do n=$((n + 1)); echo $n > count; done"
    reply = s.interlock("run", "--quiet", "--no-recovery-point", "--workspace", work, "--", "dash", "-c", script, cwd=s.dir,
                        env={"HOME": str(s.home)}, timeout=110)
    assert reply.status == 2 and "fork" in reply.err and 100 < int((work / "count").read_text()) < 4096, reply
    another_session_is_served()


def test_a_flood_of_descriptors_meets_its_bound():
    work = workspace("descriptors")
    reply = run(work, "import os, socket\nn = 0\ntry:\n    while n < 200000:\n        os.open('/dev/null', 0); n += 1\n"
                "except OSError: pass\nprint(n)")
    assert reply.status == 0 and 0 < int(reply.out) <= 200000, reply
    another_session_is_served()


def test_the_rooms_own_file_systems_take_a_part_of_memory_each():
    work = workspace("disk")
    reply = run(work, "import os\n"
                "total = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')\n"
                "for path in ('/tmp', '/var/tmp', '/dev/shm', os.path.expanduser('~')):\n"
                "    v = os.statvfs(path); print(path, v.f_blocks * v.f_frsize <= total // 4)\n"
                "os.truncate(os.open('/tmp/x', os.O_CREAT | os.O_RDWR), total)\n"
                "try: os.posix_fallocate(os.open('/tmp/x', os.O_RDWR), 0, total); print('filled')\n"
                "except OSError as e: print(e.errno)\n")
    assert reply.out.split()[1::2] == ["True"] * 4 and reply.out.endswith("\n28\n"), reply


def test_the_room_is_what_the_kernel_ends_first_when_memory_runs_out():
    reply = run(workspace("memory"), "print(open('/proc/self/oom_score_adj').read().strip(), open('/proc/1/oom_score_adj').read().strip())")
    assert reply.out.split() == ["500", "500"], reply


def test_a_flood_of_denied_requests_is_counted_and_keeps_nobody_waiting():
    with Stage(egress=(PLAIN,), railsim=False) as s, s.session() as session, s.session() as other:
        def flood(host, count, headers=()):
            with session.tls(host) as c:
                return [session.get(host, headers=headers, connection=c).denied for _ in range(count)]

        told = flood("evil.example", 1000)
        assert all(d.startswith("d-") for d in told) and len(set(told)) < 400, len(set(told))
        assert other.get(PLAIN).status == 200
        session.close()
        wait_until(lambda: any(e["type"] == "session-end" for e in s.ledger()), "the session's end")
        entries = [e for e in s.ledger() if e.get("session") == session.id]
        each = [e for e in entries if e["type"] == "decision"]
        together = [e for e in entries if e["type"] == "refusals"]
        assert len(each) < 400 and len(together) < 50, (len(each), len(together))
        assert len(each) + sum(e["count"] for e in together) == 1000
        assert together[0]["rules"] == {"egress": together[0]["count"]} and together[0]["example"] == "evil.example"
        assert set(told) == {e["id"] for e in each} | {e["id"] for e in together}, "an agent was told an id that isn't on the record"


def test_what_is_sent_is_recorded_by_itself_however_many_there_are():
    with Stage(egress=(PLAIN,), railsim=False) as s, s.session() as session:
        with session.tls(PLAIN) as c:
            assert all(session.get(PLAIN, connection=c).status == 200 for _ in range(500))
        allowed = [e for e in s.ledger() if e["type"] == "decision" and e["session"] == session.id]
        assert len(allowed) == 500 and len(s.plain.requests) == 500


def test_a_new_secret_is_recorded_in_the_middle_of_a_flood():
    with Stage(egress=(PLAIN,), railsim=False) as s, s.session() as session:
        def token(n):
            return "ghp_" + f"{n:04d}" + "Zk3Rw8Lq2Vb7Tn5Xc9Jm4Hd6Fs1Gp0aQ"

        with session.tls(PLAIN) as c:
            for _ in range(400):
                assert session.get(PLAIN, headers={"x-key": token(1)}, connection=c).status == 403
            assert session.get(PLAIN, headers={"x-key": token(2)}, connection=c).status == 403
        leaks = [e for e in s.ledger() if e["type"] == "leak"]
        assert len({e["fingerprint"] for e in leaks}) == 2 and len(leaks) < 300, len(leaks)
        assert s.plain.requests == []


# --- deaths ---


def processes_with(mark):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes() and is_alive(int(path.parent.name)):
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def test_a_launcher_killed_at_any_moment_leaves_no_orphan():
    s = stage()
    seed = int(os.environ.get("INTERLOCK_TEST_SEED", random.randrange(1 << 30)))
    print(f"seed {seed}")
    moments = random.Random(seed)
    for round_ in range(12):
        work = workspace(f"killed-{round_}")
        session = f"killed-{seed}-{round_}"
        command = [INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--no-recovery-point", "--workspace", work, "--",
                   "sh", "-c", "touch started; (setsid sleep 600 &) ; sleep 600"]
        process = subprocess.Popen([str(w) for w in command], cwd=work, env={**os.environ, "HOME": str(s.home), "TERM": session},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:  # a moment before or after the room stands; which one doesn't matter to what is claimed
            process.wait(moments.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: processes_with(f"TERM={session}") == [], f"the end of what round {round_} left")
    wait_until(lambda: s.status()["sessions"] == [], "the sessions' end")
    another_session_is_served()


def test_a_gateway_killed_under_a_flood_lets_nothing_pass():
    needs_rooms()
    with Stage(egress=(PLAIN,), railsim=False) as s:
        work, home = s.dir / "work", s.dir / "home"
        work.mkdir(), home.mkdir()
        script = f"touch ready; while :; do curl -sS --max-time 5 https://{PLAIN}/ || break; done; touch over; sleep 600"
        with subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--no-recovery-point", "--workspace", work, "--",
                               "sh", "-c", script], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(home)}) as process:
            wait_until(lambda: s.plain.requests, "the first request")
            s.kill_gateway()
            _, err = process.communicate(timeout=60)
        assert process.returncode == 1 and b"the gateway went away" in err, err


# --- odd workspaces ---

ODD_NAMES = [b"a\nb", b"quote'\"s", b"back\\slash", b"-rf", b"--weaken", b"*", b"$(id)", b"`id`", b" ", b"\x01\x1b[31m", b"~", b"#", b"%s%n",
             "ünïcödé".encode(), b"n" * 255]


def test_a_path_with_any_byte_is_a_workspace_like_another():
    top = os.fsencode(workspace("odd"))

    def check(name):
        work = os.path.join(top, name)
        os.mkdir(work)
        s = stage()
        done = subprocess.run([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--no-recovery-point", b"--workspace=" + work, "--",
                               "sh", "-c", "echo made > file && pwd"], cwd=work, env={**os.environ, "HOME": str(s.home)}, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0 and done.stdout == work + b"\n", done
        with open(os.path.join(work, b"file")) as file:
            assert file.read() == "made\n"

    every([(name,) for name in ODD_NAMES], check)
    assert stage().interlock("ledger", "verify").status == 0


def test_a_path_that_is_not_utf_8_is_refused_with_the_reason():
    s = stage()
    work = os.path.join(os.fsencode(workspace("not-utf-8")), b"\xff\xfe")
    os.mkdir(work)
    done = subprocess.run([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--", "echo", "ran"], cwd=work,
                          env={**os.environ, "HOME": str(s.home)}, capture_output=True, timeout=60, check=False)
    assert done.returncode == 4 and done.stdout == b"" and b"is not UTF-8" in done.stderr and done.stderr.isascii(), done


def test_files_with_any_name_can_be_made_and_are_listed_without_their_bytes():
    s = stage()
    work = os.fsencode(workspace("odd-files"))
    names = [*ODD_NAMES, b"\xff\xfe"]
    for name in names:
        with open(os.path.join(work, name), "w") as file:
            file.write("x\n")
    reply = s.interlock("run", "--quiet", "--mode", "review", "--workspace", os.fsdecode(work), "--", "/usr/bin/python3", "-c",
                        "import os\nfor n in os.listdir(b'.'):\n    open(n, 'ab').write(b'y\\n')\nprint(os.environ['INTERLOCK_SESSION'])",
                        cwd=s.dir, env={"HOME": str(s.home)})
    assert reply.status == 0, reply
    diff = s.interlock("workspace", "diff", reply.out.strip())
    assert diff.status == 0 and "\x1b" not in diff.out and "\x01" not in diff.out, diff
    assert s.interlock("workspace", "apply", reply.out.strip()).status == 0
    for name in names:
        with open(os.path.join(work, name)) as file:
            assert file.read() == "x\ny\n", name


def test_a_workspace_by_way_of_a_link_is_the_directory_it_leads_to():
    work = workspace("real")
    link = stage().dir / "link"
    link.symlink_to(work)
    reply = run(link, "import os; open('made', 'w').write('x'); print(os.getcwd())")
    assert reply.out == f"{work}\n" and (work / "made").exists(), reply


def test_a_read_only_workspace_stays_read_only():
    work = workspace("read-only")
    (work / "file").write_text("as it was\n")
    if os.geteuid() != 0:
        work.chmod(0o500)
        try:
            reply = run(work, "print(open('file').read())\ntry: open('new', 'w'); print('written')\nexcept OSError as e: print(e.errno)")
        finally:
            work.chmod(0o700)
        assert reply.status != 0 or "written" not in reply.out, reply
        return
    subprocess.run(["mount", "--bind", work, work], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", work], check=True)
        reply = run(work, "print(open('file').read())\ntry: open('new', 'w'); print('written')\nexcept OSError as e: print(e.errno)")
    finally:
        subprocess.run(["umount", work], check=True)
    # It may be shown read-only or be refused in one line, since nothing can be reserved in it.
    assert "written" not in reply.out and (reply.status == 0 or len(reply.err.strip().splitlines()) == 1), reply
    assert not (work / "new").exists() and (work / "file").read_text() == "as it was\n"


def test_a_workspace_on_a_tmpfs_works_in_both_modes():
    s = stage()
    if not os.access("/dev/shm", os.W_OK):
        raise Skip("there is no writable tmpfs")
    work = pathlib.Path(tempfile.mkdtemp(prefix="interlock-test-", dir="/dev/shm"))
    try:
        # /dev belongs to the system; elsewhere a tmpfs is a directory like another.
        reply = run(work, "print('ran')")
        assert reply.status == 4 and "belongs to the system" in reply.err and "ran" not in reply.out, reply
    finally:
        shutil.rmtree(work)
    if os.geteuid() != 0:
        return
    work = workspace("tmpfs")
    subprocess.run(["mount", "-t", "tmpfs", "none", work], check=True)
    try:
        assert run(work, "open('live', 'w').write('x')").status == 0 and (work / "live").exists()
        reply = s.interlock("run", "--quiet", "--mode", "review", "--workspace", work, "--", "sh", "-c", "echo x > review", cwd=s.dir, env={"HOME": str(s.home)})
        assert reply.status == 0 and not (work / "review").exists(), reply
    finally:
        subprocess.run(["umount", "-l", work], check=True)


def test_a_workspace_of_a_hundred_thousand_files_starts():
    work = workspace("huge")
    for directory in range(100):
        inner = work / f"d{directory}"
        inner.mkdir()
        for number in range(1000):
            os.close(os.open(f"{inner}/f{number}", os.O_CREAT | os.O_WRONLY, 0o644))
    reply = run(work, "import os; print(sum(len(f) for _, _, f in os.walk('.')))")
    assert reply.status == 0 and int(reply.out) >= 100_000, reply


def test_the_whole_machine_is_no_workspace():
    reply = run("/", "print('ran')")
    assert reply.status == 4 and "more than one project" in reply.err and "ran" not in reply.out, reply


def test_a_room_in_a_room_is_refused_with_the_reason():
    work = workspace("nested")
    shutil.copy(INTERLOCK, work / "tool")
    reply = run(work, "import subprocess\nd = subprocess.run(['./tool', 'run', '--', 'true'], capture_output=True, text=True)\nprint(d.returncode, d.stderr)")
    assert reply.out.startswith("4 ") and "rooms don't nest" in reply.out, reply


# --- what this machine lacks ---


def test_without_a_bound_on_processes_nothing_starts_unless_it_is_named():
    s = stage()
    kernel = "kernel-5.13"  # neither a limit for each namespace nor one that counts for itself
    work = workspace("unbounded")
    reply = run(work, "print('ran')", env={"ILK_PRETEND": kernel})
    assert reply.status == 1 and "ran" not in reply.out and "--weaken no-process-limit" in reply.err, reply
    before = len(s.ledger())
    with subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--no-recovery-point", "--workspace", work, "--weaken",
                           "no-process-limit", "--", "sh", "-c", "touch started; while [ ! -e seen ]; do sleep 0.05; done"], cwd=s.dir,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(s.home), "ILK_PRETEND": kernel}) as process:
        wait_until(lambda: (work / "started").exists(), "the room")
        status = s.status()
        (work / "seen").write_text("")
        _, err = process.communicate(timeout=60)
    weak = [x for x in status["sessions"] if x["weakened"] == ["no-process-limit"]]
    assert len(weak) == 1 and f"no-process-limit-{weak[0]['session']}" in [w["name"] for w in status["weaknesses"]], status
    assert b"WEAKENED by --weaken no-process-limit" in err, err
    started = [e for e in s.ledger()[before:] if e["type"] == "session-start" and e["session"] == weak[0]["session"]]
    assert started and started[0]["weakened"] == ["no-process-limit"]


def test_a_name_that_is_not_needed_weakens_nothing_and_an_unknown_one_is_a_usage_error():
    s = stage()
    work = workspace("names")
    reply = run(work, "print('ran')", "--weaken", "network")
    assert reply.status == 2 and "no-process-limit" in reply.err and "ran" not in reply.out, reply
    plan = s.interlock("run", "--print-plan", "--workspace", work, "--weaken", "no-process-limit", "--", "true", cwd=s.dir, env={"HOME": str(s.home)}).json
    bound = plan["limits"].get("nproc") or plan["sysctls"].get("kernel/pid_max")
    assert bool(bound) != (plan["weakened"] == ["no-process-limit"]), plan


def test_without_nf_tables_some_ports_lead_to_the_gateway_and_the_others_nowhere():
    s = stage()
    work = workspace("ports")
    script = ("import socket, subprocess\n"
              f"print(subprocess.run(['curl', '-sS', '--max-time', '20', 'https://{PLAIN}/'], capture_output=True, text=True).stdout.strip())\n"
              "print(subprocess.run(['curl', '-sS', '--max-time', '20', 'http://1.2.3.4/'], capture_output=True, text=True).stdout[:400].count('INTERLOCK DENIED'))\n"
              "for host, port in (('1.2.3.4', 8080), ('2606:4700::1111', 25), ('198.18.0.16', 15001)):\n"
              "    try: socket.create_connection((host, port), 10); print('connected')\n"
              "    except OSError as e: print(e.errno)\n"
              "open('started', 'w')\n"
              "import os, time\nwhile not os.path.exists('seen'): time.sleep(0.05)\n")
    with subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--no-recovery-point", "--workspace", work, "--",
                           "/usr/bin/python3", "-u", "-c", script], cwd=s.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "HOME": str(s.home), "ILK_PRETEND": "no-nf-tables"}) as process:
        wait_until(lambda: (work / "started").exists() or process.poll() is not None, "the room's attempts")
        weaknesses = [w["name"] for w in s.status()["weaknesses"]]
        (work / "seen").write_text("")
        out, err = process.communicate(timeout=60)
    assert out.decode().split() == ["fine", "1", "111", "111", "111"], (out, err)
    assert b"only ports 443, 80" in err and [w for w in weaknesses if w.startswith("some-ports-s-")], (err, weaknesses)


# --- as whom ---


def test_floods_and_odd_workspaces_of_a_normal_user_end_the_same():
    names = ["test_a_fork_bomb_meets_its_bound_and_leaves_the_gateway_alone", "test_the_rooms_own_file_systems_take_a_part_of_memory_each",
             "test_a_launcher_killed_at_any_moment_leaves_no_orphan", "test_a_path_with_any_byte_is_a_workspace_like_another",
             "test_a_read_only_workspace_stays_read_only", "test_without_nf_tables_some_ports_lead_to_the_gateway_and_the_others_nowhere",
             "test_the_room_is_what_the_kernel_ends_first_when_memory_runs_out"]
    run_as_normal_user("floods.py", names)
