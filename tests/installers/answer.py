"""answer.py COMMAND…: runs a command on a terminal of its own and answers its questions.

Standard input: a JSON list of [question, answer]. What the terminal showed goes to standard output; the exit code is the command's.
"""

import json
import os
import pty
import select
import signal
import sys
import time


def main():
    answers = json.load(sys.stdin)
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    shown = b""
    seen = 0
    interrupting = False
    deadline = time.monotonic() + 120
    while True:
        if not select.select([terminal], [], [], 1)[0]:
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                shown += b"\nanswer.py: nothing more came in two minutes"
                break
            # A shell that was between its question and its reading heard the signal and reads on: a person presses again.
            if interrupting:
                os.write(terminal, b"\x03")
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other side is closed: Linux says EIO
            break
        if not piece:
            break
        shown += piece
        if answers and answers[0][0].encode() in shown[seen:]:
            seen = len(shown)
            question, answer = answers.pop(0)
            if answer == "^C":
                interrupting = True
                os.write(terminal, b"\x03")
                continue
            if "Password" in question:
                wait_until_silent(terminal)
            os.write(terminal, answer.encode() + b"\n")
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def wait_until_silent(terminal):
    """Until the terminal shows no more what is typed, as a person would see it."""
    import termios

    for _ in range(500):
        if not termios.tcgetattr(terminal)[3] & termios.ECHO:
            return
        time.sleep(0.01)


main()
