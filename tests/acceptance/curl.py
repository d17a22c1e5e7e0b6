"""Running a curl command line as it stands in the documentation, by curl itself or, without it, by its meaning."""

import shlex
import shutil
import subprocess

from tests.acceptance.sending import Answer, send

HAS_CURL = shutil.which("curl") is not None


def by_curl(line: str) -> Answer:
    """Run a line by a shell; `-i` is added, so that the answer's headers are seen."""
    # The line is this project's own, and a shell is what its readers paste it into.
    done = subprocess.run(  # noqa: S602
        f"{line} --silent --show-error --include",
        shell=True,
        capture_output=True,
        timeout=30,
        check=True,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    _, status, reason = (*status_line.split(" ", 2), "")[:3]
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Answer(status=int(status), reason=reason, headers=headers, body=body)


def by_meaning(line: str) -> Answer:
    """Send what a line says: -X, -H, -d and -i, and nothing else."""
    program, *words = shlex.split(line.replace("\\\n", " "))
    assert program == "curl"
    method, url, headers, body = "", "", dict[str, str](), b""
    rest = iter(words)
    for word in rest:
        match word:
            case "-X":
                method = next(rest)
            case "-H":
                name, _, value = next(rest).partition(":")
                headers[name] = value.strip()
            case "-d":
                body = next(rest).encode()
            case "-i":
                pass  # the answer's headers are always seen
            case _:
                url = word
    return send(url, method=method or ("POST" if body else "GET"), headers=headers, body=body)


RUNNERS = (by_meaning, by_curl) if HAS_CURL else (by_meaning,)
