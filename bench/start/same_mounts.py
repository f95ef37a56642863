#!/usr/bin/env python3
"""Prints the bubblewrap command that makes the mounts of one of our rooms, so that both start-ups can be
timed around the same work:   interlock run --print-plan --json -- /bin/true | same_mounts.py /bin/true

bubblewrap has no overlays in Debian 12: a read-only layer is a read-only bind there, which is less work."""
import json
import os
import shlex
import sys

plan = json.load(sys.stdin)
argv = ["bwrap", "--unshare-all", "--die-with-parent", "--clearenv"]
for variable in plan["environment"]:
    if "value" in variable:
        argv += ["--setenv", variable["name"], variable["value"]]
for mount in plan["mounts"]:
    kind, target, source = mount["kind"], mount["target"], mount.get("source", "")
    match kind:
        case "directory":
            argv += ["--dir", target]
        case "link":
            argv += ["--symlink", source, target]
        case "bind-read-only" | "layer-read-only":
            argv += ["--ro-bind", source, target]
        case "bind-read-write":
            argv += ["--bind", source, target]
        case "device":
            argv += ["--dev-bind", source, target]
        case "tmpfs":
            argv += ["--tmpfs", target]
        case "proc":
            argv += ["--proc", target]
        case "file":
            argv += ["--ro-bind", "/etc/hostname", target]
        case "hide" | "freeze":
            at = target.replace("/.interlock-etc", "/etc") if target.startswith("/.interlock-etc") else target
            if kind == "freeze" and target.startswith("/proc"):
                argv += ["--ro-bind", target, target]
            elif os.path.isdir(at):
                argv += ["--tmpfs", target]
            elif os.path.exists(at):
                argv += ["--ro-bind", "/dev/null", target]
        case "devpts":
            pass  # bubblewrap makes one only with a whole /dev of its own
        case _:
            sys.exit(f"same_mounts: no bubblewrap form of \"{kind}\"")
print(shlex.join(argv + sys.argv[1:]))
