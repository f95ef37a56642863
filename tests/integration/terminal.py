"""`interlock run` on a terminal: the room has one of its own, and the human's is nowhere inside."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from harness import INTERLOCK, Skip, Stage, shared
from wire import DEADLINE, wait_until


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = Stage()
    s.work = s.dir / "work"
    s.work.mkdir()
    s.home = s.dir / "home"
    s.home.mkdir()
    return s


def stage():
    return shared(make_stage)


class Human:
    """A person at a terminal of 100 columns and 30 lines who runs a program on it."""

    def __init__(self, command, s=None):
        self.stage = s or stage()
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(self.stage.work)
            os.execve(command[0], command, {**os.environ, **self.stage.env, "HOME": str(self.stage.home), "PS1": "human> ", "TERM": "xterm"})
        self.resize(30, 100)
        self.before = termios.tcgetattr(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def resize(self, lines, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, data):
        os.write(self.fd, data)

    def pump(self, seconds=0.05):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return
        try:
            self.seen += os.read(self.fd, 65536)
        except OSError:
            pass

    def sees(self, text, what=None):
        end = time.monotonic() + 2 * DEADLINE
        while text not in self.seen:
            assert time.monotonic() < end, (what or text, self.seen[-2000:])
            self.pump()

    def end(self):
        """The program's exit status, in the shell's words."""
        end = time.monotonic() + 2 * DEADLINE
        while True:
            self.pump()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                self.pump(0)
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, self.seen[-2000:]


def run(*command, s=None, words=("--quiet",)):
    s = s or stage()
    return Human([str(INTERLOCK), "--state", str(s.state), "--config", str(s.config), "run", "--no-recovery-point", *words, "--workspace",
                  str(s.work), "--", *command], s)


def sh(script, **more):
    return run("sh", "-c", script, **more)


def test_the_command_has_a_terminal_of_the_rooms_own_with_the_size_of_the_humans():
    with sh("tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all three; echo done") as human:
        human.sees(b"done\r\n")
        assert b"/dev/pts/0" in human.seen and b"30 100" in human.seen and b"all three" in human.seen, human.seen
        assert human.end() == 0


def test_the_exit_status_passes_through_a_terminal():
    with sh("exit 7") as human:
        assert human.end() == 7


def test_what_is_typed_goes_in_and_the_end_of_input_ends_it():
    with run("cat") as human:
        human.type(b"hello\n")
        human.sees(b"hello\r\nhello\r\n")
        human.type(b"\x04")
        assert human.end() == 0


def test_ctrl_c_interrupts_the_command_and_nothing_else():
    with sh("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done") as human:
        human.sees(b"ready")
        human.type(b"\x03")
        human.sees(b"caught")
        assert human.end() == 3


def test_a_new_size_is_told_to_the_command():
    with sh("trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.1; done") as human:
        human.sees(b"ready")
        human.resize(40, 120)
        human.sees(b"40 120")
        assert human.end() == 0


def test_ctrl_z_stops_the_room_and_fg_resumes_it():
    s = stage()
    with Human(["/bin/bash", "--norc", "-i"], s) as human:
        human.sees(b"human> ")
        # exec: dash starts a program by vfork, and while the child is stopped before its exec nothing stops dash,
        # in a room or not.
        line = f"{INTERLOCK} --state {s.state} --config {s.config} run --quiet --no-recovery-point --workspace {s.work} -- sh -c 'echo ready; exec cat'\n"
        human.type(line.encode())
        human.sees(b"ready\r\n")
        human.type(b"\x1a")
        human.sees(b"Stopped", "the shell says that the job was stopped")
        human.type(b"echo at the $((40+2)) prompt\n")
        human.sees(b"at the 42 prompt")
        human.type(b"fg\n")
        human.type(b"again\n")
        human.sees(b"again\r\nagain\r\n")
        human.seen = b""
        human.type(b"\x04")
        human.sees(b"human> ")
        human.type(b"echo over $((1+1))\n")
        human.sees(b"over 2")


def test_the_clipboard_is_not_written_and_nothing_is_made_to_answer():
    with sh(r"printf 'a\033]52;c;cm0gLXJmIH4=\007b\033[21tc\033P$q\"p\033\\d\005e\n'; printf '\033[1mbold\033[0m done\n'") as human:
        human.sees(b"done")
        assert b"abcde" in human.seen and b"\x1b]52" not in human.seen and b"\x1b[1mbold" in human.seen, human.seen
        assert human.end() == 0


def test_the_terminal_is_as_before_when_the_command_is_over():
    with sh(r"stty raw -echo; printf '\033[?1049h\033[?25l'; exit 5") as human:
        assert human.end() == 5
        assert termios.tcgetattr(human.fd)[:4] == human.before[:4]
        assert b"\x1b[?1049l" in human.seen and b"\x1b[?25h" in human.seen, human.seen


def test_the_humans_terminal_is_open_nowhere_inside():
    # The room's devpts knows one terminal; the human's has no name in it and no descriptor leads to it.
    with sh("ls /dev/pts; for fd in /proc/[0-9]*/fd/*; do readlink $fd; done 2>/dev/null | grep -v '^/dev/pts/0$' | grep -c pts; echo done") as human:
        human.sees(b"done")
        assert b"0  ptmx" in human.seen or b"0\r\nptmx" in human.seen, human.seen
        assert b"\r\n0\r\ndone" in human.seen, human.seen


def test_pipes_beside_a_terminal_pass_untouched():
    s = stage()
    line = (f"printf 'a\\000b\\r\\n' | {INTERLOCK} --state {s.state} --config {s.config} run --quiet --no-recovery-point --workspace {s.work} -- "
            "sh -c 'cat; test -t 2 && echo err is shown >&2' | od -c | head -1; echo over $((1+1))\n")
    with Human(["/bin/bash", "--norc", "-i"], s) as human:
        human.sees(b"human> ")
        human.type(line.encode())
        human.sees(b"over 2")
        assert b"a  \\0   b  \\r  \\n" in human.seen and b"err is shown" in human.seen, human.seen


def test_a_gateway_killed_under_a_terminal_ends_the_session_and_restores_it():
    with Stage() as s:
        s.work = s.dir / "work"
        s.work.mkdir()
        s.home = s.dir / "home"
        s.home.mkdir()
        s.note_gateway()
        with sh("stty raw -echo; echo ready; sleep 1000", s=s) as human:
            human.sees(b"ready")
            s.kill_gateway()
            human.sees(b"gateway went away")
            assert human.end() == 1
            assert termios.tcgetattr(human.fd)[:4] == human.before[:4]


def test_a_killed_launcher_takes_the_room_with_it():
    with sh("echo $$ inside; exec sleep 98765") as human:
        human.sees(b"inside")
        os.kill(human.pid, signal.SIGKILL)
        wait_until(lambda: subprocess.run(["pgrep", "-f", "^sleep 98765$"], capture_output=True, check=False).returncode != 0,
                   "the end of what ran inside")
