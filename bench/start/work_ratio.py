#!/usr/bin/env python3
"""How much slower is ordinary work inside a room than outside?   work_ratio.py INTERLOCK [ROUNDS]

One room stays open; the same commands run in it and outside, in turn, on the same workspace (live mode), and
each is timed by the process that starts it, on its own side. Printed: the medians and the median of the
ratios of neighbouring runs. Workspace: a clone of this project; for npm, packages made here, as tarballs, so
that nothing is fetched."""
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile

interlock = os.path.realpath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

WORKER = """
import subprocess, sys, time
for line in sys.stdin:
    begin = time.monotonic()
    status = subprocess.run(["sh", "-c", line], stdout=subprocess.DEVNULL, stderr=sys.stderr).returncode
    print(status, time.monotonic() - begin, flush=True)
"""


def make_packages(directory, count=60, files=40):
    os.makedirs(directory)
    dependencies = {}
    for number in range(count):
        name = f"part-{number}"
        path = os.path.join(directory, f"{name}.tgz")
        with tarfile.open(path, "w:gz") as archive:
            members = {"package.json": json.dumps({"name": name, "version": "1.0.0"})}
            for file in range(files):
                members[f"lib/m{file}.js"] = f"module.exports = {number * files + file};\n" * 20
            for member, text in members.items():
                info = tarfile.TarInfo(f"package/{member}")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
        dependencies[name] = f"file:parts/{name}.tgz"
    return dependencies


class Side:
    def __init__(self, argv, cwd, env):
        self.process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2 or answer[0] != "0":
            sys.exit(f"work_ratio: \"{command}\" ended with {answer}")
        return float(answer[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


with tempfile.TemporaryDirectory(prefix="work-ratio-") as work:
    workspace = os.path.join(work, "workspace")
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", source, workspace], check=True)
    app = os.path.join(workspace, "app")
    dependencies = make_packages(os.path.join(app, "parts"))
    with open(os.path.join(app, "package.json"), "w") as file:
        json.dump({"name": "app", "version": "1.0.0", "dependencies": dependencies}, file)
    cache = os.path.join(workspace, ".npm-cache")
    env = {**os.environ, "XDG_STATE_HOME": os.path.join(work, "state")}
    npm = f"npm_config_cache={cache} npm"
    has_npm = subprocess.run(["sh", "-c", f"cd app && {npm} install --offline --no-audit --no-fund"], cwd=workspace,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    worker = os.path.join(workspace, "worker.py")
    with open(worker, "w") as file:
        file.write(WORKER)
    python = "/usr/bin/python3"
    outside = Side([python, worker], workspace, env)
    inside = Side([interlock, "run", "--quiet", "--no-recovery-point", "--", python, worker], workspace, env)
    tasks = [("git status", "git status --porcelain"),
             ("C++ build", "g++ -std=c++23 -O1 -Isrc -c src/base/file.cc -o /dev/null && g++ -std=c++23 -O1 -Isrc -c src/base/bytes.cc -o /dev/null"),
             ("npm ci, offline", f"cd app && {npm} ci --offline --no-audit --no-fund")]
    if not has_npm:
        print("work_ratio: npm left out: it can't install the packages made here")
        tasks.pop()
    for name, command in tasks:
        outside.run(command), inside.run(command)
        pairs = []
        for number in range(rounds):
            if number % 2:
                pairs.append((outside.run(command), inside.run(command)))
            else:
                second = inside.run(command)
                pairs.append((outside.run(command), second))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name:16} outside {statistics.median(a for a, _ in pairs) * 1e3:9.1f} ms   "
              f"inside {statistics.median(b for _, b in pairs) * 1e3:9.1f} ms   ratio {ratio:.3f}", flush=True)
    inside.close()
    outside.close()
    subprocess.run([interlock, "gateway", "stop"], env=env, stdout=subprocess.DEVNULL)
